"""Where coaddc's time goes, phase by phase, in one process.

python benchmarks/phases.py [--count N] [--side PIXELS] [--threads N]

Wall and processor time of each phase, without the phases inside it, summed over threads: with two threads
the walls add up to more than the clock shows.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from threading import Lock, local
from typing import Any

from exposures import SCALE, Field, write
from measure import markdown
from programs import machine

#: Phases, and the functions, as the modules that call them know them, that make them up.
PHASES = {
    "compose": ("coaddc.config.app:_multirun",),
    "run: wait for threads": ("coaddc.engine.run:run_plan",),
    "scan": ("coaddc.build:scan",),
    "scan: digests of files": ("coaddc.io.exposures.row:content_digest",),
    "scan: PSF models": ("coaddc.io.exposures.row:find_psf", "coaddc.io.exposures.row:_size"),
    "scan: noise": ("coaddc.io.exposures.pixel_reader:PixelReader._find_noise",),
    "scan: other of a row": ("coaddc.io.exposures.scan_file:make_row",),
    "compile": ("coaddc.build:compile_suite",),
    "read pixels": ("coaddc.io.exposures.pixel_reader:PixelReader.read",),
    "open exposures": ("coaddc.io.exposures.exposure:open_exposure",),
    "map pixels": ("coaddc.engine.frame:pixel_map",),
    "warp: fill bad pixels": ("coaddc.ops.section:find_bad", "coaddc.ops.section:fill"),
    "warp: mirror, prefilter, spread mask": ("coaddc.ops.warp:read_section",),
    "warp: resample": ("coaddc.ops.warp:resample",),
    "warp: other": ("coaddc.engine.chain:warp",),
    "stack: add": ("coaddc.ops.mean:MeanStack.add",),
    "stack: sums of sums": ("coaddc.ops.mean:MeanStack.merge",),
    "stack: finish": ("coaddc.ops.mean:MeanStack.finish",),
    "PSF and correlation": ("coaddc.engine.unit:surroundings",),
    "write": ("coaddc.store.store:Store.publish",),
}


class Clock:
    """Adds up wall and processor time of wrapped functions, each without the wrapped ones inside it."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._lock = Lock()
        self._inside = local()

    def wrap(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            stack = self._inside.__dict__.setdefault("stack", [])
            stack.append([0.0, 0.0])
            started = time.perf_counter(), time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                took = time.perf_counter() - started[0], time.thread_time() - started[1]
                inner = stack.pop()
                with self._lock:
                    for k in (0, 1):
                        self.spent[phase][k] += took[k] - inner[k]
                if stack:
                    stack[-1] = [stack[-1][k] + took[k] for k in (0, 1)]

        return timed

    def install(self) -> None:
        """Wrap all that `PHASES` names."""
        for phase, places in PHASES.items():
            for place in places:
                module, name = place.split(":")
                owner = importlib.import_module(module)
                *parents, last = name.split(".")
                for parent in parents:
                    owner = getattr(owner, parent)
                setattr(owner, last, self.wrap(phase, getattr(owner, last)))


def run(folder: Path, overrides: list[str]) -> tuple[Clock, float, float]:
    """Run coaddc in this process; return the clock, and wall and processor time in all."""
    clock, started, cpu = Clock(), time.perf_counter(), time.process_time()
    clock.wrap("import", _imports)()
    clock.install()
    from coaddc.cli import main as coaddc

    os.chdir(folder)
    if coaddc(overrides):
        raise SystemExit("coaddc failed")
    return clock, time.perf_counter() - started, time.process_time() - cpu


def _imports() -> None:
    for places in PHASES.values():
        for place in places:
            importlib.import_module(place.split(":")[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20, help="number of exposures")
    parser.add_argument("--side", type=int, default=2048, help="rows and columns of each")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--warp", default="lanczos3", help="interpolant")
    words = parser.parse_args()
    field = Field(count=words.count, side=words.side)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if os.fork() == 0:  # imports and memory of the simulation are none of coaddc's
            write(folder, field)
            os._exit(0)
        os.wait()
        os.environ["COADDC_CACHE"] = str(folder / "cache")
        clock, wall, cpu = run(
            folder,
            [
                "survey=bench",
                f"survey.path={folder}",
                f"skymap.pixel_scale={SCALE}",
                "skymap.patch_inner=50000",
                "skymap.patch_border=0",
                f"engine.workers={words.threads}",
                f"warp={words.warp}",
            ],
        )
    rows = [[name, f"{a:.2f}", f"{b:.2f}"] for name, (a, b) in clock.spent.items()]
    print(
        f"{field.count} exposures of {field.side} x {field.side} pixels, {words.threads} threads. "
        f"{machine()}.\n"
    )
    print(markdown(["phase", "wall (s)", "CPU (s)"], [*rows, ["all", f"{wall:.2f}", f"{cpu:.2f}"]]))


if __name__ == "__main__":
    main()
