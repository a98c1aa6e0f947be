"""What interpolation makes of the variance of white noise, pixel by pixel."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from coaddc.kernels.resample import _place, _row_of_nodes

Image = NDArray[np.float32]
Floats = NDArray[np.float64]


@njit(nogil=True, cache=True, error_model="numpy")
def divide_by_phase_gain(
    table: NDArray[np.float32],
    nodes: Floats,
    active: NDArray[np.bool_],
    grid: tuple[int, int, int],
    corner: tuple[int, int],
    limits: tuple[int, int],
    variance: Image,
) -> None:
    """Divide a warp's variance by the sum of the squared weights that its pixels were interpolated with.

    Parameters
    ----------
    table : (n,)
        That sum on one axis at n phases, 0 to 1, both included.
    nodes, active, grid, corner, limits
        As for `coaddc.kernels.resample.resample`, of the exposure as it is or turned by right angles.
    variance : (ny, nx)
        Changed in place where positions are valid.
    """
    step, grid_y, grid_x = grid
    ny, nx = variance.shape
    last = table.shape[0] - 1
    rows = np.empty((3, nodes.shape[2]))
    place = np.empty((2, step), np.int64)
    phase = np.empty((2, step), np.float32)
    area = np.empty(step, np.float32)
    valid = np.empty(step, np.bool_)
    for row in range(ny):
        cell_y = (corner[0] + row - grid_y) // step - 1
        if not active[cell_y].any():
            continue
        _row_of_nodes(nodes, cell_y, (corner[0] + row - grid_y) / step - 1 - cell_y, rows)
        column = 0
        while column < nx:
            cell = (corner[1] + column - grid_x) // step - 1
            node = grid_x + (cell + 1) * step - corner[1]
            n = min(nx, node + step) - column
            if active[cell_y, cell]:
                _place(rows, cell, column - node, step, limits, n, place, phase, area, valid)
                for k in range(n):
                    if valid[k]:
                        y = np.int64((phase[0, k] + np.float32(0.5)) * last + np.float32(0.5))
                        x = np.int64((phase[1, k] + np.float32(0.5)) * last + np.float32(0.5))
                        variance[row, column + k] /= table[y] * table[x]
            column += n
