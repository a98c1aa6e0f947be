"""Warps of a known sky in sub-bands, dispersed as the model has it, on an awkward box, rotated or not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from astropy.io.fits import Header

from coaddc.model.air import Air
from coaddc.model.assembly import StackSection, WavelengthSection
from coaddc.model.dcr import DcrModel, Observed
from coaddc.model.geom import Box
from coaddc.model.images import Stacked, Warp
from coaddc.model.mask import bit, bits
from coaddc.model.psf import GaussianMixture
from coaddc.model.refraction import PARTS, Floats, bending, zenith
from coaddc.model.wcs import Wcs
from coaddc.ops.dispersion import Lift
from coaddc.ops.mean import MeanStack
from coaddc.sim.field import tangent_header
from coaddc.sim.render import add_stars

RA, DEC, SCALE = 62.4, -24.6, 0.2
BOX = Box(y0=-37, y1=148, x0=1011, x1=1240)
BEND = bending(Air(), (400.0, 550.0), 3)
MARGIN = 32
#: Air mass and parallactic angle, degrees, of the visits.
SKIES = ((1.05, 20.0), (1.3, -75.0), (1.8, -110.0), (1.5, 80.0), (1.7, 130.0), (1.2, 10.0))


def tract(rotation: float = 0.0) -> Wcs:
    """Return a tract, tangent in the middle of the box, whose y axis points to this position angle."""
    header: Header = tangent_header(ra=RA, dec=DEC, scale=SCALE, rotation=rotation)
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    y, x = BOX.centre
    header["CRPIX1"], header["CRPIX2"] = x + 1.0, y + 1.0
    return Wcs(header)


def model(rotation: float = 0.0, **fields: float) -> DcrModel:
    zeniths = {
        visit: zenith(ra=RA, dec=DEC, airmass=airmass, parallactic_angle=angle)
        for visit, (airmass, angle) in enumerate(SKIES)
    }
    section = WavelengthSection(**fields)  # type: ignore[arg-type]
    reject = bits(StackSection().reject)
    return DcrModel(section, BEND, zeniths, tract(rotation), 0.25 * len(SKIES), reject, uniform=False)


@dataclass(frozen=True)
class Star:
    """Where a star is, arcsec east and north of the middle, and its flux density in each sub-band."""

    east: float
    north: float
    flux: tuple[float, float, float]


STARS = (
    Star(-11.3, 4.2, (9e3, 5e3, 1e3)),
    Star(3.1, -2.7, (1e3, 4e3, 8e3)),
    Star(13.9, 8.8, (4e3, 4e3, 4e3)),
)


Stars = tuple[Star, ...]


def drawn(stars: Stars, wcs: Wcs, subband: int, shifts: Sequence[Floats], parts: Floats) -> Floats:
    """Draw one sub-band, each star moved by some shifts (dy, dx) that have their parts of the light."""
    image = np.zeros(BOX.shape)
    ra = RA + np.array([s.east for s in stars]) / 3600 / np.cos(np.radians(DEC))
    x, y = wcs.to_pixel(ra=ra, dec=DEC + np.array([s.north for s in stars]) / 3600)
    flux = np.array([s.flux[subband] for s in stars])
    psf = GaussianMixture.of_fwhm(6.0)
    for (dy, dx), part in zip(shifts, parts, strict=True):
        add_stars(image, psf, x=x + dx - BOX.x0, y=y + dy - BOX.y0, flux=part * flux)
    return image


def observe(
    problem: DcrModel, *, noise: float = 0.0, stars: Stars = STARS, gaps: bool = True
) -> list[Observed]:
    """Return the visits; with gaps, each has a hole, and one covers half of the box."""
    rng = np.random.default_rng(5)
    y, x = BOX.centre
    seen = []
    for visit, up in problem.zeniths.items():
        shifts = Lift.at(problem.tract, up, y=y, x=x).shifts(problem.bend)
        image = sum(drawn(stars, problem.tract, b, tuple(shifts[b]), PARTS / 3.0) for b in range(3))
        image = image + noise * rng.normal(size=BOX.shape)
        mask = np.zeros(BOX.shape, np.int32)
        if gaps:
            mask[20 * visit : 20 * visit + 9, 70:90] = bit("CR")
        image[mask != 0] = 1e6
        weight = np.full(BOX.shape, 0.25, np.float32)
        warp = Warp(BOX, image.astype(np.float32), np.full(BOX.shape, 4.0, np.float32), mask, weight)
        if gaps and visit == 2:
            half = replace(BOX, x1=BOX.x0 + 111)
            planes = (warp.image, warp.variance, warp.mask, warp.weight)
            warp = Warp(half, *(np.ascontiguousarray(p[half.within(BOX)]) for p in planes))
        white = np.zeros((5, 5))
        white[2, 2] = 1.0
        seen.append(Observed(visit, warp, white))
    return seen


def mean_of(observed: list[Observed]) -> Stacked:
    stack = MeanStack.empty(StackSection(), BOX)
    for one in observed:
        stack.add(one.warp)
    return stack.finish()
