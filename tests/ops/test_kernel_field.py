"""Kernels between the places where they are known."""

import numpy as np
import pytest

from coaddc.model.geom import Box
from coaddc.ops.kernel_field import TOLERANCE, field_of

RNG = np.random.default_rng(11)
YS, XS = np.array([-128.0, 0.0, 128.0]), np.array([0.0, 128.0, 256.0, 384.0])


def kernels(scales: list[float]) -> np.ndarray:
    """Kernels of 12 places: one of sum 1, and differences from it of these sizes."""
    mean = RNG.random((9, 9))
    mean /= mean.sum()
    shapes = np.linalg.qr(RNG.normal(size=(81, len(scales))))[0].T.reshape(-1, 9, 9)
    amplitudes = RNG.normal(size=(12, len(scales))) * scales * np.linalg.norm(mean)
    return mean + np.tensordot(amplitudes, shapes, axes=1)


@pytest.mark.parametrize("scales", [[0.3], [0.3, 0.02, 1e-5], [0.5, 0.2, 0.1, 0.05, 0.01]])
def test_each_kernel_is_reached_to_the_tolerance_by_no_more_components_than_singular_values_need(
    scales,
) -> None:
    known = kernels(scales)
    field = field_of(known, np.ones(12), YS, XS)
    size = np.linalg.norm(field.mean)
    found = np.array([field.at(y=y, x=x) for y in YS for x in XS])
    left = np.linalg.norm(found - known, axis=(1, 2))
    assert left.max() <= 1.001 * TOLERANCE * size
    u, s, _ = np.linalg.svd((known - known.mean(axis=0)).reshape(12, -1), full_matrices=False)
    one_less = (u * s)[:, len(field.components) - 1 :]
    assert np.linalg.norm(one_less, axis=1).max() > TOLERANCE * size
    flat = field.components.reshape(len(field.components), -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-9)


def test_kernels_that_are_alike_have_no_components() -> None:
    field = field_of(kernels([1e-4]), np.ones(12), YS, XS)
    assert field.components.shape == (0, 9, 9)
    assert field.amplitudes.shape == (3, 4, 0)


def test_values_between_the_places_are_bilinear_and_beyond_them_constant() -> None:
    field = field_of(kernels([0.1]), np.ones(12), YS, XS)
    values, box = RNG.normal(size=(3, 4)), Box(y0=-200, y1=131, x0=70, x1=460)
    along, across = field.between(box).weights(values, Box(y0=-200, y1=131, x0=100, x1=460))
    found = along @ across
    assert found.dtype == np.float32
    assert found[200 + 32, 160 - 100] == pytest.approx(
        0.75 * (0.75 * values[1, 1] + 0.25 * values[1, 2])
        + 0.25 * (0.75 * values[2, 1] + 0.25 * values[2, 2])
    )
    np.testing.assert_allclose(found[:72, -76:], values[0, 3], rtol=1e-6)


def test_a_part_takes_from_no_columns_but_those_around_it() -> None:
    field = field_of(kernels([0.1]), np.ones(12), YS, XS)
    between = field.between(Box(y0=0, y1=50, x0=0, x1=384))
    along, across = between.weights(RNG.normal(size=(5, 3, 4)), Box(y0=7, y1=20, x0=130, x1=250))
    assert along.shape == (5, 13, 2)
    assert across.shape == (2, 120)
