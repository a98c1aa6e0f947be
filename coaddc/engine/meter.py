"""Where the time of a unit goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import perf_counter


class Meter:
    """Adds up the time that threads spend in each kind of task."""

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}
        self._lock = Lock()
        self._start = perf_counter()
        self._stop: float | None = None

    @contextmanager
    def of(self, kind: str, threads: int = 1) -> Iterator[None]:
        """Count the time within as spent in a kind of task, by so many threads."""
        start = perf_counter()
        try:
            yield
        finally:
            elapsed = threads * (perf_counter() - start)
            with self._lock:
                self._spent[kind] = self._spent.get(kind, 0.0) + elapsed

    def stop(self) -> None:
        """End the time that is shared out: from here on threads work for another meter too."""
        self._stop = self._stop or perf_counter()

    def seconds(self, workers: int) -> dict[str, float]:
        """Return the time of all workers since the meter was made, until it stopped, by what was seen.

        What nobody saw (waiting, reading ahead) is thereby shared out too: the sum is wall time by workers.
        """
        whole = workers * ((self._stop or perf_counter()) - self._start)
        seen = sum(self._spent.values())
        return {kind: whole * spent / seen for kind, spent in self._spent.items()} if seen > 0 else {}
