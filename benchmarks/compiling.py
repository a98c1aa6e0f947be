"""Compile a wide survey: many recipes on many patches, and the CPU time of every stage, with no pixel read.

python benchmarks/compiling.py [--recipes 100] [--patches 1000] [--exposures 4000] [--growth]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from coaddc.config.app import run
from coaddc.model.exposures import ExposureRow, ExposureTable
from coaddc.model.skymaps.cover import covering
from coaddc.model.skymaps.make import make_skymap
from coaddc.model.suite import Suite
from coaddc.plan.compile import compile_suite
from coaddc.plan.plan import Plan
from coaddc.plan.select import Selector, check_sections
from coaddc.store.store import Store

#: Middle of the survey, degrees; half the side of an exposure, degrees; years that it takes.
RA, DEC, HALF, YEARS = 60.0, -25.0, 0.15, 10
#: Area of a patch of the ring map, square degrees, and how much more is exposed than is asked for.
PATCH, MORE = (3000 * 0.2 / 3600) ** 2, 1.05
#: A value of one's own, dropped into ./conf; five selections, two warps and ten years are 100 recipes.
SHARP = "doc: visits sharper than 1.1 arcsec\nwhere: seeing < 1.1\n"
SELECTIONS = "deep,bestSeeing,goodSeeing,depth24,sharp"


def exposures(count: int, patches: int, seed: int = 3) -> ExposureTable:
    """Scatter square exposures over a square field that holds so many patches; there are no files."""
    rng = np.random.default_rng(seed)
    side = np.sqrt(MORE * PATCH * patches)
    shrink = np.cos(np.radians(DEC))
    ra, dec = RA + rng.uniform(-0.5, 0.5, count) * side / shrink, DEC + rng.uniform(-0.5, 0.5, count) * side
    year, seeing, noise = (
        rng.uniform(0, YEARS, count),
        0.5 + rng.gamma(8, 0.1, count),
        rng.uniform(4, 7, count),
    )
    rows = []
    for i in range(count):
        corner_ra = ra[i] + HALF / shrink * np.array([-1, 1, 1, -1])
        corner_dec = dec[i] + HALF * np.array([-1, -1, 1, 1])
        rows.append(
            ExposureRow(
                instrument="cam", visit=i, detector="1", band="r", physical_filter="r", mjd=6e4,
                survey_year=float(year[i]), exptime=30.0, seeing=float(seeing[i]), airmass=1.2,
                hour_angle=1.0, parallactic_angle=5.0, zero_point=31.4, sky_noise=float(noise[i]),
                depth=24.5 - noise[i] / 7, good_fraction=0.98, ra=float(ra[i]), dec=float(dec[i]),
                pixel_scale=0.263, nx=4100, ny=4100,
                corner_ra=tuple(corner_ra), corner_dec=tuple(corner_dec), psf="moffat", file=f"{i}.fits",
                hdu=0, compressed=False, digest=f"{i:032x}",
            )
        )  # fmt: skip
    return ExposureTable(rows)


class Clock:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.process_time()

    def lap(self, stage: str, _: object = None) -> None:
        """Put what has passed since the last stage to this one."""
        now = time.process_time()
        self.seconds[stage] = now - self._last
        self._last = now

    @property
    def total(self) -> float:
        """CPU seconds of all stages."""
        return sum(self.seconds.values())


def compiled(recipes: int, patches: int, count: int) -> tuple[Clock, Plan]:
    """Compile a command line with this many recipes (a multiple of 10) as the command does."""
    table, suites = exposures(count, patches), list[Suite]()
    years = f"baseline={','.join(f'y{year}' for year in range(1, YEARS + 1))}"
    selections = ",".join(SELECTIONS.split(",")[: max(1, recipes // 20)])
    warps = "direct,psfMatched" if recipes > 10 else "direct"
    words = ["skymap=ring", "engine.memory=8", f"warp={warps}", f"selection={selections}", years]
    clock = Clock()
    assert run(lambda suite: not suites.append(suite), words) == 0
    (suite,) = suites
    clock.lap("compose")
    check_sections(*(assembly.sections for assembly in suite.assemblies))
    clock.lap("check predicates")
    covered = covering(make_skymap(suite.assemblies[0].skymap, table), table)[:patches]
    clock.lap("cover")
    selector = Selector(table, covered)
    clock.lap("overlaps")
    store = Store(Path("store"), suite.store, suite.implied)
    plan = compile_suite(suite.assemblies, selector, lambda _: covered, store.held, suite.engine, clock.lap)
    store.check([target.product for unit in plan.units for target in unit.targets])
    clock.lap("check paths")
    return clock, plan


@contextmanager
def folder() -> Iterator[None]:
    """Work in a folder with a ./conf of one's own."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        Path("conf/selection").mkdir(parents=True)
        Path("conf/selection/sharp.yaml").write_text(SHARP)
        try:
            yield
        finally:
            os.chdir(before)


def several(
    sizes: Sequence[tuple[int, int]], exposures_a_patch: float
) -> Iterator[tuple[int, int, Clock, Plan]]:
    """Compile command lines with numbers of recipes and patches, one after the other."""
    with folder():
        for recipes, patches in sizes:
            yield recipes, patches, *compiled(recipes, patches, round(exposures_a_patch * patches))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--recipes", type=int, default=100, help="a multiple of 20, or 10; 100 at most")
    parser.add_argument("--patches", type=int, default=1000)
    parser.add_argument("--exposures", type=int, default=4000)
    parser.add_argument("--growth", action="store_true", help="also with fewer recipes, and fewer patches")
    given = parser.parse_args()
    sizes = [(given.recipes, given.patches)]
    if given.growth:
        sizes = [
            (10, given.patches),
            (40, given.patches),
            *((given.recipes, given.patches // n) for n in (8, 2)),
        ]
        sizes.append((given.recipes, given.patches))
    for recipes, patches, clock, plan in several(sizes, given.exposures / given.patches):
        print(f"{recipes} recipes x {patches} patches: {len(plan.products)} products with exposures, "
              f"{plan.asked} tasks asked, {plan.tasks} left; {clock.total:.2f} s of CPU")  # fmt: skip
        print("  " + ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in clock.seconds.items()))


if __name__ == "__main__":
    main()
