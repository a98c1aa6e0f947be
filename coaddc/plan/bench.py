"""What requests share while they are lowered: worked out once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, TypeVar

from coaddc.model.assembly import Assembly
from coaddc.model.digest import digest, rendered
from coaddc.model.exposures import ExposureRow
from coaddc.model.skymap import Patch
from coaddc.plan.recipe import making, reading, recipe
from coaddc.plan.task import Task, task

T = TypeVar("T")


class Once:
    """Values by name, each made when first asked for."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Any] = {}

    def once(self, name: Hashable, make: Callable[[], T]) -> T:
        """Return the value of this name, made now if there is none."""
        found: T | None = self._made.get(name)
        if found is None:
            found = self._made[name] = make()
        return found


@dataclass(frozen=True, slots=True)
class Choices:
    """Digests of what an assembly chooses.

    Attributes
    ----------
    recipe
        What it asks for.
    making
        What its tasks depend on, besides exposures: those that have the same share tasks.
    reading
        How its survey is read.
    """

    recipe: str
    making: str
    reading: str

    @classmethod
    def of(cls, assembly: Assembly) -> Choices:
        """Work them out."""
        return cls(*(digest(part(assembly)) for part in (recipe, making, reading)))


class Shop(Once):
    """What is the same on all patches.

    Assemblies, exposures and WCS are told apart by what they are, not by what they say: they outlive this.
    """

    def choices(self, assembly: Assembly) -> Choices:
        """Return the digests of what an assembly chooses."""
        return self.once(id(assembly), lambda: Choices.of(assembly))

    def exposure(self, assembly: Assembly, row: ExposureRow) -> Task:
        """Return the task that opens an exposure."""
        fields = self.choices(assembly).reading
        return self.once(
            (fields, id(row)),
            lambda: task("exposure", content=row.digest, reading=fields, subject=(assembly.survey, row)),
        )

    def grid(self, patch: Patch) -> str:
        """Return the digest of the grid of a patch."""
        return self.once(("grid", id(patch.wcs)), lambda: digest(list(patch.wcs.cards)))


class Bench(Once):
    """What is the same for all requests on one patch in one band.

    Parameters
    ----------
    shop
        What is the same on all patches.
    patch
        Where.
    """

    def __init__(self, shop: Shop, patch: Patch) -> None:
        super().__init__()
        self.shop = shop
        self.patch = patch

    @cached_property
    def scale(self) -> float:
        """Pixel scale in the middle of the patch, arcsec."""
        y, x = self.patch.box.centre
        return self.patch.wcs.pixel_scale(y=y, x=x)

    @cached_property
    def name(self) -> str:
        """Name of the patch, rendered."""
        return rendered(self.patch.name)

    @cached_property
    def grid(self) -> str:
        """Digest of the grid of the patch."""
        return self.shop.grid(self.patch)

    @cached_property
    def box(self) -> dict[str, int]:
        """The box of the patch, plain data."""
        return asdict(self.patch.box)
