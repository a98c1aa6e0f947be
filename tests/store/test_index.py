import sqlite3

import pytest

from coaddc.store.butler import Butler
from coaddc.store.index import FILE, select
from tests.store.conftest import IMPLIED, PROCESSES, publish


def digests(root, where=None):
    return sorted(row["digest"][0] for row in select(root, where, IMPLIED))


@pytest.fixture
def filled(store, root):
    for digest in "123":
        publish(store, digest * 32, patch=f"{digest},0")
    return root


def test_the_index_follows_the_store(filled, store):
    assert digests(filled) == ["1", "2", "3"]
    publish(store, "4" * 32, parity="odd")
    assert digests(filled) == ["1", "2", "3", "4"]
    assert digests(filled, "parity = 'odd'") == ["4"]
    assert (filled / FILE).is_file()


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough" * 9, None])
def test_a_missing_or_broken_index_is_made_anew(filled, content):
    assert digests(filled) == ["1", "2", "3"]
    (filled / FILE).unlink()
    if content is not None:
        (filled / FILE).write_bytes(content)
    assert digests(filled) == ["1", "2", "3"]
    with sqlite3.connect(filled / FILE) as database:
        assert database.execute("SELECT count(*) FROM product").fetchone() == (3,)
    database.close()


def test_an_index_with_broken_pages_is_made_anew(filled):
    digests(filled)
    raw = bytearray((filled / FILE).read_bytes())
    raw[4096:8192] = b"\xff" * 4096
    (filled / FILE).write_bytes(raw)
    assert digests(filled, "n_inputs = 2") == ["1", "2", "3"]


def test_an_index_of_another_format_is_made_anew(filled):
    with sqlite3.connect(filled / FILE) as database:
        database.execute("CREATE TABLE product (x)")
        database.execute("PRAGMA user_version = 99")
    database.close()
    assert digests(filled) == ["1", "2", "3"]


def test_where_the_index_cannot_be_written_it_is_made_in_memory(filled):
    (filled / FILE).mkdir()
    assert digests(filled, "tract = 3") == ["1", "2", "3"]
    assert len(Butler(filled).query()) == 3


def test_a_store_that_cannot_be_written_is_queried_in_memory(filled, store, monkeypatch):
    digests(filled)
    publish(store, "4" * 32)
    real = sqlite3.connect

    def read_only(path, **options):
        if path == ":memory:":
            return real(path, **options)
        return real(f"file:{path}?mode=ro".replace(" ", "%20"), uri=True, **options)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    assert digests(filled) == ["1", "2", "3", "4"]


def test_a_product_with_broken_provenance_is_left_out_and_said(filled, caplog):
    path = next(filled.glob("objects/22/*/provenance.json"))
    path.chmod(0o644)
    path.write_text("{")
    assert digests(filled) == ["1", "3"]
    assert "provenance.json: unusable provenance" in caplog.text


def _select(root, results):
    results.put(digests(root))


def test_processes_that_make_the_index_at_once_all_see_everything(filled):
    results = PROCESSES.Queue()
    readers = [PROCESSES.Process(target=_select, args=(filled, results)) for _ in range(6)]
    for reader in readers:
        reader.start()
    found = [results.get(timeout=60) for _ in readers]
    for reader in readers:
        reader.join()
    assert found == [["1", "2", "3"]] * 6
