"""Many processes, some of them killed, write one store."""

import os
import random
import shutil
import signal
import threading
import time

import pytest
from astropy.io import fits

from coaddc.io.coadds.read import read_coadd
from coaddc.model.errors import StoreError
from coaddc.store.objects import Draft
from coaddc.store.store import Current, Store
from tests.coadds import make_product
from tests.store.conftest import PROCESSES, REQUEST, publish, store_at


def assert_whole(root):
    """Whatever a reader may find is whole: every object, and every link."""
    for folder in root.glob("objects/*/*"):
        assert sorted(path.name for path in folder.iterdir()) == [
            "coadd.fits",
            "config.yaml",
            "provenance.json",
        ]
        with fits.open(folder / "coadd.fits", checksum=True) as hdus:
            assert len(hdus) == 10
    for link in (path for path in root.glob("coadd/**/*") if path.is_symlink()):
        assert link.exists(), link


def _publish_many(root, start, count):
    store = store_at(root)
    for index in range(start, start + count):
        publish(store, f"{index:032x}", patch=f"{index % 7},0", seed=index)


@pytest.mark.parametrize("round_", range(6))
def test_nothing_half_written_is_ever_found_whenever_a_writer_is_killed(tmp_path, round_):
    root = tmp_path / "coadds"
    writer = PROCESSES.Process(target=_publish_many, args=(root, 0, 10_000))
    writer.start()
    deadline = time.monotonic() + 20
    while not (root / "scratch").exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(random.Random(round_).uniform(0.0, 0.25))
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    assert_whole(root)
    store = store_at(root)
    for index in range(7):  # and the next writer goes on
        publish(store, f"{index:032x}", patch=f"{index % 7},0", seed=index)
    assert_whole(root)
    assert len(list(root.glob("coadd/**/coadd.fits"))) == 7


def test_processes_that_write_different_products_all_succeed(tmp_path):
    root = tmp_path / "coadds"
    writers = [PROCESSES.Process(target=_publish_many, args=(root, 7 * i, 7)) for i in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert_whole(root)
    assert len(list(root.glob("objects/*/*"))) == 28
    assert not list((root / "scratch").iterdir())


@pytest.mark.parametrize("template", [None, REQUEST])
def test_of_two_recipes_that_race_for_one_data_id_one_is_refused(tmp_path, template):
    root = tmp_path / "coadds"
    options = {"template": template} if template else {}
    publish(store_at(root, **options), "0" * 32, band="z")  # so that both find the template
    ready, results = PROCESSES.Barrier(2), PROCESSES.Queue()
    writers = [PROCESSES.Process(target=_race_by, args=(root, r, ready, results, options)) for r in "ab"]
    for writer in writers:
        writer.start()
    outcome = dict(results.get(timeout=60) for _ in writers)
    for writer in writers:
        writer.join()
    winner = next(recipe for recipe, error in outcome.items() if error is None)
    (loser,) = {"a", "b"} - {winner}
    assert "another recipe" in outcome[loser]
    assert isinstance(Store.open(root).status(make_product(winner * 32, recipe=winner * 32)), Current)


def _race_by(root, recipe, ready, results, options):
    store = store_at(root, **options)
    ready.wait()
    try:
        publish(store, recipe * 32, recipe=recipe * 32)
        results.put((recipe, None))
    except StoreError as error:
        results.put((recipe, str(error)))


def test_a_recipe_that_came_between_check_and_link_stays(store, root, monkeypatch):
    real = Draft.settle

    def slow(*args):
        folder = real(*args)
        monkeypatch.setattr(Draft, "settle", real)
        publish(store_at(root), "a" * 32, recipe="a" * 32)  # another writer is quicker
        return folder

    monkeypatch.setattr(Draft, "settle", slow)
    with pytest.raises(StoreError, match="another recipe"):
        publish(store, "b" * 32, recipe="b" * 32)
    assert isinstance(store.status(make_product("a" * 32, recipe="a" * 32)), Current)


def test_threads_that_write_the_same_product_keep_one(store, root):
    errors = []

    def write():
        try:
            publish(store)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(list(root.glob("objects/*/*"))) == 1
    assert_whole(root)


def _read_forever(path, stop, failures):
    reads = 0
    while not stop.is_set() or reads == 0:
        try:
            coadd = read_coadd(path)
            assert coadd.stacked.image.shape == (23, 17)
        except Exception as error:
            failures.put(repr(error))
            return
        reads += 1


def test_a_reader_never_sees_a_product_come_and_go_while_versions_change(store):
    place = publish(store)
    stop, failures = PROCESSES.Event(), PROCESSES.Queue()
    reader = PROCESSES.Process(target=_read_forever, args=(place / "coadd.fits", stop, failures))
    reader.start()
    for index in range(12):
        publish(store, f"{index:032x}", seed=index)
    stop.set()
    reader.join()
    assert failures.empty(), failures.get()


def _freeze(root, value, results):
    results.put(store_at(root).freeze("skymaps/demo", {"value": value}))


def test_all_who_freeze_one_name_at_once_get_the_same_data(tmp_path):
    results = PROCESSES.Queue()
    writers = [PROCESSES.Process(target=_freeze, args=(tmp_path / "coadds", i, results)) for i in range(6)]
    for writer in writers:
        writer.start()
    found = [results.get(timeout=60) for _ in writers]
    for writer in writers:
        writer.join()
    assert all(data == found[0] for data in found)


def test_a_copy_of_a_store_is_a_store(store, root, tmp_path):
    publish(store)
    shutil.copytree(root, tmp_path / "copy", symlinks=True)
    assert isinstance(Store.open(tmp_path / "copy").status(make_product()), Current)
