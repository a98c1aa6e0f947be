"""Convolution by pieces, against sums in double precision."""

import numpy as np
import pytest
from scipy.signal import fftconvolve

from coaddc.model.geom import Box
from coaddc.model.mask import bit
from coaddc.ops.convolver import LENGTHS, Convolver, Pieces, by_pieces, start
from coaddc.ops.kernel_field import KernelField, field_of

RNG = np.random.default_rng(9)
HALF = 6
AROUND = Box(y0=-40, y1=133, x0=1001, x1=1398)
PLANE = RNG.normal(3.0, 1.0, AROUND.shape).astype(np.float32)
THERE = RNG.random(AROUND.shape) > 0.01
ONCE = np.where(THERE, PLANE, np.float32(np.nan))


def field(half: int) -> KernelField:
    """Kernels of sum 1 that are no one's mirror image, on a grid of 2 by 3."""
    kernels = RNG.random((6, 2 * half + 1, 2 * half + 1)) - 0.2
    kernels /= kernels.sum(axis=(1, 2), keepdims=True)
    ys, xs = np.array([-50.0, 150.0]), np.array([1000.0, 1200.0, 1400.0])
    return field_of(kernels, np.linspace(0.2, 0.7, 6), ys, xs)


def expected(kernels: KernelField, box: Box) -> np.ndarray:
    """Convolve with each of the grid's kernels, and take from them at each place."""
    wide = box.grow(kernels.half)
    image = np.zeros(wide.shape)
    part = AROUND.clip(wide)
    image[part.within(wide)] = np.where(THERE, PLANE, 0)[part.within(AROUND)]
    between, total = kernels.between(box), np.zeros(box.shape)
    for i, y in enumerate(kernels.ys):
        for j, x in enumerate(kernels.xs):
            made = fftconvolve(image, kernels.at(y=y, x=x), mode="valid")
            total += between.along[:, i : i + 1] * between.across[j] * made
    return total


def convolved(kernels: KernelField, box: Box) -> np.ndarray:
    convolver = Convolver.of(kernels, box, 1)
    own = convolver.kernels(kernels)

    def make(pieces: Pieces, made) -> None:
        convolver.transform(ONCE, THERE, AROUND, pieces)
        planes = convolver.mean(own, pieces, 0)
        convolver.vary(own, pieces, 0)
        for piece, plane in zip(pieces, planes, strict=True):
            inside = piece.clip(box)
            made.image[inside.within(box)] = plane[inside.within(piece)]

    return by_pieces(THERE, AROUND, box, kernels.half, make).image


@pytest.mark.parametrize("half", [1, 6, 25, 100])
@pytest.mark.parametrize(
    "box",
    [AROUND.grow(-7), AROUND.grow(9), Box(y0=3, y1=14, x0=1100, x1=1103)],
    ids=["in", "beyond", "small"],
)
def test_each_pixel_is_the_sum_over_the_kernel_of_its_place(box: Box, half: int) -> None:
    kernels = field(half)
    truth = expected(kernels, box)
    assert np.abs(convolved(kernels, box) - truth).max() < 1e-6 * np.abs(truth).max()


def test_missing_pixels_count_as_0_whatever_they_hold() -> None:
    assert np.isnan(ONCE).any()
    assert np.isfinite(convolved(field(HALF), AROUND)).all()


def test_a_bright_piece_leaves_no_more_than_rounding_in_the_one_it_is_convolved_with() -> None:
    kernels = field(HALF)
    box = Box(y0=0, y1=64, x0=0, x1=432)
    left, right = Box(y0=0, y1=64, x0=0, x1=216), Box(y0=0, y1=64, x0=216, x1=432)
    convolver = Convolver.of(kernels, box, 1)
    own = convolver.kernels(kernels)
    sky = np.ones(box.shape, np.float32)
    bright = sky.copy()
    bright[20:30, 100:110] = 1e6
    found = []
    for plane in (sky, bright):
        convolver.transform(plane, plane > 0, box, (left, right))
        found.append(convolver.mean(own, (left, right), 0)[1].copy())
    assert 0 < np.abs(found[1] - found[0]).max() < 1e-6 * 1e6


def test_nothing_is_made_where_there_is_nothing_around() -> None:
    there = np.zeros(AROUND.shape, np.bool_)
    there[:, :5] = True
    box = AROUND.grow(-1)
    asked: list[Box] = []

    def make(pieces: Pieces, made) -> None:
        asked.extend(pieces)
        for piece in pieces:
            at = piece.clip(box).within(box)
            made.image[at], made.variance[at], made.weight[at], made.mask[at] = 1, 2, 3, 4

    made = by_pieces(there, AROUND, box, HALF, make)
    (only,) = asked
    at = only.clip(box).within(box)
    assert start(only, box) == (0, 0)
    assert only.shape[1] < box.shape[1]
    assert (made.mask[at] == 4).all()
    outside = np.ones(box.shape, np.bool_)
    outside[at] = False
    for plane, value in ((made.image, 0), (made.variance, 0), (made.weight, 0), (made.mask, bit("NO_DATA"))):
        assert (plane[outside] == value).all()


def test_lengths_are_whole_strips() -> None:
    assert all(n % 8 == 0 for n in LENGTHS)
    assert {64, 256, 320} <= set(LENGTHS)
