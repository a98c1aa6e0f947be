from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from coaddc.kernels.fill import MARGIN
from coaddc.model.assembly import Interpolant
from coaddc.model.geom import Box
from coaddc.model.mask import bit
from coaddc.model.psf import Moffat
from coaddc.model.wcs import Wcs
from coaddc.ops.interpolant import interpolant_1d
from coaddc.ops.orientation import Orientation
from coaddc.ops.section import Section, read_section
from coaddc.sim.field import noise_field
from coaddc.sim.memory import MemoryExposure

SHAPE = (90, 137)
TURNS = [Orientation(SHAPE, swap, flip) for swap in (False, True) for flip in (False, True)]
every_interpolant = pytest.mark.parametrize("interpolant", Interpolant, ids=lambda i: i.name)
every_turn = pytest.mark.parametrize("turn", TURNS, ids=lambda t: f"swap={t.swap},flip={t.flip}")


def exposed() -> MemoryExposure:
    wcs = Wcs.tan(ra=62.4, dec=-24.6, scale=0.2, x=60.0, y=40.0)
    exposure = noise_field(wcs, SHAPE, Moffat(fwhm=4.0), noise=1.0, seed=9)
    image, mask = exposure.image.copy(), exposure.mask.copy()
    image[40, 7:11] = image[0, 60] = image[89, 136] = np.nan
    mask[30:33, :50] |= bit("SAT")
    mask[5, 130] |= bit("SUSPECT")
    return replace(exposure, image=image, mask=mask)


def section(box: Box, turn: Orientation, interpolant: Interpolant) -> Section:
    made = read_section(exposed().read, turn, box, interpolant_1d(interpolant))
    return replace(made, image=made.image.copy(), variance=made.variance.copy(), mask=made.mask.copy())


@every_interpolant
@every_turn
def test_a_pixel_does_not_depend_on_the_box_that_is_asked_for(
    interpolant: Interpolant, turn: Orientation
) -> None:
    scheme = interpolant_1d(interpolant)
    whole = section(Box.of_shape(SHAPE), turn, interpolant)
    for needed in (Box(y0=0, y1=11, x0=0, x1=137), Box(y0=25, y1=60, x0=3, x1=44), Box.of_shape((90, 5))):
        part = section(needed, turn, interpolant)
        sound = turn.box(needed).grow(scheme.taps // 2 - 1)  # all that positions in the box are made from
        for name in ("image", "variance"):
            found, expected = (getattr(s, name)[sound.within(s.box)] for s in (part, whole))
            assert np.isfinite(found).all()
            np.testing.assert_array_equal(found, expected)
        corners = Box(y0=sound.y0, y1=sound.y1 - 1, x0=sound.x0, x1=sound.x1 - 1).clip(
            Box(y0=0, y1=turn.limits[0] - 1, x0=0, x1=turn.limits[1] - 1)
        )
        np.testing.assert_array_equal(
            part.mask[corners.within(part.box)], whole.mask[corners.within(whole.box)]
        )


def test_the_exposure_is_mirrored_at_its_outermost_pixels() -> None:
    made = section(Box.of_shape(SHAPE), TURNS[0], Interpolant.lanczos3)
    at = Box.of_shape(SHAPE).within(made.box)
    for plane in (made.image, made.variance):
        np.testing.assert_array_equal(plane, np.pad(plane[at], MARGIN + 2, mode="reflect"))


@every_interpolant
def test_nothing_is_left_of_the_section_that_the_thread_read_before(interpolant: Interpolant) -> None:
    def made() -> Section:
        return section(Box(y0=0, y1=31, x0=100, x1=137), TURNS[3], interpolant)

    with ThreadPoolExecutor(1) as fresh:
        expected = fresh.submit(made).result()
    lost = exposed()
    lost.image[:], lost.variance[:], lost.mask[:] = np.nan, np.inf, -1
    read_section(lost.read, TURNS[0], Box.of_shape(SHAPE), interpolant_1d(interpolant))
    found = made()
    for name in ("image", "variance", "mask"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_good_pixels_are_those_of_the_exposure_and_bad_ones_are_near_their_neighbours() -> None:
    exposure = exposed()
    made = section(Box.of_shape(SHAPE), TURNS[0], Interpolant.lanczos3)
    at = Box.of_shape(SHAPE).within(made.box)
    bad = ~np.isfinite(exposure.image) | ((exposure.mask & bit("SAT")) > 0)
    np.testing.assert_array_equal(made.image[at][~bad], exposure.image[~bad])
    assert np.abs(made.image[at][bad]).max() < 10.0 * exposure.image[~bad].std()


def test_positions_have_the_bits_of_what_they_touch_and_are_marked_where_taps_leave_the_exposure() -> None:
    made = section(Box.of_shape(SHAPE), TURNS[0], Interpolant.lanczos3)
    mask = made.mask[Box.of_shape(SHAPE).within(made.box)]
    touched = np.nonzero(mask & bit("SUSPECT"))
    assert sorted(zip(*touched, strict=True)) == [(4, 129), (4, 130), (5, 129), (5, 130)]
    assert sorted(set(np.nonzero(mask[:, 70] & bit("BAD"))[0])) == []
    assert sorted(set(np.nonzero(mask[:, 9] & bit("BAD"))[0])) == [38, 39, 40, 41]
    edge = (mask & bit("EDGE")) > 0
    assert not edge[2:87, 2:134].any()
    assert edge[:2].all()
    assert edge[87:].all()
    assert edge[:, :2].all()
    assert edge[:, 134:].all()
