"""The satellite trail and the asteroid of real exposures: gone from their mean, and the stars as they were.

Whoever wants the numbers: ``python benchmarks/vista_artifacts.py`` prints what is asserted here.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import real_sets
import vista_artifacts

from tests.acceptance.test_real_sets import made


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> vista_artifacts.Compared:
    words, name = vista_artifacts.WORDS, vista_artifacts.FOLDER
    store = made(words, name, tmp_path_factory, label="vista-artifacts")
    return vista_artifacts.compare(store, real_sets.shared_folder())


def test_the_trail_is_gone(compared: vista_artifacts.Compared) -> None:
    assert compared.before.trail > 50 * compared.before.trail_error
    assert abs(compared.after.trail) < 0.1 * compared.before.trail


def test_both_images_of_the_asteroid_are_gone(compared: vista_artifacts.Compared) -> None:
    assert min(compared.before.asteroid) > 50.0
    assert max(np.abs(compared.after.asteroid)) < 3.0


def test_stars_keep_their_flux(compared: vista_artifacts.Compared) -> None:
    assert compared.stars.size >= 30
    assert np.abs(compared.stars).max() < 2e-3
    assert np.mean(np.abs(compared.stars) < 1e-6) > 0.9
    assert np.abs(compared.on_trail).max() < 5e-3  # whose light was in their apertures
