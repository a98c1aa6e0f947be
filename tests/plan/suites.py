"""Suites over a fixed exposure table in memory, whose plans are kept as text in golden/.

``python -m tests.plan.suites`` writes golden/ anew: look at the difference before it is committed.
"""

from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from pathlib import Path

from coaddc.model.assembly import (
    ArtifactsSection,
    Assembly,
    BackgroundSection,
    Matching,
    Rejection,
    Section,
    SkyMatching,
    StackSection,
    Statistic,
    WarpSection,
    WavelengthSection,
)
from coaddc.model.exposures import ExposureRow, ExposureTable
from coaddc.model.geom import Box
from coaddc.model.product import Product
from coaddc.model.run_options import EngineOptions
from coaddc.model.skymap import Patch
from coaddc.model.wcs import Wcs
from coaddc.plan.compile import compile_suite
from coaddc.plan.counts import Counts
from coaddc.plan.dump import dump
from coaddc.plan.plan import Plan
from coaddc.plan.select import Selector
from tests.assemblies import assembly

GOLDEN = Path(__file__).parent / "golden"
ENGINE = EngineOptions(workers=2)
MATCHED = WarpSection(matching=Matching.psf_model)


def row(visit: int, detector: str, band: str) -> ExposureRow:
    """Return an exposure of 400 x 300 pixels of 0.2 arcsec, on both patches."""
    ra, dec = 62.4 + (0.009 if detector == "1" else -0.004), -24.6 + 0.0002 * visit
    east, north = (-0.0122, 0.0122, 0.0122, -0.0122), (-0.0083, -0.0083, 0.0083, 0.0083)
    return ExposureRow(
        instrument="memory", visit=visit, detector=detector, band=band, physical_filter=band,
        mjd=60000.0 + visit, survey_year=visit / 2, exptime=30.0, seeing=0.7 + 0.1 * (visit % 3),
        airmass=1.1 + 0.1 * visit, hour_angle=5.0 * visit, parallactic_angle=20.0 * visit, zero_point=31.4,
        sky_noise=10.0 + visit, depth=24.0, good_fraction=1.0, ra=ra, dec=dec, pixel_scale=0.2, nx=400,
        ny=300, corner_ra=tuple(ra + de for de in east), corner_dec=tuple(dec + dn for dn in north),
        psf="moffat", file=f"v{visit}-{detector}", hdu=0, compressed=False,
        digest=f"{visit:031x}{detector}",
    )  # fmt: skip


TABLE = ExposureTable(row(visit, detector, "gr"[visit % 2]) for visit in range(6) for detector in ("0", "1"))


def patches() -> list[Patch]:
    """Return two neighbours of 320 x 281 pixels, not at the origin of their tract."""
    wcs = Wcs.tan(ra=62.4, dec=-24.6, scale=0.2, x=700.0, y=-100.0)
    boxes = [Box(y0=-240, y1=41, x0=x0, x1=x0 + 320) for x0 in (380, 700)]
    return [Patch("sky", 0, x, 2, 8 + x, box, box, wcs) for x, box in enumerate(boxes)]


def compiled(
    assemblies: Sequence[Assembly],
    held: Callable[[Sequence[Product]], tuple[Set[str], Set[str]]] = lambda _: (set(), set()),
    watch: Callable[[str, Plan], None] = lambda name, plan: None,
) -> Plan:
    """Compile on both patches, or on the first where a band is named: one unit shows as much as four."""

    def asked(assembly: Assembly) -> list[Patch]:
        return patches()[:1] if assembly.bands else patches()

    return compile_suite(assemblies, Selector(TABLE), asked, held, ENGINE, watch)


def _years() -> list[Assembly]:
    wheres = {"y1": "survey_year < 1", "y2": "survey_year >= 1 AND survey_year < 2", "all": "survey_year < 9"}
    return [assembly({"baseline": name}, baseline=Section(where=where)) for name, where in wheres.items()]


def _rejecting() -> list[Assembly]:
    found = ArtifactsSection(method=Rejection.compare_warp)
    likelihood = WarpSection(matching=Matching.likelihood)
    return [
        assembly({"warp": "direct", "artifacts": "found"}, artifacts=found),
        assembly({"warp": "matched"}, warp=MATCHED),
        assembly({"warp": "likelihood", "artifacts": "found"}, warp=likelihood, artifacts=found),
    ]


def _gathered() -> list[Assembly]:
    sky = BackgroundSection(method=SkyMatching.match)
    median = StackSection(statistic=Statistic.median)
    return [
        replace(assembly({"background": "match"}, background=sky), background=sky),
        replace(assembly({"stack": "median"}, background=sky, stack=median), background=sky),
        assembly({"warp": "proper"}, warp=WarpSection(matching=Matching.proper)),
    ]


def _subband(number: int) -> Assembly:
    section = WavelengthSection(subband=number)
    made = assembly({"wavelength": f"b{number}"}, wavelength=section, warp=MATCHED)
    return replace(made, wavelength=section)


def _in_g(assemblies: list[Assembly]) -> list[Assembly]:
    return [replace(made, bands=("g",)) for made in assemblies]


SUITES: dict[str, list[Assembly]] = {
    "direct-and-matched": [assembly({"warp": "direct"}), assembly({"warp": "matched"}, warp=MATCHED)],
    "years-and-their-union": _in_g(_years()),
    "artifacts": _in_g(_rejecting()),
    "sub-bands": _in_g([_subband(number) for number in range(3)]),
    "background-median-proper": _in_g(_gathered()),
}


def text(name: str) -> str:
    """Return the text of a suite's plan, headed by its size after each pass."""
    sizes: list[str] = []

    def watch(step: str, plan: Plan) -> None:
        c = Counts.of(plan)
        sizes.append(
            f"{step}: {c.requests} requests, {c.products} products, {c.units} units, {c.tasks} tasks"
        )

    plan = compiled(SUITES[name], watch=watch)
    return "\n".join(sizes) + "\n\n" + dump(plan)


if __name__ == "__main__":
    for name in SUITES:
        (GOLDEN / f"{name}.txt").write_text(text(name), encoding="utf-8")
