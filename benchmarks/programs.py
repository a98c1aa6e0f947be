"""Run coaddc and SWarp, as whole processes, on the same exposures and output grid."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from exposures import SCALE, with_matrix
from numpy.typing import NDArray

#: Names of SWarp's program.
SWARP = shutil.which("SWarp") or shutil.which("swarp")
#: The command.
COADDC = (sys.executable, "-m", "coaddc")
#: A program that runs a command, and writes its status, wall and processor time, s, and memory, MB.
START = """
import json, os, sys, time
started = time.perf_counter()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
wall, cpu = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
with open(sys.argv[1], "w") as file:
    json.dump([os.waitstatus_to_exitcode(status), wall, cpu, usage.ru_maxrss / 1024], file)
"""
#: What SWarp is told beside what a run says.
SETTINGS = {
    "SUBTRACT_BACK": "N",
    "WEIGHT_TYPE": "MAP_WEIGHT",
    "RESCALE_WEIGHTS": "N",
    "WRITE_XML": "N",
    "COMBINE": "Y",
    "PROJECTION_ERR": "0.001",
    "VERBOSE_TYPE": "QUIET",
}


@dataclass(frozen=True)
class Cost:
    """What a process took: wall and processor time, seconds, and its largest resident memory, MB."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Image:
    """A coadd of either program.

    Attributes
    ----------
    image, inverse : (ny, nx)
        Flux, nJy per pixel, and inverse variance of a pixel; 0 where there are no data.
    header
        Of the image.
    """

    image: NDArray[np.float64]
    inverse: NDArray[np.float64]
    header: fits.Header


class ProgramError(Exception):
    """A program failed; the message says what it wrote."""


def measured(command: Sequence[str], *, folder: Path, **environment: str) -> Cost:
    """Run a command to its end; say what it took.

    A small process starts it: the largest memory of a process counts that of the one which started it.

    Raises
    ------
    ProgramError
        Where its status is not 0.
    """
    report = folder / "cost.json"
    with (folder / "output.log").open("wb") as log:
        starter = [sys.executable, "-S", "-c", START, str(report), *command]
        subprocess.run(
            starter, cwd=folder, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **environment}
        )
    status, wall, cpu, peak = json.loads(report.read_text())
    report.unlink()
    if status:
        text = (folder / "output.log").read_text(errors="replace")
        raise ProgramError(f"{' '.join(command[:3])} ... in {folder}: status {status}\n{text}")
    return Cost(wall, cpu, peak)


def run_coaddc(
    folder: Path, store: str, overrides: Sequence[str] = (), threads: int = 2, **environment: str
) -> Cost:
    """Coadd the exposures of a folder with coaddc, into a store in this folder."""
    words = _words(folder, store, overrides, threads)
    return measured([*COADDC, *words], folder=folder, **_environment(folder, threads), **environment)


def planned_by_coaddc(
    folder: Path, store: str, overrides: Sequence[str] = (), threads: int = 2
) -> dict[str, Any]:
    """Return what coaddc says of what `run_coaddc` would do."""
    command = [*COADDC, "plan", *_words(folder, store, overrides, threads), "--json"]
    environment = {**os.environ, **_environment(folder, threads)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    plan: dict[str, Any] = json.loads(done.stdout)
    return plan


def _words(folder: Path, store: str, overrides: Sequence[str], threads: int) -> list[str]:
    return [
        "survey=bench",
        f"survey.path={folder}",
        f"skymap.pixel_scale={SCALE}",
        "skymap.patch_inner=50000",
        "skymap.patch_border=0",
        f"store.root={store}",
        f"engine.workers={threads}",
        *overrides,
    ]


def _environment(folder: Path, threads: int) -> dict[str, str]:
    return {"COADDC_CACHE": str(folder / "cache"), "NUMBA_NUM_THREADS": str(threads)}


def coadd_path(folder: Path, store: str) -> Path:
    """Return the only coadd of a store."""
    (path,) = (folder / store / "objects").glob("*/*/coadd.fits")
    return path


def read_coaddc(path: Path) -> Image:
    """Read the image and the inverse variance of a coadd."""
    with fits.open(path) as hdus:
        image, variance = (hdus[name].data.astype(np.float64) for name in ("IMAGE", "VARIANCE"))
        return Image(np.nan_to_num(image), 1.0 / variance, hdus["IMAGE"].header.copy())


def write_grid(path: Path, header: fits.Header) -> None:
    """Write the output grid of a coadd as SWarp reads it beside its output."""
    names = re.compile(r"(CTYPE|CUNIT|CRVAL|CRPIX|CDELT)\d|(PC|CD)\d_\d|RADESYS$")
    kept = [card for card in header.cards if names.match(card.keyword)]
    grid = with_matrix(fits.Header(kept))
    grid["NAXIS1"], grid["NAXIS2"] = header["NAXIS1"], header["NAXIS2"]
    path.write_text("".join(f"{str(card).rstrip()}\n" for card in grid.cards) + "END\n")


def run_swarp(
    folder: Path,
    output: str,
    grid: fits.Header,
    settings: Mapping[str, Any],
    weights: str = "level",
    threads: int = 2,
) -> Cost:
    """Coadd the exposures of a folder with SWarp, into ``output.fits`` in this folder.

    The weights are those of its folder ``level``, or ``weight``.
    """
    if SWARP is None:
        raise ProgramError("SWarp is not installed (Debian package swarp)")
    write_grid(folder / f"{output}.head", grid)
    images = sorted((folder / "image").glob("*.fits"))
    (folder / "images.txt").write_text("".join(f"{path}\n" for path in images))
    (folder / "weights.txt").write_text("".join(f"{folder / weights / path.name}\n" for path in images))
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    files = {
        "IMAGEOUT_NAME": f"{output}.fits",
        "WEIGHTOUT_NAME": f"{output}.weight.fits",
        "WEIGHT_IMAGE": "@weights.txt",
        "RESAMPLE_DIR": scratch,
        "VMEM_DIR": scratch,
        "NTHREADS": threads,
    }
    (folder / "default.swarp").write_text("")
    words = [
        str(word) for name, value in {**SETTINGS, **files, **settings}.items() for word in (f"-{name}", value)
    ]
    return measured([SWARP, "@images.txt", "-c", "default.swarp", *words], folder=folder)


def run_reproject(folder: Path, output: str, grid: fits.Header) -> Cost:
    """Coadd the exposures of a folder with reproject, into ``output.fits`` in this folder."""
    write_grid(folder / f"{output}.head", grid)
    script = Path(__file__).parent / "with_reproject.py"
    return measured([sys.executable, str(script), str(folder), output], folder=folder)


def read_swarp(folder: Path, output: str) -> Image:
    """Read a coadd of SWarp and its weight map."""
    image, header = fits.getdata(folder / f"{output}.fits", header=True)
    weight = fits.getdata(folder / f"{output}.weight.fits")
    return Image(image.astype(np.float64), weight.astype(np.float64), header)


def machine() -> str:
    """Return what the figures depend on: processor, cores and versions."""
    model = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    memory = next((int(line.split()[1]) / 2**20 for line in _lines("/proc/meminfo")), float("nan"))
    swarp = "none" if SWARP is None else subprocess.run([SWARP, "-v"], capture_output=True, text=True).stdout
    version = re.search(r"version (\S+)", swarp)
    names = ("numba", "numpy", "astropy")
    libraries = ", ".join(f"{name} {__import__(name).__version__}" for name in names)
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB; coaddc {metadata.version('coaddc')}, "
        f"Python {platform.python_version()}, {libraries}; SWarp {version.group(1) if version else 'none'}"
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
