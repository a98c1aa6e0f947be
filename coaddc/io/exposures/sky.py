"""The sky of an exposure, where the survey has not subtracted it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coaddc.io.exposures.headers import Headers
from coaddc.io.exposures.tables import find_row
from coaddc.model.errors import DataError
from coaddc.model.geom import Box


@dataclass(frozen=True, eq=False)
class Sky:
    """A smooth sky: a spline through a grid of values.

    Attributes
    ----------
    y, x : (rows,), (columns,)
        Where the grid's values are, 0-based pixels; they may lie outside the image.
    values : (rows, columns)
        Units of the image.
    degree
        Of the spline, in both directions.
    """

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    values: NDArray[np.float64]
    degree: int = 3

    def read(self, box: Box) -> NDArray[np.float64]:
        """Return the sky of a box."""
        rows, columns = np.arange(box.y0, box.y1), np.arange(box.x0, box.x1)
        if self.values.size == 1:
            return np.full(box.shape, self.values.item())
        value: NDArray[np.float64] = self._spline(rows, columns)
        return value

    @cached_property
    def _spline(self) -> Any:
        from scipy.interpolate import RectBivariateSpline  # slow to import

        ky, kx = (max(1, min(self.degree, len(axis) - 1)) for axis in (self.y, self.x))
        return RectBivariateSpline(self.y, self.x, self.values, kx=ky, ky=kx)


def read_spline_sky(path: Path, match: Mapping[str, str], headers: Headers) -> Sky | None:
    """Read a sky as the DESI Legacy Surveys write it; None where there is no file, or no row.

    Columns ``gridvals`` (rows, columns) at ``ygrid``, ``xgrid`` of the whole detector, of which the image
    begins at ``x0``, ``y0``; ``gridh`` and ``gridw`` say how much of padded columns counts.

    Raises
    ------
    DataError
        Where the file is broken.
    """
    row = find_row(path, None, match, headers)
    if row is None:
        return None
    height, width = int(row.need("gridh")), int(row.need("gridw"))
    values = np.asarray(row.need("gridvals"), np.float64)[:height, :width]
    y = np.asarray(row.need("ygrid"), np.float64)[:height] - float(row.need("y0"))
    x = np.asarray(row.need("xgrid"), np.float64)[:width] - float(row.need("x0"))
    if values.shape != (len(y), len(x)) or not np.isfinite(values).all():
        raise DataError(
            f"{row.name}: gridvals: expected {(len(y), len(x))} finite values, got {values.shape}"
        )
    return Sky(y, x, values, int(row.get("order") or 3))


def measure_sky(image: NDArray[Any], bad: NDArray[np.bool_], cell: int) -> tuple[Sky, float]:
    """Measure sky and its noise on a mesh of clipped modes, as SExtractor does (Bertin & Arnouts 1996).

    Parameters
    ----------
    image : (ny, nx)
        Any units; NaN only where bad.
    bad : (ny, nx)
        Pixels that do not count.
    cell
        Side of a cell of the mesh, pixels.

    Returns
    -------
    Sky
        In the units of the image.
    float
        Standard deviation of a pixel about it.
    """
    import sep  # slow to import

    clean = np.where(bad, 0.0, image).astype(np.float32)
    cells = [max(8, min(cell, side)) for side in clean.shape]
    mesh = sep.Background(clean, mask=bad, bw=cells[1], bh=cells[0])
    y, x = (_centres(side, step) for side, step in zip(clean.shape, cells, strict=True))
    nodes = mesh.back(dtype=np.float64)[np.ix_(y.astype(int), x.astype(int))]
    return Sky(y.astype(float), x.astype(float), nodes), float(mesh.globalrms)


def _centres(side: int, step: int) -> NDArray[np.int64]:
    """Middles of the cells, and the two edges, so that nothing is extrapolated."""
    middles = np.arange(step // 2, side, step)
    return np.unique(np.concatenate([[0], middles, [side - 1]]))
