"""Which exposures go into a coadd: band, overlap with the patch, predicates, ranks, in this order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coaddc.model.assembly import Section
from coaddc.model.errors import ConfigError
from coaddc.model.exposures import ExposureRow, ExposureTable
from coaddc.model.skymap import Patch
from coaddc.model.skymaps.cover import overlapping
from coaddc.model.skymaps.sphere import Footprints
from coaddc.model.value import value
from coaddc.plan.choose import Pairs, Predicate, Rank, best
from coaddc.plan.columns import Columns
from coaddc.plan.rank import Mask, Sum, read_keep

#: How many results, each for all patches prepared together, are kept: bounds the memory.
KEPT = 64


@dataclass(frozen=True, slots=True)
class _Ask:
    """What one section asks of exposures; hashable."""

    key: str
    where: str | None
    order_by: str | None
    keep_text: str
    keep: Any = field(compare=False)


_Asked = tuple[_Ask, ...]


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What the sections of an assembly ask of exposures, evaluated for the whole table."""

    predicates: tuple[Predicate, ...]
    ranks: tuple[Rank, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """What one step left on every patch of a batch."""

    note: str
    exposures: list[int]
    visits: list[int] | None = None

    def on(self, patch: int) -> str:
        """Say it of one patch."""
        visits = "" if self.visits is None else f" ({self.visits[patch]} visits)"
        return f"{self.exposures[patch]}{visits} {self.note}"


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The exposures of every patch of a batch, and how they came to be chosen.

    Attributes
    ----------
    exposures
        Their numbers in the table, patch by patch.
    ends
        Where those of each patch begin, and where the last end.
    """

    exposures: list[int]
    ends: list[int]
    in_band: str
    steps: list[_Step]

    def on(self, patch: int) -> list[int]:
        """Return the exposures of one patch."""
        return self.exposures[self.ends[patch] : self.ends[patch + 1]]


@value
class Selection:
    """The exposures of one product.

    Attributes
    ----------
    rows
        In the order of the exposure table.
    patch
        Where.
    """

    rows: tuple[ExposureRow, ...]
    patch: Patch
    _chosen: _Chosen
    _number: int

    @property
    def notes(self) -> tuple[str, ...]:
        """How many exposures each step left, so that an empty product can say why."""
        chosen, number = self._chosen, self._number
        on_patch = f"{chosen.steps[0].on(number)} tract {self.patch.tract} patch {self.patch.name}"
        return chosen.in_band, on_patch, *(step.on(number) for step in chosen.steps[1:])


def check_sections(*recipes: Mapping[str, Section]) -> None:
    """Check all predicates and ranks against the columns, with no exposures read.

    Raises
    ------
    ConfigError
        For the first that cannot be used, naming key and field.
    """
    selector = Selector(ExposureTable(()))
    for sections in recipes:
        selector.admitted(sections, "")


class Selector:
    """Selects from one exposure table; whatever products share is worked out once.

    Parameters
    ----------
    table
        All exposures of the survey.
    patches
        Patches that will be asked for: see `prepare`.
    """

    def __init__(self, table: ExposureTable, patches: Sequence[Patch] = ()) -> None:
        self.table = table
        self._rows = tuple(table)
        self._columns = Columns(self._rows)
        self._footprints = Footprints.of(self._rows)
        self._visits = _visit_numbers(self._rows)
        bands = np.array([row.band for row in self._rows], object)
        self._bands: dict[str, Mask] = {band: bands == band for band in set(bands)}
        self._recipes: dict[_Asked, _Recipe] = {}
        self._batches: list[Pairs] = []
        self._places: dict[tuple[str, int, int], tuple[int, int]] = {}
        self._chosen: dict[tuple[_Asked, str, int], _Chosen] = {}
        self.prepare(patches)

    def prepare(self, patches: Sequence[Patch]) -> None:
        """Announce patches: their overlaps and selections are worked out together.

        A patch that was not announced is worked out by itself, which takes some 30 times as long.
        """
        new = [patch for patch in patches if _place(patch) not in self._places]
        if not new:
            return
        for number, patch in enumerate(new):
            self._places[_place(patch)] = len(self._batches), number
        self._batches.append(Pairs.of(overlapping(new, self._footprints)))

    def admitted(self, sections: Mapping[str, Section], band: str) -> list[ExposureRow]:
        """Return the exposures of a band that the predicates of all keys admit, on any patch.

        Raises
        ------
        ConfigError
            Where a predicate or a rank cannot be used, naming key and field.
        """
        mask = self._in_band(band)
        for predicate in self._recipe(_asked(sections)).predicates:
            mask = mask & predicate.mask
        return [self._rows[index] for index in np.flatnonzero(mask)]

    def select(self, sections: Mapping[str, Section], band: str, patch: Patch) -> Selection:
        """Return the exposures of one product; see `select_all`."""
        (selection,) = self.select_all(sections, band, [patch])
        return selection

    def select_all(
        self, sections: Mapping[str, Section], band: str, patches: Sequence[Patch]
    ) -> Iterator[Selection]:
        """Return the exposures of products that differ in their patches.

        Parameters
        ----------
        sections
            Key to section; predicates and ranks apply in this order, all predicates before all ranks.
        band, patches
            Of the products.

        Raises
        ------
        ConfigError
            Where a predicate or a rank cannot be used, naming key and field.
        """
        asked = _asked(sections)
        for patch in patches:
            place = _place(patch)
            if place not in self._places:
                self.prepare([patch])
            batch, number = self._places[place]
            chosen = self._choose(asked, band, batch)
            rows = tuple([self._rows[index] for index in chosen.on(number)])
            yield Selection(rows, patch, chosen, number)

    def _choose(self, asked: _Asked, band: str, batch: int) -> _Chosen:
        """Select for all patches of a batch, or return what was selected before."""
        name = (asked, band, batch)
        if name not in self._chosen:
            if len(self._chosen) >= KEPT:
                del self._chosen[next(iter(self._chosen))]  # the oldest
            self._chosen[name] = self._choose_anew(self._recipe(asked), band, self._batches[batch])
        return self._chosen[name]

    def _choose_anew(self, recipe: _Recipe, band: str, pairs: Pairs) -> _Chosen:
        mask = self._in_band(band)
        in_band = f"{np.count_nonzero(mask)} of {len(mask)} exposures in band {band}"
        pairs = pairs.where(mask[pairs.exposure])
        steps = [_Step("on", pairs.counts.tolist())]
        for predicate in recipe.predicates:
            pairs = pairs.where(predicate.mask[pairs.exposure])
            steps.append(_Step(predicate.note, pairs.counts.tolist()))
        for rank in recipe.ranks:
            pairs, visits = best(pairs, rank, self._visits)
            steps.append(_Step(rank.note, pairs.counts.tolist(), visits.tolist()))
        ends = np.concatenate([[0], np.cumsum(pairs.counts)])
        return _Chosen(pairs.exposure.tolist(), ends.tolist(), in_band, steps)

    def _in_band(self, band: str) -> Mask:
        return self._bands.get(band, np.zeros(len(self._rows), bool))

    def _recipe(self, asked: _Asked) -> _Recipe:
        """Evaluate what is asked, or return what was evaluated before."""
        if asked not in self._recipes:
            predicates = tuple(
                Predicate(f"left by {ask.key}.where: {ask.where}", self._mask(ask.where, ask.key))
                for ask in asked
                if ask.where is not None
            )
            ranks = [self._rank(ask) for ask in asked]
            self._recipes[asked] = _Recipe(predicates, tuple(rank for rank in ranks if rank is not None))
        return self._recipes[asked]

    def _mask(self, where: str, key: str) -> Mask:
        return self._columns.mask(where, f"{key}.where")

    def _rank(self, ask: _Ask) -> Rank | None:
        """Return the rank of a section; None where it keeps all."""
        keep = None if ask.keep is None else read_keep(ask.keep, f"{ask.key}.keep")
        if ask.order_by is None:
            if keep is not None:
                raise ConfigError(
                    f"{ask.key}.keep={ask.keep}: say what visits are ranked by, {ask.key}.order_by"
                )
            return None
        values = self._columns.values(ask.order_by, f"{ask.key}.order_by")
        if keep is None:
            return None
        column = (
            self._columns.values(keep.column, f"{ask.key}.keep.column") if isinstance(keep, Sum) else values
        )
        return Rank(f"left by {ask.key}.keep={ask.keep} by {ask.order_by}", values, keep, column)


def _asked(sections: Mapping[str, Section]) -> _Asked:
    return tuple(
        _Ask(key, section.where, section.order_by, repr(section.keep), section.keep)
        for key, section in sections.items()
        if not (section.where is section.order_by is section.keep is None)
    )


def _place(patch: Patch) -> tuple[str, int, int]:
    return patch.skymap, patch.tract, patch.sequence


def _visit_numbers(rows: Sequence[ExposureRow]) -> NDArray[np.int64]:
    """Return a number for each exposure: the same for one visit of one camera, in the order of visits."""
    names = [(row.visit, row.instrument) for row in rows]
    number = {name: position for position, name in enumerate(sorted(set(names)))}
    return np.array([number[name] for name in names], np.int64)
