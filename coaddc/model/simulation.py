"""What the demo survey simulates: the typed mirror of the section ``simulation`` of conf/survey/."""

from dataclasses import dataclass

from coaddc.model.options import option


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What to simulate."""

    seed: int = option(1, "of all random numbers")
