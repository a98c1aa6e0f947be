"""Predicates and ranks on many patches at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coaddc.model.skymaps.cover import Index
from coaddc.model.wcs import Floats
from coaddc.plan.rank import Keep, Mask, Ranked


@dataclass(frozen=True, slots=True)
class Predicate:
    """A predicate, evaluated for every exposure of the table.

    Attributes
    ----------
    note
        What is said of the exposures that it leaves.
    mask : (n,)
        Where it is true.
    """

    note: str
    mask: Mask


@dataclass(frozen=True, slots=True)
class Rank:
    """A rank, evaluated for every exposure of the table.

    Attributes
    ----------
    note
        What is said of the exposures that it leaves.
    values : (n,)
        Smallest first; NaN where not known.
    keep
        How many visits.
    column : (n,)
        What `keep` adds up, where it does.
    """

    note: str
    values: Floats
    keep: Keep
    column: Floats


@dataclass(frozen=True, slots=True)
class Pairs:
    """Exposures on patches.

    Attributes
    ----------
    patch, exposure : (m,)
        Number of the patch, and in the table; in order of both.
    patches
        Number of patches.
    """

    patch: Index
    exposure: Index
    patches: int

    @classmethod
    def of(cls, on: Sequence[Index]) -> Pairs:
        """Gather the exposures of each patch."""
        patch = np.repeat(np.arange(len(on)), [len(exposures) for exposures in on])
        return cls(patch, np.concatenate([np.empty(0, np.intp), *on]), len(on))

    def where(self, keep: Mask) -> Pairs:
        """Return some of them."""
        return Pairs(self.patch[keep], self.exposure[keep], self.patches)

    @property
    def counts(self) -> Index:
        """Number of exposures on each patch."""
        return np.bincount(self.patch, minlength=self.patches)


def best(pairs: Pairs, rank: Rank, visits: NDArray[np.int64]) -> tuple[Pairs, Index]:
    """Keep the exposures of the best visits of each patch.

    The rank of a visit is the mean over its exposures on the patch; of equal visits the lower comes first.

    Parameters
    ----------
    pairs
        Exposures to choose from.
    rank
        By what, and how many.
    visits : (n,)
        Number of the visit of every exposure of the table, in the order of visits.

    Returns
    -------
    pairs
        Those kept.
    counts
        Number of visits kept on each patch.
    """
    number = visits[pairs.exposure]
    step = int(visits.max(initial=0)) + 1
    group, member = np.unique(pairs.patch * step + number, return_inverse=True)
    patch, visit = np.divmod(group, step)
    value = _mean(rank.values[pairs.exposure], member, len(group))
    unknown = np.isnan(value)
    order = np.lexsort((visit, np.where(unknown, 0.0, value), unknown, patch))
    column = _mean(rank.column[pairs.exposure], member, len(group))
    kept = np.zeros(len(group), bool)
    kept[order] = rank.keep.keeps(Ranked(patch[order], ~unknown[order], column[order]))
    return pairs.where(kept[member]), np.bincount(patch[kept], minlength=pairs.patches)


def _mean(values: Floats, member: Index, count: int) -> Floats:
    """Return the mean of the known values of each group; NaN where none is known."""
    known = ~np.isnan(values)
    total = np.bincount(member, np.where(known, values, 0.0), count)
    with np.errstate(invalid="ignore"):
        mean: Floats = total / np.bincount(member, known, count)
    return mean
