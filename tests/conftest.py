"""What all tests share: a cache of their own, and the settings of Hypothesis."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# Compiled kernels take longer than Hypothesis allows a first example.
settings.register_profile("coaddc", deadline=None)
settings.load_profile("coaddc")


@pytest.fixture(scope="session", autouse=True)
def _own_cache() -> object:
    """Keep scans and simulated surveys out of the user's cache, and share them among workers."""
    kept = os.environ.get("COADDC_CACHE")
    folder = Path(tempfile.gettempdir()) / f"coaddc-tests-{os.getuid()}"
    os.environ["COADDC_CACHE"] = str(folder)
    yield folder
    if kept is None:
        del os.environ["COADDC_CACHE"]
    else:
        os.environ["COADDC_CACHE"] = kept
