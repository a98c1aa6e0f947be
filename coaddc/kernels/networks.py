"""Comparator networks: which pairs to put in order, one after the other, whatever the values."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Pairs = NDArray[np.int32]


@cache
def median_network(n: int) -> Pairs:
    """Return the comparators that bring the middle of n values to its place: numbers n // 2 and n // 2 - 1.

    Of Batcher's network that sorts them (Knuth, The Art of Computer Programming 3, algorithm 5.2.2M), those
    that the two depend on.

    Returns
    -------
    pairs : (c, 2)
        The lower value of the two goes to the first place, the higher to the second.
    """
    live = np.zeros(n, np.bool_)
    live[max(0, n // 2 - 1) : n // 2 + 1] = True
    kept = [np.empty((0, 2), np.int32)]
    for stage in reversed(_sorting_stages(n)):
        needed = stage[live[stage].any(axis=1)]
        live[needed] = True
        kept.append(needed)
    return np.concatenate(kept[::-1])


def median_networks(n: int) -> tuple[Pairs, NDArray[np.int32]]:
    """Return `median_network` of 0 to n values, one after the other, and where each begins, n + 2 places."""
    networks = [median_network(m) for m in range(n + 1)]
    starts = np.concatenate([[0], np.cumsum([len(network) for network in networks])])
    return np.concatenate(networks), starts.astype(np.int32)


def _sorting_stages(n: int) -> list[Pairs]:
    """Return Batcher's merge exchange sort: pairs of one stage, (c, 2), have no value in common."""
    stages = []
    merged = 1
    while merged < n:
        step = merged
        while step:
            first = np.arange(step % merged, max(n - step, 0), dtype=np.int32)
            second = first + step
            together = first // (2 * merged) == second // (2 * merged)
            lower = (first - step % merged) // step % 2 == 0
            stages.append(np.stack([first, second], axis=1)[together & lower])
            step //= 2
        merged *= 2
    return stages
