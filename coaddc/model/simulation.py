"""What the demo survey simulates: the typed mirror of the section ``simulation`` of conf/survey/."""

from dataclasses import dataclass, fields

from coaddc.model.errors import ConfigError
from coaddc.model.options import option


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """How large a survey to simulate, and from which seed."""

    seed: int = option(1, "of all random numbers: equal options make equal files")
    visits: int = option(12, "number of visits, in g and in r by turns, over three seasons")
    detectors: int = option(4, "number of detectors of the camera")
    nx: int = option(540, "columns of a detector")
    ny: int = option(460, "rows of a detector")
    stars: int = option(500, "number of stars, in and around the field")
    galaxies: int = option(500, "number of galaxies, in and around the field")

    def __post_init__(self) -> None:
        least = {"visits": 1, "detectors": 1, "nx": 64, "ny": 64}
        for field in fields(self):
            value, low = getattr(self, field.name), least.get(field.name, 0)
            if value < low:
                raise ConfigError(f"survey.simulation.{field.name}={value}: must be {low} at least")
