"""Stars of an exposure from which its PSF can be measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sep
from numpy.typing import NDArray

from coaddc.model.images import Pixels
from coaddc.model.mask import bits
from coaddc.model.psf import Floats

#: Planes that spoil a star.
SPOILED = bits(["BAD", "SAT", "CR", "STREAK", "NO_DATA"])

#: Detection threshold, standard deviations of a pixel.
THRESHOLD = 5.0

#: Stars have half-light radii within this part of the most common one.
LOCUS = 0.12

#: More stars than this add time, not accuracy.
MOST = 150


class TooFewStarsError(Exception):
    """An exposure whose stars do not show its PSF; the message says why."""


@dataclass(frozen=True, eq=False)
class Star:
    """A cut-out around one star.

    Attributes
    ----------
    x, y
        Its centre, pixels of the image.
    flux
        Roughly.
    snr
        Signal to noise of that flux.
    x0, y0
        The image's pixel at index (0, 0).
    image, variance : (n, n)
        The star on the middle pixel; the variance is infinite where a pixel does not count.
    """

    x: float
    y: float
    flux: float
    snr: float
    x0: int
    y0: int
    image: Floats
    variance: Floats


def find_stars(pixels: Pixels, *, min_snr: float) -> tuple[tuple[Star, ...], float]:
    """Find stars that are bright, whole and alone enough, the brightest first, and their half-light radius.

    Stars are the objects of the most common half-light radius among the bright ones, as in PSFEx (Bertin
    2011, ADASS XX, 435); what else lies in a star's cut-out does not count there.

    Parameters
    ----------
    pixels
        All of an exposure.
    min_snr
        Signal to noise of the faintest star.
    """
    image, noise, bad = _prepared(pixels)
    sep.set_extract_pixstack(max(300000, image.size // 4))
    try:
        objects, segments = sep.extract(
            image, THRESHOLD, err=noise, mask=bad, minarea=5, segmentation_map=True
        )
    except Exception as error:  # sep has no class of its own for fields too crowded for its buffers
        raise TooFewStarsError(f"stars cannot be told apart: {error}") from error
    radius, flux, snr = _measured(image, noise, bad, objects)
    bright = np.isfinite(radius) & (snr > min_snr) & (objects["flag"] & sep.OBJ_TRUNC == 0)
    if not (bright & (objects["b"] > 0.7 * objects["a"])).any():
        return (), np.nan
    round_ = objects["b"] > 0.7 * objects["a"]
    common = _crowd(radius[bright & round_])
    chosen = np.flatnonzero(bright & round_ & (np.abs(radius / common - 1.0) < LOCUS))
    chosen = chosen[np.argsort(-snr[chosen], kind="stable")]
    half = int(np.ceil(8.0 * common))
    stars = []
    for index in chosen:
        star = _cut(pixels, segments, (int(index) + 1, half, common), objects[index], flux[index], snr[index])
        if star is not None:
            stars.append(star)
    return tuple(stars[:MOST]), common


def _prepared(pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    bad = (pixels.mask & SPOILED) > 0
    image = np.ascontiguousarray(np.where(bad, 0.0, pixels.image), np.float32)
    noise = np.ascontiguousarray(np.sqrt(np.where(bad, 1.0, pixels.variance)), np.float32)
    side = max(16, min(64, *image.shape))
    return image - sep.Background(image, mask=bad, bw=side, bh=side).back(), noise, bad


def _measured(image: Any, noise: Any, bad: Any, objects: Any) -> tuple[Floats, Floats, Floats]:
    """Return half-light radius, flux and signal to noise in an aperture that holds most of a star."""
    size = np.sqrt(objects["a"] * objects["b"])
    reach = np.full(len(objects), 5.0 * float(np.median(size)) if len(objects) else 1.0)
    flux, error, _ = sep.sum_circle(image, objects["x"], objects["y"], reach, err=noise, mask=bad)
    radius, flag = sep.flux_radius(
        image, objects["x"], objects["y"], reach, 0.5, normflux=flux, mask=bad, subpix=5
    )
    radius = np.where((flag == 0) & (flux > 0) & (radius > 0.3), radius, np.nan)
    return radius, flux, flux / np.maximum(error, 1e-30)


def _crowd(radius: Floats) -> float:
    """Return where half-light radii crowd most: stars share one, galaxies spread over several-fold.

    The largest number per pixel of radius within 4 %, so that few stars win over many galaxies.
    """
    order = np.sort(radius)
    count = np.searchsorted(order, order * 1.04, "right") - np.searchsorted(order, order / 1.04, "left")
    best = order[int(np.argmax(count / order))]
    return float(np.median(order[(order > best / 1.04) & (order < best * 1.04)]))


def _cut(
    pixels: Pixels, segments: Any, own: tuple[int, int, float], item: Any, flux: float, snr: float
) -> Star | None:
    """Cut a star out; None where it is not whole, or not alone within twice its half-light radius."""
    label, half, common = own
    x, y = float(item["x"]), float(item["y"])
    column, row = round(x), round(y)
    ny, nx = pixels.image.shape
    if not (half <= column < nx - half and half <= row < ny - half):
        return None
    box = slice(row - half, row + half + 1), slice(column - half, column + half + 1)
    others = (segments[box] != 0) & (segments[box] != label)
    spoiled = (pixels.mask[box] & SPOILED) > 0
    rows, columns = np.ogrid[-half : half + 1, -half : half + 1]
    core = np.hypot(rows - (y - row), columns - (x - column)) < 2.5 * common
    if (core & (others | spoiled)).any():
        return None
    variance = np.where(others | spoiled, np.inf, pixels.variance[box]).astype(np.float64)
    image = np.where(spoiled, 0.0, pixels.image[box]).astype(np.float64)
    return Star(x, y, float(flux), float(snr), column - half, row - half, image, variance)
