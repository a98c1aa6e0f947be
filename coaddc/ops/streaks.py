"""Streaks: long straight light on one visit, found as lines and masked over their width."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy
from numpy.typing import NDArray

from coaddc.kernels.radon import brightest_line, double_lines
from coaddc.ops.line import Floats, Line

Plane = NDArray[np.float32]
Flags = NDArray[np.bool_]

#: Lines are looked for on the mean of so many pixels squared, each no more than CLIP standard deviations.
BIN, CLIP = 4, 2.5
#: Light on this scale, in bins, is no line: it is subtracted.
WIDE = 31
#: How far to either side of a line, pixels, its light is looked for; how far its place may be wrong.
REACH, SLACK = 40, 8
#: Pixels along a line that are judged together, and how many such parts may be missing in a row.
PART, GAP = 32, 3
#: A line is masked to where it is fainter than this, standard deviations of a pixel.
FAINT = 0.3
#: No more than so many in a visit.
MOST = 12


def find_streaks(plane: Plane, seen: Flags, *, nsigma: float, length: float) -> Iterator[Flags]:
    """Find the streaks of one visit, the clearest first.

    Parameters
    ----------
    plane : (ny, nx)
        Difference of the visit and the static sky, in standard deviations of a pixel.
    seen : (ny, nx)
        Where there is something to compare.
    nsigma
        Of the mean along a line, in standard deviations of such means, at least.
    length
        Pixels, of the shortest.

    Yields
    ------
    mask : (ny, nx)
        The pixels of one streak over its full width, those within FAINT included.
    """
    whole = np.where(seen, plane, 0).astype(np.float32)
    left = whole.copy()
    for _ in range(MOST):
        line = _clearest(left, seen, nsigma, length)
        if line is None:
            return
        left[_strip(plane.shape, line, -2.0 * BIN, 2.0 * BIN)] = 0
        settled = _settle(whole, line, length)  # on all light: another streak that crosses makes no gap
        if settled is not None:
            piece, low, high = settled
            near = _strip(plane.shape, _prolonged(piece, whole.shape), low, high)
            left[near] = 0
            yield near


def _clearest(plane: Plane, seen: Flags, nsigma: float, length: float) -> Line | None:
    """Return the line with the most significant mean, where it is significant."""
    values, counts = _binned(plane, seen)
    best, found = nsigma, None
    for transposed in (False, True):
        for flipped in (False, True):
            turned = [_turn(image, transposed, flipped) for image in (values, counts)]
            for score, start, end in _lines(turned[0], turned[1], length / BIN):
                if score > best:
                    ends = [_turn_back(p, counts.shape, transposed, flipped) for p in (start, end)]
                    best, found = score, Line(*((p + 0.5) * BIN - 0.5 for p in ends))
    return found


def _binned(plane: Plane, seen: Flags) -> tuple[Plane, Plane]:
    """Return means over bins less those of their wide surroundings, and which bins have data."""
    ny, nx = (n // BIN for n in plane.shape)
    blocks = (slice(ny * BIN), slice(nx * BIN))
    clipped = np.clip(plane[blocks], -CLIP, CLIP).reshape(ny, BIN, nx, BIN).mean(axis=(1, 3))
    counts = (seen[blocks].reshape(ny, BIN, nx, BIN).mean(axis=(1, 3)) > 0.5).astype(np.float32)
    weight = scipy.ndimage.uniform_filter(counts, WIDE, mode="constant")
    wide = scipy.ndimage.uniform_filter(clipped * counts, WIDE, mode="constant") / np.maximum(weight, 1e-3)
    return ((clipped - wide) * counts).astype(np.float32), counts


def _turn(image: Plane, transposed: bool, flipped: bool) -> Plane:
    image = image.T if transposed else image
    return image[::-1] if flipped else image


def _turn_back(point: Floats, shape: tuple[int, ...], transposed: bool, flipped: bool) -> Floats:
    y, x = point
    if flipped:
        y = shape[1 if transposed else 0] - 1 - y
    return np.array([x, y] if transposed else [y, x], np.float64)


def _lines(values: Plane, counts: Plane, length: float) -> Iterator[tuple[float, Floats, Floats]]:
    """Yield the clearest line of each length, of those that rise by less than a row a column.

    Its score is in standard deviations of all lines of that length, which noise dominates.
    """
    ny, nx = values.shape
    size = 1 << max(1, int(np.ceil(np.log2(nx))))
    sums, numbers = (np.zeros((size, 1, ny + size), np.float32) for _ in range(2))
    sums[:nx, 0, size:], numbers[:nx, 0, size:] = values.T, counts.T
    width = 1
    while width < size:
        sums, numbers = double_lines(sums), double_lines(numbers)
        width *= 2
        if width < 0.7 * length:
            continue
        fewest = max(0.5 * width, 0.7 * length)
        best, block, shift, row = brightest_line(sums, numbers, fewest)
        if block >= 0:
            start = np.array([row - size, block * width], np.float64)
            yield best / _spread(sums, numbers, fewest), start, start + np.array([shift, width - 1])


def _spread(sums: Plane, numbers: Plane, fewest: float) -> float:
    """Return the robust standard deviation of sums over the root of their number."""
    few, many = sums.ravel()[::7], numbers.ravel()[::7]
    enough = many >= fewest
    if enough.sum() < 50:
        return np.inf
    scores = np.abs(few[enough]) / np.sqrt(many[enough])
    return float(np.quantile(scores, 0.6827)) + 1e-6


def _settle(plane: Plane, line: Line, length: float) -> tuple[Line, float, float] | None:
    """Put a line where its light is; return its lit piece, and its sides (low, high)."""
    clipped = np.clip(plane, -CLIP, CLIP)
    piece = _centred(clipped, line, SLACK)
    for _ in range(2):
        lit = _lit(clipped, piece)
        if lit is None or lit.length < 0.8 * length:
            return None
        piece = _centred(clipped, lit, SLACK // 2)
    bright = float(np.median(_sample(plane, piece)[:, REACH - 1 : REACH + 2]))
    if bright > CLIP:  # clipped so low its profile has a flat top, which can be anywhere
        piece = _centred(np.clip(plane, -CLIP, bright), piece, SLACK // 2)
    sides = _sides(plane, piece)
    return (piece, *sides) if sides is not None and sides[1] - sides[0] < 1.6 * REACH else None


def _sample(plane: Plane, line: Line) -> Floats:
    """Return values every two pixels along a line and every pixel across: (t, 2 REACH + 1)."""
    t = np.arange(0.0, line.length, 2.0)[:, None]
    d = np.arange(-REACH, REACH + 1.0)[None, :]
    where = [line.start[i] + t * line.along[i] + d * line.across[i] for i in (0, 1)]
    values: Floats = scipy.ndimage.map_coordinates(plane, where, order=1, output=np.float64)
    return values


def _centred(plane: Plane, line: Line, slack: int) -> Line:
    """Move the ends of a line across, so that it has the most light within three pixels."""
    values = scipy.ndimage.uniform_filter1d(_sample(plane, line), 7, axis=1)
    part = np.linspace(0.0, 1.0, values.shape[0])
    steps = np.arange(-slack, slack + 1.0)
    first, last = (ends.ravel() for ends in np.meshgrid(steps, steps))
    columns = np.rint(REACH + first[:, None] * (1.0 - part) + last[:, None] * part).astype(np.int64)
    light = values[np.arange(part.size), columns].sum(axis=1)
    best = light >= light.max() - 0.05 * abs(light.max())  # their middle is steadier than the largest
    return line.moved(float(first[best].mean()), float(last[best].mean()))


def _lit(plane: Plane, line: Line) -> Line | None:
    """Return the piece of a line, prolonged to the edges, that is lit without long gaps; None: too little."""
    whole = line.through((plane.shape[0], plane.shape[1]))
    values = _sample(plane, whole)[:, REACH - 3 : REACH + 4].mean(axis=1)
    edges = np.arange(0, values.size, PART // 2)
    parts = scipy.ndimage.uniform_filter1d(np.add.reduceat(values, edges) / np.diff([*edges, values.size]), 3)
    middle = [float((p - whole.start) @ whole.along) / PART for p in (line.start, line.end)]
    inside = slice(max(0, int(middle[0])), max(int(middle[0]) + 1, int(np.ceil(middle[1]))))
    lit = parts > 0.4 * np.median(parts[inside])
    if not lit[inside].any() or np.median(parts[inside]) <= 0:
        return None
    centre = inside.start + int(np.flatnonzero(lit[inside])[lit[inside].sum() // 2])
    first, last = centre - _run(lit[centre::-1]), centre + _run(lit[centre:])
    if lit[first : last + 1].mean() < 0.6:
        return None
    return whole.cut(max(0.0, (first - 1.0) * PART), min(whole.length, (last + 2.0) * PART))


def _run(lit: Flags) -> int:
    """Return how far flags go from the first one without a long gap."""
    on = np.flatnonzero(lit)
    gaps = np.flatnonzero(np.diff(on) > GAP)
    return int(on[gaps[0]] if gaps.size else on[-1])


def _prolonged(line: Line, shape: tuple[int, ...]) -> Line:
    """Let a line that ends at the edge of an image run on, so that its strip has no corners missing there."""
    whole = line.through((shape[0], shape[1]))
    before = REACH if np.hypot(*(whole.start - line.start)) < PART else 0
    after = REACH if np.hypot(*(whole.end - line.end)) < PART else 0
    return line.cut(-before, line.length + after)


def _sides(plane: Plane, line: Line) -> tuple[float, float] | None:
    """Return how far across a line its light reaches, (low, high).

    None where there is no light in most of its pixels: a few bright spots in a row are no line.
    """
    values = _sample(plane, line)
    even, noise = _level(np.clip(values, -CLIP, CLIP).mean(axis=0))
    if even[REACH - 3 : REACH + 4].max() < max(FAINT, 5.0 * noise):
        return None
    profile, noise = _level(np.median(values, axis=0))
    if profile[REACH - 3 : REACH + 4].max() < max(FAINT, 3.0 * noise):
        return None
    lit = profile > max(FAINT, 2.0 * noise)
    lit[REACH - 3 : REACH + 4] = True
    high, low = (int(np.argmin([*side, False])) for side in (lit[REACH:], lit[REACH::-1]))
    return -low - 1.0, high + 1.0


def _level(profile: Floats) -> tuple[Floats, float]:
    """Return a profile across a line, smoothed, above its level far from it, and its noise there."""
    far = np.abs(np.arange(-REACH, REACH + 1)) > REACH // 2
    smooth = scipy.ndimage.uniform_filter1d(profile, 3)
    level = float(np.median(smooth[far]))
    return smooth - level, 1.4826 * float(np.median(np.abs(smooth[far] - level)))


def _strip(shape: tuple[int, ...], line: Line, low: float, high: float) -> Flags:
    """Return the pixels along a line between two distances across it."""
    y, x = np.arange(shape[0])[:, None] - line.start[0], np.arange(shape[1])[None, :] - line.start[1]

    def between(direction: Floats, first: float, last: float) -> Flags:
        distance = y * direction[0] + x * direction[1]
        inside: Flags = (distance >= first) & (distance <= last)
        return inside

    return between(line.along, 0.0, line.length) & between(line.across, low, high)
