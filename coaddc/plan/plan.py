"""The plan: what a suite comes to, one unit of work for each patch and band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from coaddc.model.assembly import Assembly, StackSection
from coaddc.model.exposures import ExposureRow
from coaddc.model.product import Product
from coaddc.model.skymap import Patch
from coaddc.model.value import value
from coaddc.plan.select import Selection
from coaddc.plan.task import Task


@value
class Request:
    """One assembly on one patch in one band, with the exposures chosen for it.

    Attributes
    ----------
    rows
        The exposures, by visit and detector.
    selection
        How they were selected, before any was left out.
    left_out
        Who was left out then, and why.
    target
        FWHM, arcsec, of the PSF that its warps are matched to; None where they are not.
    template
        That of the PSF in which artifacts are looked for; None where they are not.
    """

    assembly: Assembly
    patch: Patch
    band: str
    rows: tuple[ExposureRow, ...]
    selection: Selection | None = None
    left_out: tuple[str, ...] = ()
    target: float | None = None
    template: float | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What each step of the selection left, and who was left out."""
        selected = self.selection.notes if self.selection else ()
        return (*selected, *self.left_out)

    @property
    def data_id(self) -> Mapping[str, str | int]:
        """The data ID of its coadd."""
        patch = self.patch
        place: dict[str, str | int] = {"skymap": patch.skymap, "tract": patch.tract, "patch": patch.name}
        return {**place, "band": self.band, **self.assembly.keys}

    @property
    def name(self) -> str:
        """Its data ID in one line."""
        return " ".join(f"{key}={value}" for key, value in self.data_id.items())


@value
class Target:
    """One product of a unit, and the task that makes it."""

    product: Product
    request: Request
    task: Task


@value
class Sum:
    """Sums over warps, for one mean or for several.

    Attributes
    ----------
    name
        Digest of the stack that they make; of their inputs, where they make none by themselves.
    options
        How warps are added.
    inputs
        The warps that are added, in order.
    parts
        Names of other sums, before this one, that are added to it.
    whole
        Whether they make a stack.
    """

    name: str
    options: StackSection
    inputs: tuple[Task, ...]
    parts: tuple[str, ...] = ()
    whole: bool = True


@dataclass(frozen=True)
class Unit:
    """All products of one patch in one band: what is distributed, restarted, and streamed tile by tile.

    Attributes
    ----------
    patch, band
        Where.
    targets
        Its products.
    tasks
        All that they need, each once, inputs first.
    sums
        What its means add up: shared by several, where that is less work.
    tile_rows
        Rows of the patch to work on at a time.
    grid
        Tiles end at multiples of so many rows of the tract; 1: where they may.
    memory
        Bytes that this is projected to take.
    """

    patch: Patch
    band: str
    targets: tuple[Target, ...]
    tasks: tuple[Task, ...] = ()
    sums: tuple[Sum, ...] = ()
    tile_rows: int = 0
    grid: int = 1
    memory: int = 0

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"tract {self.patch.tract} patch {self.patch.name} band {self.band}"

    @property
    def tiles(self) -> int:
        """Number of tiles; 0 before the patch is cut."""
        return len(self.tile_starts)

    @property
    def tile_starts(self) -> Sequence[int]:
        """Rows at which tiles begin; none before the patch is cut."""
        box = self.patch.box
        second = box.y0 - box.y0 % self.grid + self.tile_rows
        return (box.y0, *range(second, box.y1, self.tile_rows)) if self.tile_rows else ()


@dataclass(frozen=True)
class Plan:
    """What a suite comes to.

    Attributes
    ----------
    requests
        All that was asked, with what was selected for it.
    units
        What is to be made.
    current
        Products that the store already holds.
    outdated
        Names of products of which the store holds a version from other inputs, or another version of an op.
    asked
        Number of tasks, counted product by product.
    """

    requests: tuple[Request, ...]
    units: tuple[Unit, ...] = ()
    current: tuple[Product, ...] = ()
    outdated: frozenset[str] = field(default_factory=frozenset)
    asked: int = 0

    @property
    def tasks(self) -> int:
        """Number of tasks left."""
        return sum(len(unit.tasks) for unit in self.units)

    @property
    def products(self) -> tuple[Product, ...]:
        """The products to make."""
        return tuple(target.product for unit in self.units for target in unit.targets)

    @property
    def empty(self) -> tuple[Request, ...]:
        """The requests that no exposure meets."""
        return tuple(request for request in self.requests if not request.rows)
