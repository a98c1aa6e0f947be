"""The spline of stamps is scipy's, within the samples, at their edges and beyond."""

import numpy as np
from scipy.ndimage import map_coordinates

from coaddc.kernels.spline import spline_stamps


def test_stamps_on_sheared_grids_are_what_map_coordinates_gives_edges_and_all() -> None:
    rng = np.random.default_rng(2)
    coefficients = rng.normal(size=(3, 17, 21))
    terms, steps = rng.normal(size=(5, 3)), rng.normal(size=(5, 2, 2))
    steps[0] = [[1.0, 0.0], [0.0, -1.0]]  # whole samples, the outermost ones too
    stamps = np.empty((5, 23, 23))
    spline_stamps(coefficients, terms, steps, (8.0, 10.0), stamps)
    offsets = np.mgrid[-11:12, -11:12]
    for k in range(5):
        where = np.einsum("ab,bji->aji", steps[k], offsets) + np.array([8.0, 10.0])[:, None, None]
        own = np.einsum("t,tji->ji", terms[k], coefficients)
        expected = map_coordinates(own, where, order=3, mode="constant", prefilter=False)
        np.testing.assert_allclose(stamps[k], expected, rtol=0, atol=1e-12)
        assert 0 < np.count_nonzero(stamps[k]) < stamps[k].size
