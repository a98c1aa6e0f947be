"""The demo survey: written on first use, the same for all who ask for it with the same options."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

from coaddc.model.digest import digest
from coaddc.model.errors import DataError
from coaddc.model.simulation import Simulation

#: What says that a folder is a simulated survey, and which.
MARK = "simulation.json"
#: To be raised with every change of what is simulated from the same options.
VERSION = 1

#: Told what is going on, how much is done, and of how much.
Report = Callable[[str, int, int], None]


def default_path(options: Simulation) -> Path:
    """Return the folder, in the user's cache, of the survey with these options."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coaddc"
    cache = Path(os.environ.get("COADDC_CACHE") or home)
    return cache / f"demo-{digest(VERSION, asdict(options))[:12]}"


def simulate(options: Simulation, path: Path | str, report: Report | None = None) -> None:
    """Write the demo survey to a folder, unless it is there.

    It is written beside its place and renamed once, so that it is there whole or not at all, however many
    processes begin it.

    Parameters
    ----------
    options
        What to simulate.
    path
        Folder that will hold ``exposures/*.fits``, ``truth/*.fits`` and ``simulation.json``.
    report
        Called after each exposure.

    Raises
    ------
    DataError
        Where the folder holds something else, or cannot be written.
    """
    path = Path(path).expanduser().absolute()
    if _holds(path, options):
        return
    draft = path.with_name(f".{path.name}.{uuid4().hex[:12]}")
    try:
        _write(options, draft, report)
        draft.rename(path)
    except OSError as error:
        # Another process may have been faster: then the folder is what was wanted.
        if not _holds(path, options):
            raise DataError(f"{path}: the demo survey cannot be written: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _holds(path: Path, options: Simulation) -> bool:
    """Say whether a folder holds this survey; an empty one, or none, does not."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return False
    try:
        found = json.loads((path / MARK).read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: holds something else than a simulated survey ({MARK}: {error})") from error
    wanted = _mark(options)
    if found == wanted:
        return True
    differ = [f"{k}={found.get(k)}, not {wanted[k]}" for k in wanted if found.get(k) != wanted[k]]
    raise DataError(f"{path}: was simulated with {'; '.join(differ)}: choose another survey.path")


def _mark(options: Simulation) -> dict[str, Any]:
    return {"version": VERSION, **asdict(options)}


def _write(options: Simulation, folder: Path, report: Report | None) -> None:
    from coaddc.sim.demo_files import write_files  # with astropy slow to import, and needed once

    write_files(options, folder, report)
    (folder / MARK).write_text(json.dumps(_mark(options), indent=2) + "\n")
