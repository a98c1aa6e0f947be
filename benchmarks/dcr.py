"""Differential chromatic refraction: what templates leave of stars in the difference with a visit held out.

python benchmarks/dcr.py [--write PICTURE]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from in_memory import made_of
from measure import markdown

from coaddc import template
from coaddc.model.air import Air
from coaddc.model.assembly import (
    ArtifactsSection,
    Assembly,
    Matching,
    PsfModelSection,
    Section,
    StackSection,
    WarpSection,
    WavelengthSection,
)
from coaddc.model.exposures import ExposureRow, ExposureTable
from coaddc.model.geom import Box
from coaddc.model.images import Coadd
from coaddc.model.psf import Floats, Moffat
from coaddc.model.run_options import EngineOptions
from coaddc.model.skymap import Patch
from coaddc.model.skymap_options import SkymapOptions
from coaddc.model.survey import Survey
from coaddc.model.wcs import Wcs
from coaddc.plan.compile import compile_suite
from coaddc.plan.select import Selector
from coaddc.sim.chromatic import Sight, Spectra, black_bodies, dispersed_field
from coaddc.sim.field import distorted_wcs
from coaddc.sim.memory import MemoryExposure

RA, DEC, SCALE, SIDE, SPACING = 62.4, -24.6, 0.2, 420, 70
BAND, REFERENCE, NOISE, FLUX = (400.0, 550.0), 478.0, 5.0, 1e5
#: Air mass, parallactic angle, and FWHM in arcsec of the visits that templates are made of.
VISITS = (
    (1.02, 160.0, 0.75), (1.15, -60.0, 0.95), (1.30, -85.0, 0.80), (1.45, -98.0, 0.70), (1.62, -106.0, 1.00),
    (1.80, -112.0, 0.85), (1.10, 45.0, 0.72), (1.25, 80.0, 0.90), (1.40, 95.0, 0.82), (1.55, 103.0, 0.76),
    (1.70, 109.0, 0.98), (1.80, 112.0, 0.88),
)  # fmt: skip
#: Those of the visits that templates are subtracted from.
HELD = ((1.10, -55.0, 0.80), (1.38, -92.0, 0.85), (1.50, 100.0, 0.80), (1.75, -110.0, 0.90))
TEMPERATURES = {"blue, 10,000 K": 10000.0, "solar, 5,800 K": 5800.0, "red, 3,300 K": 3300.0}
FWHM = 1.15


@dataclass(frozen=True)
class Residual:
    """What is left of a star: largest difference over its peak, and first moment over its flux, mas."""

    peak: float
    dipole: float


def stars() -> tuple[Spectra, Floats]:
    """Return stars of all temperatures in turn, on a loose grid, and which temperature each has."""
    rng = np.random.default_rng(3)
    grid = (np.arange(-2, 3) * SPACING)[:, None] + np.zeros(5)
    north, east = (SCALE / 3600 * (g + rng.uniform(-6, 6, (5, 5))) for g in (grid, grid.T))
    kind = np.arange(25) % 3
    temperature = np.array(list(TEMPERATURES.values()))[kind]
    ra = RA + east.ravel() / np.cos(np.radians(DEC))
    found = black_bodies(
        ra=ra, dec=DEC + north.ravel(), flux=np.full(25, FLUX), temperature=temperature, band=BAND
    )
    return found, kind


def exposures() -> list[MemoryExposure]:
    sky, made = stars()[0], []
    for visit, (airmass, angle, seeing) in enumerate((*VISITS, *HELD)):
        wcs = distorted_wcs((620, 640), dec=DEC + 3e-4 * (visit % 5), rotation=37.0 * visit, scale=SCALE)
        sight = Sight(airmass, angle, Air(), REFERENCE, NOISE)
        one = dispersed_field(sky, wcs, (620, 640), Moffat(seeing / SCALE), sight, 100 + visit)
        made.append(one.with_row(visit=visit, band="g", file=f"visit {visit}"))
    return made


def assembly(name: str, where: str, subband: int | None = None) -> Assembly:
    sections: dict[str, Section] = {
        "warp": WarpSection(matching=Matching.psf_model),
        "psf_model": PsfModelSection(fwhm=FWHM),
        "stack": StackSection(),
        "artifacts": ArtifactsSection(),
    }
    stages: dict[str, Any] = dict(sections)
    sections["selection"] = Section(where=where)
    if subband is not None:
        stages["wavelength"] = sections["wavelength"] = WavelengthSection(subband=subband)
    survey = Survey(name="simulated")
    config = {key: plain(asdict(section)) for key, section in sections.items()}
    config["survey"] = plain(asdict(survey))
    nowhere = dict.fromkeys(("bands", "tracts", "patches"))
    keys, skymap = dict.fromkeys(sections, name), SkymapOptions(name="sky")
    return Assembly(
        keys=keys, sections=sections, survey=survey, skymap=skymap, config=config, **nowhere, **stages
    )


def plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def build(seen: Sequence[MemoryExposure], assemblies: Sequence[Assembly]) -> dict[str, Coadd]:
    """Return the coadds of all assemblies, by name."""
    half = SIDE // 2
    wcs = Wcs.tan(ra=RA, dec=DEC, scale=SCALE, x=900.0, y=400.0)
    box = Box(y0=400 - half, y1=400 + half, x0=900 - half, x1=900 + half)
    patch = Patch("sky", 0, 0, 0, 0, box, box, wcs)
    selector = Selector(ExposureTable(e.row for e in seen))
    plan = compile_suite(assemblies, selector, lambda _: [patch], lambda _: (set(), set()), EngineOptions())

    def opened(_: Survey, row: ExposureRow) -> MemoryExposure:
        return next(e for e in seen if e.row.digest == row.digest)

    return {str(product.data_id["warp"]): coadd for product, coadd in made_of(plan, opened)}


def quadrant(angle: float) -> int:
    """Return the bin of conf/parallactic_angle that an angle lies in."""
    return int((angle + 405) // 90) % 4


def where_of(visits: Sequence[int]) -> str:
    return f"visit IN ({', '.join(map(str, visits))})"


def assemblies() -> list[Assembly]:
    inputs = range(len(VISITS))
    found = [assembly("mean", where_of(inputs))]
    bins = {q: [i for i in inputs if quadrant(VISITS[i][1]) == q] for q in range(4)}
    found += [assembly(f"bin{q}", where_of(visits)) for q, visits in bins.items() if visits]
    found += [assembly(f"subband{b}", where_of(inputs), b) for b in range(3)]
    return found + [assembly(f"held{i}", where_of([len(VISITS) + i])) for i in range(len(HELD))]


def templates(made: dict[str, Coadd], held: tuple[float, float, float]) -> dict[str, Floats]:
    """Return what can be subtracted from a visit."""
    subbands = [made[f"subband{b}"] for b in range(3)]
    matched = template.template_of(subbands, assembly("", "", 0).config, template.Sight(held[0], held[1]))
    return {
        "mean": made["mean"].stacked.image,
        "mean of the angle's bin": made[f"bin{quadrant(held[1])}"].stacked.image,
        "sub-bands": matched.stacked.image,
    }


def residuals(difference: Floats, visit: Coadd, held: tuple[float, float, float]) -> list[Residual]:
    """Measure what is left of every star."""
    sky, _ = stars()
    box = visit.stacked.box
    xs, ys = visit.wcs.to_pixel(ra=sky.ra, dec=sky.dec)
    angle, found = np.radians(held[1]), []
    for x, y in zip(xs - box.x0, ys - box.y0, strict=True):
        part = (slice(round(y) - 12, round(y) + 13), slice(round(x) - 12, round(x) + 13))
        yy, xx = np.mgrid[part]
        left, star = difference[part], visit.stacked.image[part]
        # north is up in this tract, and east left
        up = SCALE * 1e3 * ((yy - y) * np.cos(angle) - (xx - x) * np.sin(angle))
        found.append(Residual(float(np.abs(left).max() / star.max()), float((left * up).sum() / star.sum())))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="a picture of the differences")
    options = parser.parse_args()
    made = build(exposures(), assemblies())
    kinds, rows, pictures = stars()[1], [], []
    for number, held in enumerate(HELD):
        visit = made[f"held{number}"]
        cuts = {name: visit.stacked.image - image for name, image in templates(made, held).items()}
        pictures.append((held, visit, cuts))
        for kind, colour in enumerate(TEMPERATURES):
            cells = [f"{held[0]:.2f}, {held[1]:.0f}", colour]
            for difference in cuts.values():
                left = [
                    r for r, k in zip(residuals(difference, visit, held), kinds, strict=True) if k == kind
                ]
                peak, dipole = np.mean([r.peak for r in left]), np.mean([r.dipole for r in left])
                cells.append(f"{100 * peak:.1f} %, {dipole:+.0f} mas")
            rows.append(cells)
    print(markdown(["air mass, angle", "stars", *cuts], rows))
    if options.write:
        draw(options.write, *pictures[-1])


def draw(file: Path, held: tuple[float, float, float], visit: Coadd, cuts: dict[str, Floats]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 4, figsize=(10, 2.75), layout="constrained")
    limit = 0.03 * float(np.nanmax(visit.stacked.image))
    for axis, (name, image) in zip(axes, {"the visit": visit.stacked.image, **cuts}.items(), strict=True):
        axis.imshow(image, cmap="gray", vmin=-limit, vmax=limit, origin="lower", interpolation="nearest")
        axis.set_title(name if name == "the visit" else f"less {name}", fontsize=9)
        axis.set_axis_off()
    figure.savefig(file, dpi=100)


if __name__ == "__main__":
    main()
