"""A sky, a visit and a detector become an exposure."""

from __future__ import annotations

import numpy as np

from coaddc.model.mask import bit
from coaddc.model.psf import Floats
from coaddc.model.wcs import Wcs
from coaddc.sim.camera import Detector
from coaddc.sim.defects import CosmicRays, bleed, cosmic_rays, detector_defects, trail
from coaddc.sim.galaxies import Light, add_galaxy
from coaddc.sim.memory import ZERO_POINT_NJY, MemoryExposure, make_exposure
from coaddc.sim.psf import BETA, CORE, FieldMoffat
from coaddc.sim.render import add_stars
from coaddc.sim.schedule import EXPTIME, FIRST_NIGHT, Visit, horizon
from coaddc.sim.sky import BAND_INDEX, Sky, Trails

#: Electrons of an ADU, and electrons of noise that reading a pixel adds.
GAIN, READ_NOISE = 1.5, 5.0


def observe(sky: Sky, visit: Visit, detector: Detector, seed: int) -> tuple[MemoryExposure, CosmicRays]:
    """Expose one detector in one visit.

    Returns
    -------
    exposure
        In nJy; its row has the zero point of the ADU that its file will have.
    rays
        The pixels that cosmic rays hit.
    """
    rng = np.random.default_rng([seed, 3, visit.number, int(detector.name)])
    wcs = detector.wcs(ra=visit.ra, dec=visit.dec, rotation=visit.rotation)
    psf = FieldMoffat(visit.fwhm, visit.e1, visit.e2, detector.x0, detector.y0, detector.sign)
    zero_point = visit.zero_point + _sensitivity(seed, detector)
    image = _light(sky, visit, detector, wcs, psf, zero_point)
    variance = (np.maximum(image, 0.0) + visit.sky) / GAIN + (READ_NOISE / GAIN) ** 2
    image += np.sqrt(variance) * rng.standard_normal(detector.shape)
    rays = cosmic_rays(rng, detector.shape)
    image[rays.y, rays.x] += rays.charge
    mask, charge = detector_defects(np.random.default_rng([seed, 4, int(detector.name)]), detector.shape)
    image += charge
    mask[bleed(image, visit.sky)] |= bit("SAT")
    mask[rays.y[rays.flagged], rays.x[rays.flagged]] |= bit("CR")
    unit = 10.0 ** ((ZERO_POINT_NJY - zero_point) / 2.5)
    known = _known(visit, detector, wcs) | {"zero_point": zero_point}
    pixels = [(image * unit).astype(np.float32), (variance * unit**2).astype(np.float32)]
    return make_exposure(wcs, psf, pixels[0], pixels[1], mask, **known), rays


def _sensitivity(seed: int, detector: Detector) -> float:
    """Return by how much, magnitudes, a detector's zero point is off those of the visit."""
    return float(np.random.default_rng([seed, 5, int(detector.name)]).normal(0.0, 0.03))


def _known(visit: Visit, detector: Detector, wcs: Wcs) -> dict[str, object]:
    """Return the entries of the row that do not follow from the pixels."""
    ny, nx = detector.shape
    ra, dec = wcs.to_sky(x=(nx - 1) / 2.0, y=(ny - 1) / 2.0)
    hour_angle, angle, airmass = horizon(mjd=visit.mjd, ra=float(ra), dec=float(dec))
    return {
        "instrument": "democam",
        "visit": visit.number,
        "detector": detector.name,
        "band": visit.band,
        "physical_filter": f"{visit.band} demo",
        "mjd": visit.mjd,
        "survey_year": (visit.mjd - FIRST_NIGHT) / 365.25,
        "exptime": EXPTIME,
        "airmass": airmass,
        "hour_angle": hour_angle,
        "parallactic_angle": angle,
    }


def _light(
    sky: Sky, visit: Visit, detector: Detector, wcs: Wcs, psf: FieldMoffat, zero_point: float
) -> Floats:
    """Return the light of all sources, ADU, free of noise."""
    image = np.zeros(detector.shape)
    band = BAND_INDEX[visit.band]
    seen = sky.transients.visit == visit.number
    ra = np.concatenate([sky.stars.ra, sky.transients.ra[seen]])
    dec = np.concatenate([sky.stars.dec, sky.transients.dec[seen]])
    mag = np.concatenate([sky.stars.mag[:, band], sky.transients.mag[seen]])
    flux = 10.0 ** ((zero_point - mag) / 2.5)
    x, y = wcs.to_pixel(ra=ra, dec=dec)
    add_stars(image, psf, x=x, y=y, flux=flux, reach=_star_reach(flux, psf, visit.sky))
    _add_galaxies(image, sky, band, wcs, psf, zero_point)
    _add_trails(image, sky.trails, visit, wcs, psf, zero_point)
    return image


def _star_reach(flux: Floats, psf: FieldMoffat, sky: float) -> Floats:
    """Return where stars fall below a fiftieth of the noise, pixels; two radii of the model at least."""
    core = CORE * psf.fwhm[0]
    level = 0.02 * np.sqrt(sky / GAIN + (READ_NOISE / GAIN) ** 2)
    peak = (BETA - 1.0) / (np.pi * core**2) * flux
    reach = core * np.sqrt(np.maximum((peak / level) ** (1.0 / BETA) - 1.0, 0.0))
    drawn: Floats = np.maximum(reach, 2.0 * psf.radius)
    return drawn


def _add_galaxies(image: Floats, sky: Sky, band: int, wcs: Wcs, psf: FieldMoffat, zero_point: float) -> None:
    """Add the galaxies that reach the detector."""
    ny, nx = image.shape
    galaxies = sky.galaxies
    x, y = wcs.to_pixel(ra=galaxies.ra, dec=galaxies.dec)
    flux = 10.0 ** ((zero_point - galaxies.mag[:, band]) / 2.5)
    near = (x > -128) & (x < nx + 128) & (y > -128) & (y < ny + 128)
    for i in np.flatnonzero(near):
        light = Light(
            float(galaxies.half_light[i]),
            float(galaxies.axis_ratio[i]),
            float(galaxies.position_angle[i]),
            bool(galaxies.spheroid[i]),
            wcs.jacobian(x=x[i], y=y[i]),
        )
        add_galaxy(image, psf, x=float(x[i]), y=float(y[i]), flux=float(flux[i]), light=light)


def _add_trails(
    image: Floats, trails: Trails, visit: Visit, wcs: Wcs, psf: FieldMoffat, zero_point: float
) -> None:
    """Add the trails of the visit, each along its tangent at the place nearest to the detector's middle."""
    ny, nx = image.shape
    scale = wcs.pixel_scale(x=nx / 2.0, y=ny / 2.0)
    for i in np.flatnonzero(trails.visit == visit.number):
        steps = np.linspace(0.0, 1.0, 401)
        ra = trails.ra[i, 0] + steps * (trails.ra[i, 1] - trails.ra[i, 0])
        dec = trails.dec[i, 0] + steps * (trails.dec[i, 1] - trails.dec[i, 0])
        x, y = wcs.to_pixel(ra=ra, dec=dec)
        place = int(np.argmin(np.hypot(x - nx / 2.0, y - ny / 2.0)))
        a, b = max(place - 20, 0), min(place + 20, steps.size - 1)
        line = trail((ny, nx), psf, start=(x[a], y[a]), end=(x[b], y[b]))
        image += 10.0 ** ((zero_point - trails.mag[i]) / 2.5) * scale * line
