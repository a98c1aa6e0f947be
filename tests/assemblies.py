"""Assemblies without Hydra, and a small survey in memory, for tests of the compiler and the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from coaddc.model.assembly import (
    ArtifactsSection,
    Assembly,
    PsfModelSection,
    Section,
    StackSection,
    WarpSection,
)
from coaddc.model.exposures import ExposureRow, ExposureTable
from coaddc.model.geom import Box
from coaddc.model.images import Exposure
from coaddc.model.mask import bit
from coaddc.model.psf import Moffat
from coaddc.model.skymap import Patch
from coaddc.model.skymap_options import SkymapOptions
from coaddc.model.survey import Survey
from coaddc.model.wcs import Wcs
from coaddc.sim.field import Stars, distorted_wcs, star_field
from coaddc.sim.memory import MemoryExposure

SURVEY = Survey(name="memory")
SKYMAP = SkymapOptions(name="sky", pixel_scale=0.2)


def plain(value: Any) -> Any:
    """Return what a config holds of a section's field."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def assembly(values: Mapping[str, str] | None = None, **sections: Section) -> Assembly:
    """Make an assembly of these sections; its keys are theirs, with these values ("x" where not given)."""
    stages: dict[str, Any] = {
        "warp": WarpSection(),
        "psf_model": PsfModelSection(),
        "stack": StackSection(),
        "artifacts": ArtifactsSection(),
    }
    all_sections = {**stages, **sections}
    keys = {key: (values or {}).get(key, "x") for key in all_sections}
    config = {key: plain(asdict(section)) for key, section in all_sections.items()}
    config["survey"] = plain(asdict(SURVEY))
    own = {key: all_sections[key] for key in stages}
    return Assembly(
        keys=keys, sections=all_sections, survey=SURVEY, skymap=SKYMAP, bands=None, tracts=None, patches=None,
        config=config, **own,
    )  # fmt: skip


@dataclass
class MemorySurvey:
    """Exposures in memory, their table, and how the engine opens them; ``broken`` files fail when read."""

    exposures: Sequence[MemoryExposure]
    broken: frozenset[str] = frozenset()

    @property
    def table(self) -> ExposureTable:
        return ExposureTable(e.row for e in self.exposures)

    def open(self, survey: Survey, row: ExposureRow) -> Exposure:
        from coaddc.model.errors import DataError

        if row.file in self.broken:
            raise DataError(f"{row.file}: truncated")
        return next(e for e in self.exposures if e.row.digest == row.digest)


def small_survey(*, seed: int | None = 1, visits: int = 5, noise: float = 2.0) -> tuple[MemorySurvey, Stars]:
    """Expose a few stars in several visits of two detectors, rotated and dithered, in one band."""
    rng = np.random.default_rng(77)
    dx, dy = np.meshgrid([-0.0085, -0.0045, 0.0, 0.0046, 0.0087], [-0.0062, 0.0, 0.0061])
    jitter = rng.uniform(-3e-4, 3e-4, (2, dx.size))
    stars = Stars(62.4 + dx.ravel() + jitter[0], -24.6 + dy.ravel() + jitter[1], np.full(dx.size, 2e4))
    exposures = []
    for visit in range(visits):
        angle = (0.0, 90.0, 37.0, 180.0, -12.0)[visit % 5]
        for detector, (east, north) in enumerate(((-0.007, 0.0), (0.007, 0.001))):
            wcs = distorted_wcs((330, 290), ra=62.4 + east + 1e-4 * visit, dec=-24.6 + north, rotation=angle)
            of_noise = None if seed is None else seed + 10 * visit + detector
            made = star_field(
                stars, wcs, (330, 290), Moffat(3.4 + 0.5 * visit), noise * (1 + 0.2 * visit), of_noise
            )
            made.mask[100:110, 50] = bit("BAD")
            made.image[100:110, 50] = 1e7
            row = {"visit": visit, "detector": str(detector), "band": "r", "file": f"v{visit}-{detector}"}
            exposures.append(made.with_row(**row, survey_year=visit / 2, mjd=6e4 + visit))
    return MemorySurvey(exposures), stars


def dark(survey: MemorySurvey, seed: int) -> MemorySurvey:
    """Return the survey with nothing in it but noise."""
    rng = np.random.default_rng(seed)
    images = [rng.normal(0, np.sqrt(e.variance)).astype(np.float32) for e in survey.exposures]
    return replace(
        survey, exposures=[replace(e, image=i) for e, i in zip(survey.exposures, images, strict=True)]
    )


def one_patch(ny: int = 331, nx: int = 402) -> Patch:
    """Return a patch around the small survey, not at the origin of its tract."""
    wcs = Wcs.tan(ra=62.4, dec=-24.6, scale=0.2, x=700.0, y=-100.0)
    box = Box(y0=-100 - ny // 2, y1=-100 - ny // 2 + ny, x0=700 - nx // 2, x1=700 - nx // 2 + nx)
    return Patch("sky", 0, 1, 2, 5, box, box, wcs)
