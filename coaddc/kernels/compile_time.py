"""How long the compiler takes: once on a machine, for what is compiled is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from numba.core import event

#: What numba calls the compiling of a function; it does not tell of those that it finds in its cache.
_KIND = "numba:compile"


class _Clock(event.Listener):  # type: ignore[misc]
    """Adds up the time in which anything is compiled; numba compiles in one thread at a time."""

    def __init__(self, begun: Callable[[], None]) -> None:
        self.seconds = 0.0
        self._begun = begun
        self._depth = 0
        self._started = 0.0

    def on_start(self, event: Any) -> None:
        """Begin a function, which may be called by another that has begun."""
        if not self._depth and not self.seconds:
            self._begun()
        if not self._depth:
            self._started = perf_counter()
        self._depth += 1

    def on_end(self, event: Any) -> None:
        """End it."""
        self._depth -= 1
        if not self._depth:
            self.seconds += perf_counter() - self._started


@contextmanager
def compile_time(begun: Callable[[], None]) -> Iterator[Callable[[], float]]:
    """Give a function that tells for how many seconds kernels were compiled since.

    Parameters
    ----------
    begun
        Called when the first begins to be, from the thread that does it.
    """
    clock = _Clock(begun)
    event.register(_KIND, clock)
    try:
        yield lambda: clock.seconds
    finally:
        event.unregister(_KIND, clock)
