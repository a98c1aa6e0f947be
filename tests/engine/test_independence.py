"""Pixels do not depend on how they were come by: the cut into tiles, the threads, the order of the exposures.

Threads and order never change a byte: warps reach each sum in the order of the plan, whoever made them. Tiles
change no byte of what is worked out pixel by pixel; where a Fourier transform spreads pixels, its rounding
depends on where its blocks lie, and what is left is a small part of the noise.
"""

from dataclasses import replace
from itertools import product

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
from tests.assemblies import MemorySurvey, assembly, small_survey
from tests.engine.test_run import only, run

#: Rows of a tile: the patch has 331, which none of them divides, and one is larger than it.
TILES = (64, 90, 128, 400)
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
#: Largest difference between two cuts, in the brightest pixel: transforms are in single precision, which
#: rounds every pixel of a block to some 1e-7 of the largest in it.
ROUNDING = 1e-6
REJECTING = assembly(artifacts=ArtifactsSection(method=Rejection.compare_warp))
SURVEY, _ = small_survey()


def same_bytes(one: Coadd, other: Coadd) -> None:
    for plane in ("image", "variance", "mask", "n_image"):
        a, b = (getattr(coadd.stacked, plane) for coadd in (one, other))
        assert a.tobytes() == b.tobytes(), f"{plane}: {np.count_nonzero(a != b)} pixels differ"


@pytest.mark.parametrize("name", EXACT)
def test_what_is_worked_out_pixel_by_pixel_is_the_same_bytes_in_any_tiles(name: str) -> None:
    whole = only(run(SURVEY, EXACT[name], workers=1, tile=331))
    for tile, workers in zip(TILES, (3, 2, 1, 2), strict=True):
        same_bytes(whole, only(run(SURVEY, EXACT[name], workers=workers, tile=tile)))


@pytest.mark.parametrize("name", SPREAD)
def test_what_is_spread_by_fourier_transforms_is_the_same_to_rounding_in_any_tiles(name: str) -> None:
    whole = only(run(SURVEY, SPREAD[name], workers=1, tile=331))
    brightest = np.nanmax(np.abs(whole.stacked.image))
    for tile in TILES[:3]:
        cut = only(run(SURVEY, SPREAD[name], workers=2, tile=tile))
        np.testing.assert_array_equal(whole.stacked.n_image, cut.stacked.n_image)
        np.testing.assert_array_equal(whole.stacked.mask, cut.stacked.mask)
        assert np.nanmax(np.abs(whole.stacked.image - cut.stacked.image)) < ROUNDING * brightest


@pytest.mark.parametrize("name", [*EXACT, *SPREAD, "rejecting"])
def test_neither_threads_nor_the_order_of_exposures_change_a_byte(name: str) -> None:
    made = {**EXACT, **SPREAD, "rejecting": REJECTING}[name]
    shuffled = MemorySurvey([SURVEY.exposures[i] for i in (7, 2, 9, 0, 4, 1, 8, 3, 6, 5)])
    first = only(run(SURVEY, made, workers=1, tile=128))
    for workers in (2, 3):
        same_bytes(first, only(run(shuffled, made, workers=workers, tile=128)))


def test_the_order_of_products_changes_no_byte() -> None:
    products = [
        assembly({"n": str(n)}, stack=StackSection(statistic=statistic), warp=warp)
        for n, (statistic, warp) in enumerate(
            product((Statistic.mean, Statistic.median), (WarpSection(), MATCHED))
        )
    ]
    products = [replace(made, keys={**made.keys, "n": str(n)}) for n, made in enumerate(products)]
    one, other = run(SURVEY, *products), run(SURVEY, *products[::-1])
    assert len(one) == 4
    for name, coadd in one.items():
        again = other[name]
        assert isinstance(coadd, Coadd)
        assert isinstance(again, Coadd)
        same_bytes(coadd, again)
