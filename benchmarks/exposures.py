"""Exposures for the benchmarks: simulated, with known truth, as FITS that coaddc and SWarp both read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy.interpolate import RectBivariateSpline

from coaddc.model.psf import Floats, Moffat
from coaddc.model.tangent import ARCSEC
from coaddc.model.wcs import Wcs
from coaddc.sim.field import Stars, scattered_stars, star_field, tangent_header
from coaddc.sim.fits import psf_table
from coaddc.sim.psf import SkyPsf
from coaddc.sim.render import add_stars

#: Tangent point of the field, degrees, pixel scale, arcsec, and half the usual range of dithers, pixels.
RA, DEC, SCALE, DITHER = 62.4, -24.6, 0.2, 100.0
#: Position angles, degrees, which exposures take by turns, each with some tenths of a degree added.
ANGLES = (0.0, 90.0, 180.0, 37.0, 0.0, 0.0, 270.0, 0.0, 180.0, 0.0)
#: Seeing, arcsec, fills this range; so does the noise, nJy, and by which part corners are displaced.
SEEING, NOISE, DISTORTION = (0.6, 1.4), (4.0, 7.0), (0.001, 0.003)
#: Sides, pixels, of the cells in which there is one star, and of the PSF stamp's half.
SPACING, PSF_HALF = 90.0, 25.0
#: The survey as coaddc is told of it, in the ``conf`` folder of the directory that it is run in.
SURVEY = r"""doc: simulated exposures of the benchmarks
name: bench
path: ???
image: {glob: "image/*.fits"}
variance: {kind: inverse_variance, file: "image/ -> weight/"}
mask: {kind: bits, file: "image/ -> mask/", planes: {BAD: 0}}
psf: {sources: [model], file: '^image/(.+)\.fits$ -> psf/\1.psf'}
zero_point: {card: MAGZERO}
cards: {instrument: null, visit: VISIT, detector: DETECTOR, band: BAND, time: MJD-OBS, exptime: EXPTIME}
start: 60000.0
"""
#: Values of the key ``warp`` that the folder's ``conf`` adds, one an interpolant.
INTERPOLANTS = ("bilinear", "lanczos3", "lanczos5", "omoms3")


@dataclass(frozen=True, kw_only=True)
class Field:
    """What to simulate.

    Attributes
    ----------
    count, side
        Number of exposures, and rows and columns of each.
    stars, noisy
        Whether there are stars, and noise, in the image; the weight map says the noise either way.
    bad
        Bad pixels an exposure, wild in the image; flagged in the mask, and of weight 0.
    seed
        Of all random numbers.
    years
        Over which exposures are spread evenly, in their order.
    dither
        Half the range of places, pixels.
    """

    count: int = 20
    side: int = 2048
    stars: bool = True
    noisy: bool = True
    bad: int = 40
    seed: int = 1
    years: float = 0.01
    dither: float = DITHER


@dataclass(frozen=True)
class Visit:
    """The conditions of one exposure: place, degrees; seeing, arcsec; noise of a pixel, nJy; time, a."""

    number: int
    ra: float
    dec: float
    rotation: float
    seeing: float
    noise: float
    distortion: float
    year: float

    def wcs(self, side: int) -> Wcs:
        """Return its TPV projection: radial and cubic distortion, and a third as much quadratic, lopsided.

        Nothing of it is left at the centre, where the pixel scale is the same for all.
        """
        header = tangent_header(ra=self.ra, dec=self.dec, scale=SCALE, rotation=self.rotation)
        header["CTYPE1"], header["CTYPE2"] = "RA---TPV", "DEC--TPV"
        header["CRPIX1"] = header["CRPIX2"] = (side + 1) / 2.0
        reach = side / np.sqrt(2.0) * SCALE / ARCSEC
        cubic, square = self.distortion / reach**2, self.distortion / reach / 3.0
        header["PV1_1"], header["PV1_4"], header["PV1_7"], header["PV1_9"] = 1.0, square, cubic, cubic
        header["PV2_1"], header["PV2_5"], header["PV2_7"], header["PV2_9"] = 1.0, -square, cubic, cubic
        return Wcs(header)


def visits(field: Field) -> list[Visit]:
    """Return the conditions of all exposures."""
    rng = np.random.default_rng(field.seed)
    even = [np.linspace(low, high, field.count) for low, high in (SEEING, NOISE, DISTORTION)]
    seeing, noise, distortion = (rng.permutation(values) for values in even)
    shift = rng.uniform(-field.dither, field.dither, (field.count, 2)) * SCALE / ARCSEC
    turn = rng.uniform(-0.5, 0.5, field.count)
    return [
        Visit(
            number=k + 1,
            ra=RA + float(shift[k, 0] / np.cos(np.radians(DEC))),
            dec=DEC + float(shift[k, 1]),
            rotation=ANGLES[k % len(ANGLES)] + float(turn[k]),
            seeing=float(seeing[k]),
            noise=float(noise[k]),
            distortion=float(distortion[k]),
            year=field.years * (k + 0.5) / field.count,
        )
        for k in range(field.count)
    ]


@dataclass(frozen=True)
class Mixture:
    """The mean of several profiles, arcsec: that of a star in a coadd of exposures with these weights."""

    profiles: tuple[Moffat, ...]
    weights: tuple[float, ...]

    @property
    def radius(self) -> float:
        """That of the widest."""
        return max(profile.radius for profile in self.profiles)

    def evaluate(self, *, x: float, y: float, dx: Floats, dy: Floats) -> Floats:
        """Return the flux per square arcsec, total 1, at offsets."""
        total = np.zeros(np.broadcast(dx, dy).shape)
        for profile, weight in zip(self.profiles, self.weights, strict=True):
            total += weight / sum(self.weights) * profile.evaluate(x=x, y=y, dx=dx, dy=dy)
        return total


def truth(field: Field, wcs: Wcs, shape: tuple[int, int]) -> Floats:
    """Return the coadd that interpolation without error would give, where all exposures contribute.

    The stars' exact profiles, each exposure's own, by inverse variance.

    Parameters
    ----------
    field
        Its stars and exposures.
    wcs, shape
        Of the coadd.
    """
    made, stars = visits(field), sky(field)
    mixture = Mixture(tuple(Moffat(visit.seeing) for visit in made), tuple(visit.noise**-2 for visit in made))
    image = np.zeros(shape)
    x, y = wcs.to_pixel(ra=stars.ra, dec=stars.dec)
    add_stars(image, SkyPsf(mixture, wcs, SCALE), x=x, y=y, flux=stars.flux)
    return image


def sky(field: Field) -> Stars:
    """Return the stars: over more than any exposure sees, 1e5 nJy each."""
    side = field.side + 2 * int(field.dither)
    plain = Wcs.tan(ra=RA, dec=DEC, scale=SCALE, x=(side - 1) / 2.0, y=(side - 1) / 2.0)
    stars = scattered_stars(plain, (side, side), spacing=SPACING, seed=field.seed)
    nothing = np.empty(0)
    return stars if field.stars else Stars(nothing, nothing, nothing)


def write(folder: Path, field: Field) -> Sequence[Path]:
    """Write the exposures, and what coaddc is told of them, into a new folder; return the images."""
    for name in ("image", "weight", "mask", "psf", "conf/survey", "conf/warp"):
        (folder / name).mkdir(parents=True)
    (folder / "conf/survey/bench.yaml").write_text(SURVEY)
    for name in INTERPOLANTS:
        (folder / f"conf/warp/{name}.yaml").write_text(f"doc: resampled by {name}\ninterpolant: {name}\n")
    return list(_files(folder, field))


def _files(folder: Path, field: Field) -> Iterator[Path]:
    stars, shape = sky(field), (field.side, field.side)
    for visit in visits(field):
        rng = np.random.default_rng((field.seed, visit.number))
        wcs = visit.wcs(field.side)
        psf = SkyPsf(Moffat(visit.seeing), wcs, SCALE)
        seed = int(rng.integers(2**31)) if field.noisy else None
        exposure = star_field(stars, wcs, shape, psf, visit.noise, seed)
        image, weight, mask = exposure.image, 1.0 / exposure.variance, np.zeros(shape, np.int16)
        wild = tuple(rng.integers(0, field.side, (2, field.bad)))
        image[wild], weight[wild], mask[wild] = 3e4, 0.0, 1
        cards = fits.Header(_cards(visit))
        cards.update(with_matrix(wcs.header()))
        name = f"visit-{visit.number:04d}"
        for kind, plane in (("image", image), ("weight", weight), ("mask", mask)):
            fits.PrimaryHDU(plane, cards).writeto(folder / kind / f"{name}.fits")
        model = psf_table(psf, shape, PSF_HALF, min(1.0, visit.seeing / SCALE / 6.0))
        fits.HDUList([fits.PrimaryHDU(), model]).writeto(folder / "psf" / f"{name}.psf")
        yield folder / "image" / f"{name}.fits"


def _cards(visit: Visit) -> list[tuple[str, str | float]]:
    return [
        ("VISIT", visit.number),
        ("DETECTOR", "0"),
        ("BAND", "r"),
        ("MJD-OBS", 60000.0 + 365.25 * visit.year),
        ("EXPTIME", 30.0),
        ("SEEING", visit.seeing),
        ("MAGZERO", 31.4),
    ]


def with_matrix(header: fits.Header) -> fits.Header:
    """Return a WCS with a CD matrix, the only one that SWarp reads, in place of PC and CDELT."""
    header = header.copy()
    for i in (1, 2):
        step = header.pop(f"CDELT{i}", 1.0)
        for j in (1, 2):
            turned = header.pop(f"PC{i}_{j}", float(i == j))
            header[f"CD{i}_{j}"] = header.get(f"CD{i}_{j}", step * turned)
    return header


def level_weights(folder: Path, tract: Wcs) -> None:
    """Write weight maps with which SWarp gives each exposure one weight, as coaddc does.

    With FSCALASTRO_TYPE VARIABLE it multiplies values by the area of the new pixel in old ones, and divides
    weights by the square of that: they follow the distortion by some per cent. Maps that bear this factor
    cancel it.

    Parameters
    ----------
    folder
        Of the exposures, as `write` made it; the maps go into its folder ``level``.
    tract
        WCS of the output.
    """
    (folder / "level").mkdir()
    for path in sorted((folder / "weight").glob("*.fits")):
        weight, header = fits.getdata(path, header=True)
        factor = new_area(Wcs(header), tract, weight.shape) ** -2
        fits.PrimaryHDU((weight * factor).astype(np.float32), header).writeto(folder / "level" / path.name)


def new_area(source: Wcs, target: Wcs, shape: tuple[int, int]) -> Floats:
    """Return the area of each pixel of an image in those of another, from a net of 33 x 33 points."""
    nets = [np.linspace(0.0, n - 1.0, 33) for n in shape]
    y, x = np.meshgrid(*nets, indexing="ij")

    def place(dx: float, dy: float) -> tuple[Floats, Floats]:
        ra, dec = source.to_sky(x=x + dx, y=y + dy)
        return target.to_pixel(ra=ra, dec=dec)

    left, right, below, above = place(-2.0, 0.0), place(2.0, 0.0), place(0.0, -2.0), place(0.0, 2.0)
    area = (right[0] - left[0]) * (above[1] - below[1]) - (right[1] - left[1]) * (above[0] - below[0])
    spline = RectBivariateSpline(*nets, np.abs(area) / 16.0)
    result: Floats = spline(np.arange(shape[0]), np.arange(shape[1]))
    return result
