"""Pixels do not depend on how they were come by: the cut into tiles, the threads, the order of the exposures.

Threads and order never change a byte: warps reach each sum in the order of the plan, whoever made them. Tiles
change no byte of what is worked out pixel by pixel; where a Fourier transform spreads pixels, its rounding
depends on where its blocks lie, and what is left is a small part of the noise.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from coaddc.model.assembly import (
    ArtifactsSection,
    Assembly,
    BackgroundSection,
    Matching,
    PsfModelSection,
    Rejection,
    StackSection,
    Statistic,
    WarpSection,
)
from coaddc.model.images import Coadd
from tests.assemblies import MemorySurvey, assembly, one_patch, small_survey
from tests.engine.test_run import run

MATCHED = WarpSection(matching=Matching.psf_model)


def stacked(statistic: Statistic) -> Assembly:
    return assembly(stack=StackSection(statistic=statistic))


EXACT = {
    "mean": assembly(),
    "clipped": stacked(Statistic.clipped),
    "median": stacked(Statistic.median),
    "levelled": replace(assembly(), background=BackgroundSection(order=1)),
}
SPREAD = {
    "matched": assembly(warp=MATCHED, psf_model=PsfModelSection(fwhm=1.3)),
    "likelihood": assembly(warp=WarpSection(matching=Matching.likelihood)),
    "proper": assembly(warp=WarpSection(matching=Matching.proper)),
}
REJECTING = {"rejecting": assembly(artifacts=ArtifactsSection(method=Rejection.compare_warp))}
ALL = {**EXACT, **SPREAD, **REJECTING}
#: Largest difference between two cuts, in the brightest pixel: transforms are in single precision, which
#: rounds every pixel of a block to some 1e-7 of the largest in it.
ROUNDING = 1e-6
SURVEY, _ = small_survey(visits=3)
#: Rows of the patch, and of tiles, none of which divides it.
ROWS, TILES = 211, (64, 100)


@cache
def made(
    tile: int, workers: int = 1, *, order: tuple[int, ...] = (), backwards: bool = False
) -> Mapping[str, Coadd]:
    """Make all products, in tiles of so many rows, of the exposures in some order, the last first perhaps."""
    survey = MemorySurvey([SURVEY.exposures[i] for i in order]) if order else SURVEY
    asked = [replace(each, keys={**each.keys, "kind": kind}) for kind, each in ALL.items()]
    asked = asked[::-1] if backwards else asked
    coadds = run(survey, *asked, workers=workers, tile=tile, patch=one_patch(ny=ROWS, nx=302))
    assert len(coadds) == len(ALL)
    return {str(coadd.data_id["kind"]): coadd for coadd in coadds.values() if isinstance(coadd, Coadd)}


def same_bytes(one: Coadd, other: Coadd) -> None:
    for plane in ("image", "variance", "mask", "n_image"):
        a, b = (getattr(coadd.stacked, plane) for coadd in (one, other))
        assert a.tobytes() == b.tobytes(), f"{plane}: {np.count_nonzero(a != b)} pixels differ"


@pytest.mark.parametrize("kind", EXACT)
def test_what_is_worked_out_pixel_by_pixel_is_the_same_bytes_in_any_tiles(kind: str) -> None:
    for tile, workers in zip(TILES, (3, 1), strict=True):
        same_bytes(made(ROWS)[kind], made(tile, workers)[kind])


@pytest.mark.parametrize("kind", SPREAD)
def test_what_is_spread_by_fourier_transforms_is_the_same_to_rounding_in_any_tiles(kind: str) -> None:
    whole = made(ROWS)[kind].stacked
    brightest = np.nanmax(np.abs(whole.image))
    for tile, workers in zip(TILES, (3, 1), strict=True):
        cut = made(tile, workers)[kind].stacked
        np.testing.assert_array_equal(whole.n_image, cut.n_image)
        np.testing.assert_array_equal(whole.mask, cut.mask)
        assert np.nanmax(np.abs(whole.image - cut.image)) < ROUNDING * brightest


@pytest.mark.parametrize("kind", ALL)
def test_neither_threads_nor_the_order_of_exposures_or_products_change_a_byte(kind: str) -> None:
    first = made(TILES[-1])[kind]
    same_bytes(first, made(TILES[-1], 2, order=(2, 5, 0, 4, 1, 3))[kind])
    same_bytes(first, made(TILES[-1], 3, backwards=True)[kind])
