"""What spoils the pixels of the demo survey: detector, cosmic rays, satellites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coaddc.model.geom import Box
from coaddc.model.mask import bit
from coaddc.model.psf import Floats
from coaddc.sim.psf import BETA, FieldMoffat

#: ADU that a pixel holds, sky included.
FULL_WELL = 60_000.0
#: Cosmic rays in 100,000 pixels of one exposure, and the part of them that the mask knows.
RAYS, KNOWN = 6.0, 0.7

Ints = NDArray[np.int64]
Mask = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class CosmicRays:
    """Pixels that cosmic rays hit in one exposure: where, ADU, and whether the mask knows; shape (n,)."""

    x: Ints
    y: Ints
    charge: Floats
    flagged: NDArray[np.bool_]


def trail(
    shape: tuple[int, int], psf: FieldMoffat, *, start: tuple[float, float], end: tuple[float, float]
) -> Floats:
    """Return an endless line of light through two positions (x, y), flux 1 per pixel of its length.

    Its cross-section is the PSF model integrated along the line: a Moffat profile of power beta - 1/2.
    """
    (x0, y0), (x1, y1) = start, end
    tx, ty = np.array([x1 - x0, y1 - y0]) / np.hypot(x1 - x0, y1 - y0)
    ny, nx = shape
    core, ellipse = psf.shape(x=nx / 2.0, y=ny / 2.0)
    # Variance of the elliptical profile across the line, in units of that of the round one.
    across = np.array([-ty, tx])
    width = core * np.sqrt(across @ ellipse @ across)
    distance = (np.arange(ny)[:, None] - y0) * tx - (np.arange(nx)[None, :] - x0) * ty
    # The integral of (1 + s**2)**-(beta - 1/2) is B(1/2, beta - 1), and 3 pi / 8 for beta = 3.5.
    total = width * 3.0 * np.pi / 8.0
    light: Floats = (1.0 + (distance / width) ** 2) ** -(BETA - 0.5) / total
    return light


def bleed(image: Floats, sky: float) -> NDArray[np.bool_]:
    """Let charge above the full well run along its column, as much up as down, and say where it went.

    Parameters
    ----------
    image : (ny, nx)
        ADU, sky subtracted; changed in place. Charge that reaches the end of its column is lost.
    sky
        ADU that the sky fills of each well.
    """
    well = FULL_WELL - sky
    saturated = image >= well
    for column in np.flatnonzero(saturated.any(axis=0)):
        line = image[:, column]
        for first, last in _runs(line >= well):
            excess = float(line[first:last].sum()) - well * (last - first)
            line[first:last] = well
            for steps in (range(first - 1, -1, -1), range(last, line.size)):
                _fill(line, steps, excess / 2.0, well)
        saturated[:, column] = line >= well
    return saturated


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the half-open intervals where flags are set."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _fill(line: Floats, steps: range, charge: float, well: float) -> None:
    """Fill one well after another until the charge is spent."""
    for row in steps:
        room = max(well - line[row], 0.0)
        if charge <= room:
            line[row] += charge
            return
        line[row] += room
        charge -= room


def detector_defects(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Mask, Floats]:
    """Return the bad pixels of a detector, the same in all its exposures, and the charge they add, ADU.

    Dead columns, one of them in part, add not-a-number; hot pixels and a bright column add charge.
    """
    ny, nx = shape
    mask, charge = np.zeros(shape, np.int32), np.zeros(shape)
    dead, partial, bright = rng.choice(np.arange(5, nx - 5), 3, replace=False)
    start = int(rng.integers(ny // 4, 3 * ny // 4))
    charge[:, dead], charge[start:, partial], charge[:, bright] = np.nan, np.nan, 800.0
    hot = rng.choice(ny * nx, max(4, ny * nx // 8000), replace=False)
    charge.ravel()[hot] += 10.0 ** rng.uniform(2.5, 4.5, hot.size)
    mask[charge != 0.0] = bit("BAD")
    return mask, charge


def cosmic_rays(rng: np.random.Generator, shape: tuple[int, int]) -> CosmicRays:
    """Draw the cosmic rays of one exposure: straight tracks of one to some ten pixels."""
    whole = Box.of_shape(shape)
    xs, ys, charges, known = [], [], [], []
    for _ in range(rng.poisson(RAYS * whole.area / 1e5)):
        length, angle = rng.exponential(5.0), rng.uniform(0.0, np.pi)
        along = np.arange(0.0, length + 0.5, 0.5)
        x = np.rint(rng.uniform(0, shape[1] - 1) + along * np.cos(angle)).astype(np.int64)
        y = np.rint(rng.uniform(0, shape[0] - 1) + along * np.sin(angle)).astype(np.int64)
        track = np.unique(np.stack([y, x]), axis=1)
        track = track[:, (track[0] >= 0) & (track[0] < shape[0]) & (track[1] >= 0) & (track[1] < shape[1])]
        ys.append(track[0])
        xs.append(track[1])
        charges.append(10.0 ** rng.uniform(2.5, 3.8) * rng.uniform(0.6, 1.4, track.shape[1]))
        known.append(np.full(track.shape[1], rng.uniform() < KNOWN))
    if not xs:
        return CosmicRays(np.empty(0, int), np.empty(0, int), np.empty(0), np.empty(0, bool))
    return CosmicRays(*map(np.concatenate, (xs, ys, charges, known)))
