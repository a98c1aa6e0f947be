import json
import os
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
import yaml

from coaddc.io.coadds.read import read_coadd
from coaddc.model.errors import ConfigError, PlanError, StoreError
from coaddc.store import disk
from coaddc.store.store import Absent, Conflict, Current, Outdated, Store
from tests.coadds import DATA_ID, make_product
from tests.store.conftest import ALIASES, IMPLIED, REQUEST, publish, store_at

PLACE = "coadd/skymap=demo/band=g/tract=3/patch=2,11/warp=psfMatched/selection=deep"


def snapshot(root):
    return {
        str(path.relative_to(root)): (os.readlink(path) if path.is_symlink() else path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
    }


def test_a_product_is_a_folder_of_three_files_at_its_data_id(store, root):
    place = publish(store)
    assert place == root / PLACE
    assert sorted(path.name for path in place.iterdir() if not path.name.startswith(".")) == [
        "coadd.fits", "config.yaml", "provenance.json",
    ]  # fmt: skip
    assert read_coadd(place / "coadd.fits").data_id == DATA_ID
    assert yaml.safe_load((place / "config.yaml").read_text()) == make_product().config
    assert len(list(root.glob("objects/dd/*/coadd.fits"))) == 1


def test_provenance_says_what_made_it(store):
    record = json.loads((publish(store) / "provenance.json").read_text())
    assert record["data_id"] == DATA_ID
    assert (record["digest"], record["recipe"]) == ("d" * 32, "r" * 32)
    assert record["overrides"] == ["warp=psfMatched"]
    assert [(i["visit"], i["weight"], i["note"], i["background"]) for i in record["inputs"]] == [
        (17, 0.25, "", 0.0),
        (4, 1.5, "PSF of the header's seeing ", -3.25),
    ]
    assert record["inputs"][1]["file"] == "raw/É\\4 .fits"
    assert record["op_versions"] == {"warp": 1}
    assert record["command"] == "coaddc"
    assert record["versions"]["numpy"] == np.__version__
    assert {"python", "host", "published"} <= record.keys()


def test_provenance_holds_numbers_of_numpy_and_nothing_that_json_has_no_word_for(store):
    from tests.coadds import awkward_coadd

    place = store.publish(
        make_product(),
        awkward_coadd(),
        {"a": np.float32("nan"), "b": np.int64(3), "c": Path("x"), "digest": 1},
    )
    record = json.loads((place / "provenance.json").read_text(), parse_constant=pytest.fail)
    assert (record["a"], record["b"], record["c"], record["digest"]) == (None, 3, "x", "d" * 32)


def test_a_product_with_a_further_key_lies_below_the_one_without(store):
    above, below = publish(store), publish(store, "e" * 32, baseline="y1")
    assert below == above / "baseline=y1"
    assert read_coadd(below / "coadd.fits").data_id["baseline"] == "y1"
    assert "baseline" not in read_coadd(above / "coadd.fits").data_id


def test_the_template_of_the_request_gives_a_file(root):
    store = store_at(root, template=REQUEST)
    place = publish(store)
    assert place == root / "coadd/g/3/2,11/deepCoaddpsfMatched.fits"
    assert read_coadd(place).data_id == DATA_ID
    assert isinstance(store.status(make_product()), Current)
    publish(store, "e" * 32)
    assert place.resolve().parent.name.startswith("e" * 32)


def test_links_are_relative_so_that_a_store_can_be_moved(store, root):
    publish(store)
    moved = root.with_name("elsewhere")
    root.rename(moved)
    assert read_coadd(moved / PLACE / "coadd.fits").data_id == DATA_ID


def test_status_follows_digest_and_recipe(store):
    product = make_product()
    assert isinstance(store.status(product), Absent)
    publish(store)
    assert isinstance(store.status(product), Current)
    outdated = store.status(make_product("e" * 32))
    assert isinstance(outdated, Outdated)
    assert outdated.provenance["digest"] == "d" * 32
    assert isinstance(store.status(make_product("e" * 32, recipe="s" * 32)), Conflict)
    assert isinstance(store.status(make_product("d" * 32, recipe="s" * 32)), Current)


def test_asking_for_the_status_writes_nothing(store, root):
    store.status(make_product())
    assert not root.exists()
    publish(store)
    before = snapshot(root)
    store_at(root, implied={**IMPLIED, "parity": "none"}).status(make_product("e" * 32, recipe="s" * 32))
    Store.open(root)
    assert snapshot(root) == before


def test_new_inputs_are_a_new_version_beside_the_old(store, root):
    place = publish(store)
    old = (place / "coadd.fits").resolve()
    before = old.read_bytes()
    publish(store, "e" * 32, seed=2)
    assert (place / "coadd.fits").resolve() != old
    assert old.read_bytes() == before
    assert json.loads((place / "provenance.json").read_text())["digest"] == "e" * 32
    assert isinstance(store.status(make_product("e" * 32)), Current)


def test_a_version_of_before_can_become_current_again(store):
    place = publish(store)
    old = (place / "coadd.fits").resolve()
    publish(store, "e" * 32, seed=2)
    publish(store)
    assert (place / "coadd.fits").resolve() == old


def test_the_same_digest_again_keeps_the_first(store):
    before = (publish(store) / "coadd.fits").read_bytes()
    assert (publish(store, seed=2) / "coadd.fits").read_bytes() == before


def test_equal_pixels_under_two_data_ids_are_two_files_that_say_which_they_are(store):
    one, two = publish(store, baseline="all"), publish(store, baseline="y10")
    assert read_coadd(one / "coadd.fits").data_id["baseline"] == "all"
    assert read_coadd(two / "coadd.fits").data_id["baseline"] == "y10"
    assert json.loads((two / "provenance.json").read_text())["data_id"]["baseline"] == "y10"


def test_another_recipe_is_refused_with_a_diff_and_the_ways_out(store, root):
    publish(store)
    before = snapshot(root)
    with pytest.raises(StoreError) as caught:
        publish(store, "e" * 32, recipe="s" * 32)
    message = str(caught.value)
    assert f"-  nsigma: {'r' * 32}\n+  nsigma: {'s' * 32}" in message
    assert "doc of" not in message
    for way in ("new value of the key", "variant", "store.root", "restore the YAML"):
        assert way in message
    assert snapshot(root) == before


def test_what_lies_there_under_another_data_id_is_refused_with_the_key_that_the_template_lacks(root):
    store = store_at(root, template=REQUEST)
    publish(store, baseline="y1")
    for digest in ("d" * 32, "e" * 32):
        status = store.status(make_product(digest, baseline="y2"))
        assert isinstance(status, Conflict)
        assert "does not tell them apart by baseline" in status.message


def test_collisions_within_a_suite_are_refused(root):
    with pytest.raises(PlanError, match=r"lacks \{baseline\}"):
        store_at(root, template=REQUEST).check(
            make_product(d * 32, baseline=b) for d, b in [("a", "y1"), ("b", "y2")]
        )


@pytest.mark.parametrize("key", ["digest", "n_inputs", "Path"])
def test_keys_that_tables_use_for_something_else_are_refused(store, key):
    with pytest.raises(ConfigError, match=f"may not be called {key}"):
        store.check([replace(make_product(), data_id={**DATA_ID, key: "x"})])


def test_another_template_is_refused_and_the_store_stays_as_it_was(store, root):
    publish(store)
    with pytest.raises(StoreError, match=r"use another store\.root, or leave store\.template"):
        store_at(root, template=REQUEST)
    assert Store.open(root).settings.template == store.settings.template


def test_defaults_of_the_beginning_stay_and_new_keys_are_added(store, root):
    publish(store)
    later = store_at(root, implied={**IMPLIED, "selection": "bestSeeing", "parity": "none"})
    assert isinstance(later.status(make_product(parity="none")), Current)
    place = publish(later, "e" * 32, parity="odd", selection="bestSeeing")
    assert place == root / PLACE.replace("deep", "bestSeeing") / "parity=odd"
    assert Store.open(root).settings.implied == {**IMPLIED, "parity": "none"}


def test_aliases_are_kept_with_the_store(store, root):
    publish(store)
    publish(store_at(root, aliases={"filter": "warp", "f": "band"}), "e" * 32)
    assert Store.open(root).settings.aliases == {**ALIASES, "f": "band"}


def test_a_broken_or_foreign_store_json_is_named(store, root):
    publish(store)
    (root / "store.json").write_text("{")
    with pytest.raises(StoreError, match=r"store\.json: broken"):
        Store.open(root)
    (root / "store.json").write_text('{"format": 99}')
    with pytest.raises(StoreError, match="a store of format 99"):
        Store.open(root)


def test_no_store_is_said_with_the_one_below(store, root):
    publish(store)
    with pytest.raises(StoreError, match=r"no store \(there is no store.json\); did you mean .*coadds"):
        Store.open(root.parent)


def test_unusual_values_lie_at_paths_of_their_own(store, root):
    for index, value in enumerate(["a/b", "..", "é=1", "x" * 500, "'\"", "-rf *"]):
        place = publish(store, f"{index:032x}", odd=value)
        assert place.resolve().is_relative_to(root.resolve())
        assert read_coadd(place / "coadd.fits").data_id["odd"] == value


def test_files_of_a_product_cannot_be_edited_in_place(store):
    place = publish(store)
    for name in ("coadd.fits", "config.yaml", "provenance.json"):
        assert (place / name).stat().st_mode & 0o222 == 0


def test_a_killed_writer_leaves_nothing_that_counts(store, root):
    place = publish(store)
    (place / "coadd.fits").unlink()  # killed between two links
    assert isinstance(store.status(make_product()), Absent)
    publish(store)
    assert isinstance(store.status(make_product()), Current)


def test_an_object_of_which_files_were_lost_is_made_again(store, root):
    place = publish(store)
    folder = (place / "coadd.fits").resolve().parent
    (folder / "coadd.fits").unlink()
    assert isinstance(store.status(make_product()), Absent)
    publish(store)
    assert read_coadd(place / "coadd.fits").data_id == DATA_ID


def test_broken_provenance_is_named(store):
    place = publish(store)
    file = (place / "provenance.json").resolve()
    file.chmod(0o644)
    file.write_text("{}")
    with pytest.raises(StoreError, match=r"provenance\.json: unusable"):
        store.status(make_product("e" * 32))


def test_a_writer_that_fails_leaves_no_trace_and_says_why(store, root, monkeypatch):
    publish(store)

    def full(path):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("coaddc.store.objects.sync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        publish(store, "e" * 32)
    assert not list((root / "scratch").iterdir())
    assert not list(root.glob("objects/ee/*"))


def test_scratch_of_killed_writers_is_removed_when_old(store, root):
    publish(store)
    for name, age in (("old", 2), ("new", 0.5)):
        folder = root / "scratch" / f"{name}.host.1.abc"
        folder.mkdir()
        (folder / "coadd.fits").write_bytes(b"half")
        then = time.time() - age * disk.ABANDONED
        os.utime(folder / "coadd.fits", (then, then))
        os.utime(folder, (then, then))
    (root / "scratch" / "link.host.1.abc").symlink_to("nowhere")
    os.utime(root / "scratch" / "link.host.1.abc", (1, 1), follow_symlinks=False)
    publish(store_at(root), "e" * 32)
    assert [path.name for path in (root / "scratch").iterdir()] == ["new.host.1.abc"]


def test_a_folder_whose_file_still_grows_is_not_swept(root):
    folder = root / "scratch" / "slow.host.1.abc"
    folder.mkdir(parents=True)
    (folder / "coadd.fits").write_bytes(b"half")
    os.utime(folder, (1, 1))
    disk.sweep(root)
    assert folder.exists()


def test_the_first_frozen_data_stay(store, root):
    assert store.frozen("skymaps/demo") is None
    assert not root.exists()
    first = {"layout": "discrete", "ra": 0.1 + 0.2, "n": [1, 2]}
    assert store.freeze("skymaps/demo", first) == first
    assert store_at(root).freeze("skymaps/demo", {"layout": "ring"}) == first
    assert store.frozen("skymaps/demo") == first
    assert (root / "skymaps" / "demo.json").is_file()


def test_a_frozen_name_stays_inside_the_store(store, root):
    store.freeze("skymaps/../../é", [1])
    assert store.frozen("skymaps/../../é") == [1]
    assert len(list(root.rglob("*%C3%A9.json"))) == 1


def test_broken_frozen_data_are_named(store, root):
    store.freeze("skymaps/demo", {})
    (root / "skymaps/demo.json").write_text("{")
    with pytest.raises(StoreError, match=r"demo\.json: broken"):
        store.frozen("skymaps/demo")


def test_paths_are_read_as_partitions(store, root):
    publish(store)
    publish(store, "e" * 32, band="r", warp="direct")
    publish(store, "f" * 32, baseline="y1")
    usual = f"read_json('{root}/coadd/*/*/*/*/*/*/provenance.json', hive_partitioning=true)"
    rows = duckdb.sql(f"SELECT band, tract, patch, warp, digest FROM {usual} ORDER BY band").fetchall()
    assert rows == [("g", 3, "2,11", "psfMatched", "d" * 32), ("r", 3, "2,11", "direct", "e" * 32)]
    deeper = f"read_json('{root}/coadd/*/*/*/*/*/*/baseline=*/provenance.json', hive_partitioning=true)"
    assert duckdb.sql(f"SELECT baseline, digest FROM {deeper}").fetchall() == [("y1", "f" * 32)]


def test_all_provenance_is_read_at_once_whatever_keys_are_set(store, root):
    publish(store)
    publish(store, "f" * 32, baseline="y1")
    every = f"read_json('{root}/coadd/**/provenance.json', union_by_name=true)"
    rows = duckdb.sql(
        f"SELECT data_id.band, data_id.baseline, len(inputs) FROM {every} ORDER BY 2"
    ).fetchall()
    assert rows == [("g", "y1", 2), ("g", None, 2)]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc tells names of open files here")
def test_everything_is_on_disk_before_a_name_leads_to_it(store, root, monkeypatch):
    events = []

    def fsync(descriptor):
        events.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name.split(".")[0])

    def rename(self, target):
        events.append("RENAME")
        os.rename(self, target)

    publish(store)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    publish(store, "e" * 32)
    digest = "e" * 32
    assert events == ["coadd", "config", "provenance", digest, "RENAME", "ee", "selection=deep"]
