"""How long a plan will take, by what tasks of the same kind took before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: Seconds of one thread that a pixel takes, by kind of task, measured.
Rates = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A time that is expected.

    Attributes
    ----------
    seconds
        Wall time of all kinds of task that have been measured; None where none has.
    unknown
        The kinds that have not been.
    """

    seconds: float | None
    unknown: tuple[str, ...]


def estimate(amounts: Iterable[Mapping[str, float]], rates: Rates, workers: int) -> Estimate:
    """Return how long units will take, one after another.

    Parameters
    ----------
    amounts
        Pixels by kind, of each unit.
    rates
        See `Rates`.
    workers
        Number of threads.
    """
    totals: dict[str, float] = {}
    for amount in amounts:
        for op, pixels in amount.items():
            totals[op] = totals.get(op, 0.0) + pixels
    known = [pixels * rates[op] for op, pixels in totals.items() if op in rates]
    unknown = tuple(op for op in totals if op not in rates)
    if totals and not known:
        return Estimate(None, unknown)
    return Estimate(sum(known) / workers, unknown)
