"""Work that is done once, by whoever comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, Generic, TypeVar

A = TypeVar("A")


class Once(Generic[A]):
    """A value that is made when it is first asked for; who asks meanwhile waits. Safe in any thread."""

    def __init__(self, make: Callable[[], A]) -> None:
        self._make: Callable[[], A] | None = make
        self._lock = Lock()
        self._made: list[A] = []

    def __call__(self) -> A:
        """Return the value."""
        with self._lock:
            if self._make is not None:
                self._made.append(self._make())
                self._make = None  # what it holds is not needed any more
            return self._made[0]


def one_by_one(pool: ThreadPoolExecutor, work: Iterable[Callable[[], Any]]) -> None:
    """Let the pool do some work, never more than one piece at a time; each takes its turn behind the rest."""

    def do(rest: Iterator[Callable[[], Any]]) -> None:
        for piece in rest:
            piece()
            pool.submit(do, rest)
            return

    pool.submit(do, iter(list(work)))
