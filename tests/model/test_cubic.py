"""Splines as matrices are scipy's splines."""

import numpy as np
import pytest
from scipy import ndimage

from coaddc.model.cubic import spline_filter, spline_finer


@pytest.mark.parametrize("shape", [(17, 22), (5, 2), (1, 3)])
def test_the_filter_of_a_spline_is_that_of_scipy(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).normal(size=shape)
    found = spline_filter(shape[0]) @ image @ spline_filter(shape[1]).T
    np.testing.assert_allclose(found, ndimage.spline_filter(image, order=3), rtol=0, atol=1e-12)


def test_a_line_is_interpolated_as_scipy_does() -> None:
    line = np.random.default_rng(2).normal(size=15)
    at = 7 + np.arange(-4.0, 4.05, 0.1)
    expected = ndimage.map_coordinates(line, [at], order=3, mode="mirror")
    np.testing.assert_allclose(spline_finer(7, 4) @ line, expected, rtol=0, atol=1e-12)
