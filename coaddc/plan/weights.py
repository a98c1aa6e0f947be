"""How much an exposure counts."""

from __future__ import annotations

from coaddc.model.assembly import Weighting
from coaddc.model.errors import PlanError
from coaddc.model.exposures import ExposureRow


def weight(row: ExposureRow, scale: float, weighting: Weighting) -> float:
    """Return the weight of an exposure in means, nJy**-2.

    Of exposures that differ in seeing, the mean in which a point source is most significant has weights
    1 / (sigma**2 FWHM**2), up to the shape of the PSF: a point source has a signal to noise that goes as
    1 / (sigma FWHM). The FWHM is counted in arcsec. Uniform weights are left to the stack.

    Raises
    ------
    PlanError
        Where the seeing is asked for, and not known.
    """
    if weighting is not Weighting.inverse_variance_seeing:
        return inverse_variance(row, scale)
    if not row.seeing > 0:
        raise PlanError(f"stack.weighting=inverse_variance_seeing: the seeing of {row.name} is not known")
    return float(f"{inverse_variance(row, scale) / row.seeing**2:.9e}")


def inverse_variance(row: ExposureRow, scale: float) -> float:
    """Return 1 / variance of an exposure's typical pixel once it has this scale, nJy**-2.

    One number for the exposure, not one for each pixel: weights that follow the photon noise of a pixel
    favour low values, and make the mean of a bright star too faint. Ten digits: the last ones depend on the
    machine.
    """
    area = (scale / row.pixel_scale) ** 2
    return float(f"{1.0 / (row.sky_noise * area) ** 2:.9e}")
