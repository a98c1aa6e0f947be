"""A suite: all that one command asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coaddc.model.assembly import Assembly
from coaddc.model.run_options import EngineOptions, StoreOptions


@dataclass(frozen=True)
class Suite:
    """The assemblies of one command, to be compiled as a whole, and how to run them.

    Attributes
    ----------
    assemblies
        One for each point of the sweep, in the order asked.
    engine, store
        The same for all.
    implied
        Every key that has a default value, with it, in the order of the primary config.
    logs
        Folder for what this run leaves behind besides its products; it need not exist.
    """

    assemblies: tuple[Assembly, ...]
    engine: EngineOptions
    store: StoreOptions
    implied: Mapping[str, str]
    logs: Path
