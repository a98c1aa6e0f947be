import numpy as np
import pytest

from coaddc.model.geom import Box
from coaddc.model.wcs import Wcs
from coaddc.ops.orientation import Orientation
from coaddc.ops.pixel_map import pixel_map
from coaddc.sim.field import distorted_wcs

SHAPE = (310, 403)
TRACT = Wcs.tan(ra=62.4, dec=-24.6, scale=0.2, x=1000.0, y=-700.0)
BOX = Box(y0=-950, y1=-520, x0=810, x1=1300)


@pytest.mark.parametrize("rotation", [0.0, 3.0, 37.0, 92.0, 178.0, 268.0, 301.0])
def test_turned_rows_run_along_the_rows_of_the_patch(rotation: float) -> None:
    found = pixel_map(distorted_wcs(SHAPE, rotation=rotation), TRACT, BOX, SHAPE)
    assert found is not None
    turn = Orientation.of(found)
    x, y = turn.nodes(found.nodes)[:2]
    assert (np.diff(x, axis=1) > np.abs(np.diff(y, axis=1))).all()


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("flip", [False, True])
def test_pixels_boxes_and_positions_turn_together(swap: bool, flip: bool) -> None:
    turn = Orientation((7, 11), swap, flip)
    whole = np.arange(77, dtype=np.float32).reshape(7, 11)
    box = Box(y0=2, y1=6, x0=1, x1=9)
    cut = whole[box.within(Box.of_shape((7, 11)))]
    turned, turned_box = turn.plane(cut), turn.box(box)
    assert turned.shape == turned_box.shape
    x, y, area = turn.nodes(np.array([5.0, 3.0, 1.5]).reshape(3, 1, 1)).ravel()
    assert area == 1.5
    assert turned[int(y) - turned_box.y0, int(x) - turned_box.x0] == whole[3, 5]
    assert turn.limits == turn.plane(whole).shape
