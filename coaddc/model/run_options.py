"""How a suite is run and where it goes: never part of a product's identity."""

from dataclasses import dataclass

from coaddc.model.errors import ConfigError
from coaddc.model.options import option

#: Where a product lies: the keys that always show, then every other key that is not at its default.
DEFAULT_TEMPLATE = (
    "coadd/skymap={skymap}/band={band}/tract={tract}/patch={patch}/warp={warp}/selection={selection}/{others}"
)


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """How the plan is run."""

    doc: str = option("", "one line that says what the value means")
    workers: int | None = option(None, "threads; null: as many as there are processors")
    memory: float = option(4.0, "GiB that the working set may take")
    tile: int | None = option(None, "rows of a tile; null: what suits the memory and the exposures")
    progress: bool = option(True, "show a progress bar where the terminal can")

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"engine.workers={self.workers}: must be 1 at least, or null")
        if self.memory <= 0:
            raise ConfigError(f"engine.memory={self.memory}: must be positive, GiB")


@dataclass(frozen=True, kw_only=True)
class StoreOptions:
    """Where products go."""

    doc: str = option("", "one line that says what the value means")
    root: str = option("coadds", "folder of the store")
    template: str = option(DEFAULT_TEMPLATE, "path of a product; {others} is key=value/ of further keys")
    aliases: dict[str, str] = option({}, "other names of keys that Butler accepts")
