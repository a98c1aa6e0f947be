"""What requests share while they are lowered: worked out once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import asdict
from functools import cached_property
from typing import Any, TypeVar, cast

from coaddc.model.assembly import Assembly
from coaddc.model.digest import digest
from coaddc.model.exposures import ExposureRow
from coaddc.model.skymap import Patch
from coaddc.plan.recipe import reading, recipe
from coaddc.plan.task import Task, task

T = TypeVar("T")


class Once:
    """Values by name, each made when first asked for."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Any] = {}

    def once(self, name: Hashable, make: Callable[[], T]) -> T:
        """Return the value of this name, made now if there is none."""
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = make()
        return cast(T, found)


class Shop(Once):
    """What is the same on all patches.

    Assemblies, exposures and WCS are told apart by what they are, not by what they say: they outlive this.
    """

    def recipe(self, assembly: Assembly) -> str:
        """Return the digest of what an assembly asks for."""
        return self.once(("recipe", id(assembly)), lambda: digest(recipe(assembly)))

    def exposure(self, assembly: Assembly, row: ExposureRow) -> Task:
        """Return the task that opens an exposure."""
        fields = self.reading(assembly)
        return self.once(
            (fields, id(row)),
            lambda: task("exposure", content=row.digest, reading=fields, subject=(assembly.survey, row)),
        )

    def reading(self, assembly: Assembly) -> str:
        """Return the digest of how an assembly's survey is read."""
        return self.once(("reading", id(assembly)), lambda: digest(reading(assembly)))

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
    def grid(self) -> str:
        """Digest of the grid of the patch."""
        return self.shop.grid(self.patch)

    @cached_property
    def box(self) -> dict[str, int]:
        """The box of the patch, plain data."""
        return asdict(self.patch.box)
