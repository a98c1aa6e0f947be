"""Footprints: connected pixels of one sign, with a core above a threshold."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
Flags = NDArray[np.bool_]
jit: Any = njit(nogil=True, cache=True, error_model="numpy")

#: Stands for a footprint that is too small, while others are looked for.
_DROPPED = np.iinfo(np.int32).min


@jit
def label(plane: Float32, high: float, low: float, smallest: int, labels: Int32) -> int:
    """Find and number the footprints of a plane: pixels of one sign beyond ``low``, connected.

    Sides and corners connect. Each is flooded from a pixel beyond ``high``, so that plain noise costs one
    look a pixel.

    Parameters
    ----------
    plane : (ny, nx)
        Values; NaN belongs to nothing.
    high, low
        Thresholds, both positive.
    smallest
        A footprint has as many pixels beyond ``high`` at least.
    labels : (ny, nx)
        Zeros; on output the number of each pixel's footprint, from 1 for positive ones, from -1 down for
        negative ones; 0 outside.

    Returns
    -------
    count
        How many there are, both signs together; every number from 1 to it occurs once, with either sign.
    """
    ny, nx = plane.shape
    queue = np.empty(ny * nx, np.int64)
    found = 0
    for y in range(ny):
        for x in range(nx):
            if not abs(plane[y, x]) > high or labels[y, x] != 0:
                continue
            sign = 1 if plane[y, x] > 0 else -1
            number = sign * (found + 1)
            labels[y, x] = number
            queue[0] = y * nx + x
            filled, done, cores = 1, 0, 0
            while done < filled:
                j, i = queue[done] // nx, queue[done] % nx
                done += 1
                if plane[j, i] * sign > high:
                    cores += 1
                for v in range(max(j - 1, 0), min(j + 2, ny)):
                    for u in range(max(i - 1, 0), min(i + 2, nx)):
                        if labels[v, u] == 0 and plane[v, u] * sign > low:
                            labels[v, u] = number
                            queue[filled] = v * nx + u
                            filled += 1
            if cores >= smallest:
                found += 1
            else:
                for k in range(filled):  # not 0: or its other cores would flood it again
                    labels[queue[k] // nx, queue[k] % nx] = _DROPPED
    for y in range(ny):
        for x in range(nx):
            if labels[y, x] == _DROPPED:
                labels[y, x] = 0
    return found


@jit
def find_runs(mask: Flags, y0: int, x0: int, runs: Int32) -> int:
    """List the runs of set pixels along rows.

    Parameters
    ----------
    mask : (ny, nx)
        Flags.
    y0, x0
        Position of the first pixel.
    runs : (k, 3)
        Output: row, first column, and the column after the last; what does not fit is only counted.

    Returns
    -------
    count
        Number of runs.
    """
    ny, nx = mask.shape
    found = 0
    for y in range(ny):
        x = 0
        while x < nx:
            if not mask[y, x]:
                x += 1
                continue
            start = x
            while x < nx and mask[y, x]:
                x += 1
            if found < runs.shape[0]:
                runs[found, 0] = y + y0
                runs[found, 1] = start + x0
                runs[found, 2] = x + x0
            found += 1
    return found
