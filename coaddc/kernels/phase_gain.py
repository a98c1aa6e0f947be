"""What interpolation makes of the variance of white noise, pixel by pixel."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from coaddc.kernels.place import NOWHERE, RUN, find_places, make_places

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
    ny, nx = variance.shape
    last = table.shape[0] - 1
    places = make_places()
    shift, phase_y, phase_x, _ = places
    for row in range(ny):
        for column in range(0, nx, RUN):
            n = min(nx - column, RUN)
            pixel = corner[0] + row, corner[1] + column
            if find_places(nodes, active, grid, limits, (0, 0), pixel, n, places):
                for k in range(n):
                    if shift[k] != NOWHERE:
                        y = np.int64((phase_y[k] + np.float32(0.5)) * last + np.float32(0.5))
                        x = np.int64((phase_x[k] + np.float32(0.5)) * last + np.float32(0.5))
                        variance[row, column + k] /= table[y] * table[x]
