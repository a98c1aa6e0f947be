"""Where the pixels of a patch lie in an exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coaddc.model.errors import DataError
from coaddc.model.geom import Box
from coaddc.model.wcs import Wcs

Floats = NDArray[np.float64]
Cells = NDArray[np.bool_]

#: Largest error of an interpolated position, pixels of the exposure; the grid is refined until it is met.
TOLERANCE = 1e-5

#: A WCS that cannot be followed this well, pixels, on the finest grid is refused.
LIMIT = 1e-3

#: Pixels of the tract from node to node: the first with which TOLERANCE is met.
STEPS = (64, 32, 16, 8)

#: Steps that finite differences for the area of a pixel go to either side, pixels of the tract.
_REACH = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class PixelMap:
    """Positions in an exposure of the pixels of one patch.

    The exact WCS at nodes, which are multiples of ``step`` in pixels of the tract; between them the cubic
    through the nearest four on either axis. So a position does not depend on how a patch is cut, and only
    by rounding on which patch it is asked for.

    Attributes
    ----------
    box
        The part of the patch, in pixels of the tract, that the exposure may reach.
    shape
        Rows and columns of the exposure.
    step
        Pixels from node to node.
    origin
        The first node (y, x), in pixels of the tract.
    nodes : (3, my, mx)
        Positions (x, y) of the nodes in the exposure, 0-based pixels, and the number of exposure pixels in
        one pixel of the tract there, abs(det J).
    active : (my - 3, mx - 3)
        Cells between inner nodes, [0, 0] behind node [1, 1], that hold positions in the exposure and are
        followed well; the others, where a distortion may have run away, are not used.
    error
        Largest error, pixels of the exposure, found in the middle of a cell.
    """

    box: Box
    shape: tuple[int, int]
    step: int
    origin: tuple[int, int]
    nodes: Floats
    active: Cells
    error: float

    def position(self, *, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Return positions (x, y) in the exposure of positions in the tract, of any one shape.

        NaN outside the active cells.
        """
        x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        cell_y, ty = self._cell(y, 0)
        cell_x, tx = self._cell(x, 1)
        inside = (cell_y >= 0) & (cell_x >= 0)
        inside &= (cell_y < self.active.shape[0]) & (cell_x < self.active.shape[1])
        cell_y, cell_x = np.where(inside, cell_y, 0), np.where(inside, cell_x, 0)
        inside &= self.active[cell_y, cell_x]
        found = [_cubic(nodes, cell_y, ty, cell_x, tx) for nodes in self.nodes[:2]]
        return np.where(inside, found[0], np.nan), np.where(inside, found[1], np.nan)

    def jacobian(self, *, x: float, y: float) -> Floats:
        """Return d(x, y of the exposure)/d(x, y of the tract) at a position in the tract, shape (2, 2)."""
        u, v = self.position(x=[x - 0.5, x + 0.5, x, x], y=[y, y, y - 0.5, y + 0.5])
        return np.array([[u[1] - u[0], u[3] - u[2]], [v[1] - v[0], v[3] - v[2]]])

    def source_box(self, box: Box) -> Box | None:
        """Return the pixels of the exposure that enclose the positions of a box; None where there are none.

        Interpolants need a margin around it. It lies within the exposure.
        """
        box = box.clip(self.box)
        if not box.area:
            return None
        rows = slice(*((edge - self.origin[0]) // self.step - 1 for edge in (box.y0, box.y1 - 1 + self.step)))
        columns = slice(
            *((edge - self.origin[1]) // self.step - 1 for edge in (box.x0, box.x1 - 1 + self.step))
        )
        cells = np.argwhere(self.active[rows, columns]) + np.array([rows.start, columns.start])
        if not len(cells):
            return None
        corners = (cells[:, None, :] + np.array([[1, 1], [1, 2], [2, 1], [2, 2]])).reshape(-1, 2)
        x, y = self.nodes[:2, corners[:, 0], corners[:, 1]]
        # One pixel more: a cubic may leave the range of its nodes, by far less than that.
        found = Box(
            y0=int(np.floor(y.min())) - 1,
            y1=int(np.ceil(y.max())) + 2,
            x0=int(np.floor(x.min())) - 1,
            x1=int(np.ceil(x.max())) + 2,
        ).clip(Box.of_shape(self.shape))
        return found if found.area else None

    def _cell(self, position: Floats, axis: int) -> tuple[NDArray[np.int64], Floats]:
        place = (position - self.origin[axis]) / self.step - 1.0
        cell = np.floor(place)
        return cell.astype(np.int64), place - cell


def pixel_map(source: Wcs, target: Wcs, box: Box, shape: tuple[int, int]) -> PixelMap | None:
    """Map the pixels of a box of the tract to an exposure; None where they do not meet.

    Parameters
    ----------
    source
        WCS of the exposure.
    target
        WCS of the tract.
    box
        In pixels of the tract.
    shape
        Rows and columns of the exposure.

    Raises
    ------
    DataError
        Where the exposure's WCS cannot be inverted within its image.
    """
    found = _overlap(source, target, box, shape, STEPS[0] / 2)
    if found is None:
        return None
    reached = found[0]
    for step in STEPS:
        points = found if step == STEPS[0] else _overlap(source, target, box, shape, step / 2)
        assert points is not None  # a finer net of points over the same image
        result, bad = _on_grid(source, target, reached, shape, step, points[1:])
        if not bad and result.error <= TOLERANCE:
            return result
    if bad:
        raise DataError(
            f"the WCS does not map the sky to the image within {LIMIT} pixels: its distortion cannot be "
            f"inverted inside the image ({bad} cells of {STEPS[-1]} pixels lost)"
        )
    return result


def _overlap(
    source: Wcs, target: Wcs, box: Box, shape: tuple[int, int], spacing: float
) -> tuple[Box, Floats, Floats] | None:
    """Lay a net of points over the exposure and see where in the tract they fall.

    This way round a distortion is only evaluated where it was fitted. Returns the part of the box that they
    reach, and the points (x, y) in the tract.
    """
    ratio = target.pixel_scale(x=box.centre[1], y=box.centre[0])
    ratio /= source.pixel_scale(x=(shape[1] - 1) / 2, y=(shape[0] - 1) / 2)
    count = [2 + int(np.ceil(n / (spacing * ratio))) for n in shape]
    v, u = np.meshgrid(
        *(np.linspace(-0.5, n - 0.5, m) for n, m in zip(shape, count, strict=True)), indexing="ij"
    )
    ra, dec = source.to_sky(x=u.ravel(), y=v.ravel())
    x, y = target.to_pixel(ra=ra, dec=dec)
    seen = np.isfinite(x) & np.isfinite(y)
    x, y = x[seen], y[seen]
    if not x.size:
        return None
    low_y, high_y, low_x, high_x = (
        f(edge) for edge, f in ((y, np.min), (y, np.max), (x, np.min), (x, np.max))
    )
    big = 2**30  # far outside any tract, and still an integer
    reached = Box(
        y0=int(np.floor(max(low_y, -big))),
        y1=int(np.ceil(min(high_y, big))) + 1,
        x0=int(np.floor(max(low_x, -big))),
        x1=int(np.ceil(min(high_x, big))) + 1,
    ).clip(box)
    return (reached, x, y) if reached.area else None


def _on_grid(
    source: Wcs,
    target: Wcs,
    box: Box,
    shape: tuple[int, int],
    step: int,
    points: tuple[Floats, Floats],
) -> tuple[PixelMap, int]:
    """Make the map with one step; also return how many cells that the exposure reaches are lost."""
    first = box.y0 // step - 1, box.x0 // step - 1
    count = (box.y1 - 1) // step + 3 - first[0], (box.x1 - 1) // step + 3 - first[1]
    rows = np.arange(first[0], first[0] + count[0], dtype=np.float64) * step
    columns = np.arange(first[1], first[1] + count[1], dtype=np.float64) * step
    nodes = _nodes(source, target, rows, columns)
    inner = slice(1, -2)
    exact = _to_source(source, target, rows[inner] + step / 2, columns[inner] + step / 2)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.hypot(*(_in_middles(nodes[:2]) - exact))
    error[~np.isfinite(error)] = np.inf
    hit = np.zeros_like(error, np.bool_)
    cell_x = np.floor(points[0] / step).astype(np.int64) - first[1] - 1
    cell_y = np.floor(points[1] / step).astype(np.int64) - first[0] - 1
    inside = (cell_y >= 0) & (cell_x >= 0) & (cell_y < hit.shape[0]) & (cell_x < hit.shape[1])
    hit[cell_y[inside], cell_x[inside]] = True
    finite = _finite(nodes[2])
    good = hit & finite & (error <= LIMIT)
    active = good | (_grown(hit) & finite & (error <= TOLERANCE))  # neighbours, for corners between points
    worst = float(error[good].max(initial=0.0))
    made = PixelMap(box, shape, step, (first[0] * step, first[1] * step), nodes, active, worst)
    return made, int((hit & ~good).sum())


def _to_source(source: Wcs, target: Wcs, rows: Floats, columns: Floats) -> tuple[Floats, Floats]:
    """Return the exact positions (x, y) in the exposure of a grid in the tract."""
    y, x = np.meshgrid(rows, columns, indexing="ij")
    ra, dec = target.to_sky(x=x, y=y)
    return source.to_pixel(ra=ra, dec=dec)


def _nodes(source: Wcs, target: Wcs, rows: Floats, columns: Floats) -> Floats:
    """Return positions (x, y) and pixel areas at the nodes, (3, my, mx)."""
    x, y = _to_source(source, target, rows, columns)
    left, right = (_to_source(source, target, rows, columns + d) for d in (-_REACH, _REACH))
    below, above = (_to_source(source, target, rows + d, columns) for d in (-_REACH, _REACH))
    with np.errstate(invalid="ignore", over="ignore"):  # where the WCS runs away
        area = (right[0] - left[0]) * (above[1] - below[1]) - (right[1] - left[1]) * (above[0] - below[0])
    return np.stack([x, y, np.abs(area) / (2.0 * _REACH) ** 2])


def _cubic(
    nodes: Floats, cell_y: NDArray[np.int64], ty: Floats, cell_x: NDArray[np.int64], tx: Floats
) -> Floats:
    """Interpolate by the cubic through four nodes on either axis; t is the place in a cell, 0 to 1."""
    wy, wx = _lagrange(ty), _lagrange(tx)
    total = np.zeros(np.shape(ty))
    for j in range(4):
        for i in range(4):
            total += wy[j] * wx[i] * nodes[cell_y + j, cell_x + i]
    return total


def _in_middles(nodes: Floats) -> Floats:
    """Return what `_cubic` gives in the middles of all cells, (..., my - 3, mx - 3)."""
    outer, inner = -1.0 / 16.0, 9.0 / 16.0
    rows = outer * (nodes[..., :-3, :] + nodes[..., 3:, :]) + inner * (
        nodes[..., 1:-2, :] + nodes[..., 2:-1, :]
    )
    return outer * (rows[..., :-3] + rows[..., 3:]) + inner * (rows[..., 1:-2] + rows[..., 2:-1])


def _lagrange(t: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the weights of nodes at -1, 0, 1, 2."""
    a, b, c = t + 1.0, t - 1.0, t - 2.0
    return -t * b * c / 6.0, a * b * c / 2.0, -a * t * c / 2.0, a * t * b / 6.0


def _finite(area: Floats) -> Cells:
    """Say which cells have finite areas on all nodes that their cubic takes."""
    finite = np.isfinite(area) & (area > 0)
    ny, nx = area.shape[0] - 3, area.shape[1] - 3
    cells: Cells = np.all([finite[j : j + ny, i : i + nx] for j in range(4) for i in range(4)], axis=0)
    return cells


def _grown(cells: Cells) -> Cells:
    """Add the eight neighbours of each cell."""
    padded = np.pad(cells, 1)
    ny, nx = cells.shape
    grown: Cells = np.any([padded[j : j + ny, i : i + nx] for j in range(3) for i in range(3)], axis=0)
    return grown
