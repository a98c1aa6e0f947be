import multiprocessing
import os
from dataclasses import replace

import pytest

from coaddc.model.run_options import StoreOptions
from coaddc.store.store import Store
from tests.coadds import awkward_coadd, make_product

IMPLIED = {"selection": "deep", "baseline": "all", "warp": "direct", "stack": "mean"}
ALIASES = {"filter": "band", "warpType": "warp", "seeingCutoff": "selection"}
#: Not by forking this process, which has threads; nor each from nothing, which takes seconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.store.test_many_writers"])
REQUEST = "coadd/{band}/{tract}/{patch}/{selection}Coadd{warp}.fits"


def store_at(root, implied=None, **options):
    return Store(root, StoreOptions(root=str(root), **{"aliases": ALIASES, **options}), implied or IMPLIED)


def publish(store, digest="d" * 32, *, seed=1, recipe="r" * 32, **keys):
    product = make_product(digest, recipe=recipe, **keys)
    coadd = replace(awkward_coadd(seed=seed), data_id=dict(product.data_id))
    return store.publish(product, coadd, {"command": "coaddc", "op_versions": {"warp": 1}})


@pytest.fixture
def root(tmp_path):
    return tmp_path / "a b" / "coadds"


@pytest.fixture
def store(root):
    return store_at(root)


@pytest.fixture(autouse=True)
def _do_not_wait_for_the_disk(monkeypatch):
    """Power is not cut in tests, and a killed process loses nothing that it has handed over."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
