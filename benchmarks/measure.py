"""What is measured on coadds: stars against their true images, noise against what is stated of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter
from scipy.signal import fftconvolve

from coaddc.ops.noise import aperture_variance_factor

Floats = NDArray[np.float64]

#: Radii, pixels, of apertures on stars and on noise, and sigma of the window of moments.
STAR_APERTURES, NOISE_APERTURES, WINDOW = (4, 10, 25), (2, 5, 10), 3.0
#: Half-width, pixels, of the stamps around stars; rounds after which windowed centroids stand to 1e-6 pixels.
HALF, ROUNDS = 30, 25


@dataclass(frozen=True)
class StarErrors:
    """Errors of star images.

    Attributes
    ----------
    flux
        By the radius of the aperture, mean over stars, mmag; positive where flux is lost.
    centroid
        Root mean square of the distance between measured and true centroid, pixels.
    size
        Mean relative error of T, the trace of the second moments.
    count
        Number of stars.
    """

    flux: dict[int, float]
    centroid: float
    size: float
    count: int


@dataclass(frozen=True)
class NoiseErrors:
    """Noise against what the coadd says of it.

    Attributes
    ----------
    chi2
        Mean of value**2 / variance.
    correlation
        Of pixels one and two apart, mean of rows and columns.
    plain, stated
        By the radius of the aperture, the scatter of sums over what pixels without correlation would have,
        and over what the coadd's own correlation says; empty where the coadd says none.
    """

    chi2: float
    correlation: tuple[float, float]
    plain: dict[int, float]
    stated: dict[int, float]


@dataclass(frozen=True)
class Agreement:
    """Differences of two coadds over the noise: root mean square, median and largest size."""

    rms: float
    median: float
    largest: float


class Coadd(Protocol):
    """Flux and inverse variance of each pixel, (ny, nx)."""

    @property
    def image(self) -> Floats:
        """Flux per pixel."""

    @property
    def inverse(self) -> Floats:
        """Inverse variance of a pixel."""


def agreement(one: Coadd, other: Coadd, where: NDArray[np.bool_]) -> Agreement:
    """Compare the pixels of two coadds, in units of the noise that the first states."""
    part = where & (other.inverse > 0)
    difference = np.abs(one.image - other.image)[part] * np.sqrt(one.inverse[part])
    return Agreement(
        float(np.sqrt((difference**2).mean())), float(np.median(difference)), float(difference.max())
    )


def star_errors(image: Floats, truth: Floats, *, x: Floats, y: Floats) -> StarErrors:
    """Compare stars with their true images.

    Flux is summed over pixels whose centre is within the radius of the true place. Centroid and size are
    moments under a Gaussian window; the centroid is iterated until the window is centred on it (as XWIN_IMAGE
    of SExtractor), and the window is taken out of the size as from a Gaussian.

    Parameters
    ----------
    image, truth : (ny, nx)
        The coadd, and what it should be.
    x, y : (n,)
        True places, `HALF` pixels at least from the edges.
    """
    rows, columns = (np.rint(c).astype(int)[:, None, None] for c in (y, x))
    offset_y, offset_x = np.mgrid[-HALF : HALF + 1, -HALF : HALF + 1]
    yy, xx = rows + offset_y, columns + offset_x
    dx, dy = xx - x[:, None, None], yy - y[:, None, None]
    got, true = image[yy, xx], truth[yy, xx]
    radius = np.hypot(dx, dy)
    flux = {
        r: float(-2500.0 * np.log10(_inside(got, radius, r) / _inside(true, radius, r)).mean())
        for r in STAR_APERTURES
    }
    a, b = _moments(got, dx, dy), _moments(true, dx, dy)
    shift = np.hypot(a[0] - b[0], a[1] - b[1])
    return StarErrors(flux, float(np.sqrt((shift**2).mean())), float((a[2] / b[2] - 1.0).mean()), len(x))


def _inside(stamps: Floats, radius: Floats, limit: float) -> Floats:
    return np.sum(stamps * (radius < limit), axis=(1, 2))


def _moments(stamps: Floats, dx: Floats, dy: Floats) -> tuple[Floats, Floats, Floats]:
    """Return windowed centroid (x, y) and T of stamps (n, ny, nx)."""
    x, y = np.zeros((2, len(stamps), 1, 1))
    for _ in range(ROUNDS):
        window = stamps * np.exp(-0.5 * ((dx - x) ** 2 + (dy - y) ** 2) / WINDOW**2)
        total = window.sum(axis=(1, 2), keepdims=True)
        x = x + 2.0 * (window * (dx - x)).sum(axis=(1, 2), keepdims=True) / total
        y = y + 2.0 * (window * (dy - y)).sum(axis=(1, 2), keepdims=True) / total
    seen = (window * ((dx - x) ** 2 + (dy - y) ** 2)).sum(axis=(1, 2)) / total[:, 0, 0]
    # A Gaussian of variance s under a window of variance w shows 1 / (1 / s + 1 / w), twice for two axes.
    size = 2.0 / (2.0 / seen - WINDOW**-2)
    return x[:, 0, 0], y[:, 0, 0], size


def noise_errors(sigmas: Floats, correlation: Floats | None) -> NoiseErrors:
    """Compare noise with what is said of it.

    Parameters
    ----------
    sigmas : (ny, nx)
        Values of an empty sky over the standard deviation that is stated for each.
    correlation : (n, n)
        That the coadd states; None where it states none.
    """
    power = float((sigmas**2).mean())
    lags = []
    for lag in (1, 2):
        products = (sigmas[:, lag:] * sigmas[:, :-lag]).mean(), (sigmas[lag:] * sigmas[:-lag]).mean()
        lags.append(float(np.mean(products)) / power)
    plain, stated = {}, {}
    for radius in NOISE_APERTURES:
        shape = aperture(radius)
        sums = fftconvolve(sigmas, shape, mode="valid")
        plain[radius] = float(np.sqrt((sums**2).mean() / shape.sum()))
        if correlation is not None:
            stated[radius] = plain[radius] / np.sqrt(aperture_variance_factor(correlation, shape))
    return NoiseErrors(power, (lags[0], lags[1]), plain, stated)


def aperture(radius: int) -> Floats:
    """Return 1 for pixels whose centre is within the radius of the middle one."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return (np.hypot(y, x) <= radius).astype(np.float64)


def undisturbed(n_image: NDArray[np.integer], margin: int) -> NDArray[np.bool_]:
    """Say which pixels have the same number of inputs as all within a margin: no edge, no bad pixel near."""
    side = 2 * margin + 1
    same = minimum_filter(n_image, side) == maximum_filter(n_image, side)
    result: NDArray[np.bool_] = same & (n_image > 0)
    return result


def inner_square(good: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the largest square around the middle of all good pixels that has no other within."""
    y, x = (round(float(c.mean())) for c in np.nonzero(good))
    half = 0
    while good[max(y - half, 0) : y + half + 1, max(x - half, 0) : x + half + 1].all() and half < min(y, x):
        half += 1
    return slice(y - half + 1, y + half), slice(x - half + 1, x + half)


def tell(text: str, file: Path | None) -> None:
    """Print a text, and write it to a file where one is asked for."""
    text = text.rstrip("\n")
    if file:
        file.write_text(text + "\n")
    print(text)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
