"""How the noise of neighbouring pixels is correlated, and what that does to apertures."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from coaddc.kernels.interpolants import Interpolant1d
from coaddc.model.assembly import Interpolant
from coaddc.ops.fourier import convolve, convolve_same
from coaddc.ops.interpolant import interpolant_1d

Floats = NDArray[np.float64]

#: Samples of a cardinal function in a pixel.
_FINE = 64


def correlation(interpolant: Interpolant, jacobian: Floats, half: int) -> Floats:
    """Return the correlation of the noise of a warp whose exposure has white noise.

    Averaged over where pixels fall between the exposure's: A(u) A(v) / A(0)**2, with A the autocorrelation
    of the interpolant's cardinal function and (u, v) the distance of two pixels in the exposure.

    Parameters
    ----------
    interpolant
        That of the warp.
    jacobian : (2, 2)
        d(x, y of the exposure)/d(x, y of the warp).
    half
        The result is (2 half + 1) square.

    Returns
    -------
    correlation : (n, n)
        By the distance (dy, dx) of two pixels, 1 in the middle.
    """
    dy, dx = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    u = jacobian[0, 0] * dx + jacobian[0, 1] * dy
    v = jacobian[1, 0] * dx + jacobian[1, 1] * dy
    lags, values = _autocorrelation(interpolant)
    along_x, along_y = (np.interp(np.abs(lag), lags, values, right=0.0) for lag in (u, v))
    result: Floats = along_x * along_y
    return result


def covariance_by_phase(interpolant: Interpolant, phases: Floats, lags: Floats) -> Floats:
    """Return the covariance of interpolated white noise of variance 1 on one axis, (phases, lags).

    Parameters
    ----------
    interpolant
        How values follow from pixels.
    phases
        Of one position between pixels, 0 to 1.
    lags
        Distance of another, pixels.
    """
    scheme = interpolant_1d(interpolant)
    here = scheme.cardinal(phases)
    place = phases[:, None] + lags
    steps = np.floor(place).astype(int)
    there = scheme.cardinal((place - steps).ravel()).reshape(*place.shape, -1)
    pixel = np.arange(here.shape[1]) - steps[..., None]  # of the one, in the row of the other
    common = (pixel >= 0) & (pixel < here.shape[1])
    weights = np.take_along_axis(there, np.where(common, pixel, 0), axis=-1)
    result: Floats = np.einsum("pn,pln->pl", here, np.where(common, weights, 0.0))
    return result


def combined_correlation(correlations: Sequence[Floats], variances: Sequence[float]) -> Floats:
    """Return the correlation of the noise of a weighted sum of warps.

    Parameters
    ----------
    correlations
        Of the warps, (n, n) each.
    variances
        What each gives to the variance of the sum: its weight squared times its variance, to a factor.
    """
    result: Floats = np.average(np.stack(correlations), axis=0, weights=np.asarray(variances, np.float64))
    return result


def convolved_correlation(correlation: Floats, kernel: Floats) -> Floats:
    """Return the correlation of noise of a known one after convolution with a kernel.

    Parameters
    ----------
    correlation : (n, n)
        Before; zero beyond the stamp.
    kernel : (m, m)
        m is odd.

    Returns
    -------
    correlation : (n + 2 m - 2, n + 2 m - 2)
        1 in the middle.
    """
    own = convolve(kernel, kernel[::-1, ::-1])
    result = convolve(correlation, own)
    half = result.shape[0] // 2
    normalised: Floats = result / result[half, half]
    return normalised


def aperture_variance_factor(correlation: Floats, aperture: Floats) -> float:
    """Return the variance of a weighted sum of pixels over what it were without correlation.

    Parameters
    ----------
    correlation : (n, n)
        Of the noise; zero beyond the stamp.
    aperture : (ny, nx)
        What each pixel counts; the sum of squares is what independent noise would give.
    """
    return float((convolve_same(aperture, correlation) * aperture).sum() / (aperture**2).sum())


@cache
def _autocorrelation(interpolant: Interpolant) -> tuple[Floats, Floats]:
    """Return the autocorrelation of a cardinal function, 1 at lag 0, by lag in pixels."""
    cardinal = _cardinal(interpolant_1d(interpolant))
    full = convolve(cardinal[None], cardinal[None, ::-1])[0, cardinal.size - 1 :]
    return np.arange(full.size) / _FINE, full / full[0]


def _cardinal(scheme: Interpolant1d) -> Floats:
    """Sample a cardinal function, _FINE times in a pixel."""
    phase = (np.arange(_FINE) + 0.5) / _FINE
    pixels = scheme.cardinal(phase)  # (phases, pixels): at phase minus pixel
    samples: Floats = pixels[:, ::-1].T.ravel()
    return samples
