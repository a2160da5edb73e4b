"""Shares of pods: what a count or percentage means, and how pods are shared out among clusters.

Proportional shares are those of Webster (Sainte-Laguë) with floors and caps. Unlike largest remainders they
never take a pod back from a cluster when the total grows, which would be an un-update.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from heapq import heapify, heappop, heappush


def round_up(value: int | str, total: int) -> int:
    """Return how many of `total` a count or percentage (`10%`) is, rounded up, at most `total`."""
    return min(total, value if isinstance(value, int) else -(-_percent(value) * total // 100))


def round_down(value: int | str, total: int) -> int:
    """The same, rounded down; a count may exceed `total`."""
    return value if isinstance(value, int) else _percent(value) * total // 100


def _percent(value: str) -> int:
    return int(value.removesuffix("%"))


def proportional(
    sizes: Mapping[str, int], total: int, floors: Mapping[str, int], order: Sequence[str]
) -> dict[str, int]:
    """Share `total` out among clusters of these sizes, each between its floor and its size.

    Monotone in `total` and independent of the order of the mapping; `order` settles ties.
    """
    shares = {name: min(floors.get(name, 0), size) for name, size in sizes.items()}
    rank = {name: i for i, name in enumerate(order)}
    queue = [(_claim(sizes[name], share), rank[name], name) for name, share in shares.items()]
    heapify(queue)
    left = min(total, sum(sizes.values())) - sum(shares.values())
    while left > 0 and queue:
        _, place, name = heappop(queue)
        if shares[name] < sizes[name]:
            shares[name] += 1
            left -= 1
            heappush(queue, (_claim(sizes[name], shares[name]), place, name))
    return shares


def _claim(size: int, share: int) -> Fraction:
    """Return the (negated) claim of a cluster on the next pod: the heap gives the smallest first."""
    return Fraction(-size, 2 * share + 1)


def ordered(
    sizes: Mapping[str, int], total: int, floors: Mapping[str, int], order: Sequence[str]
) -> dict[str, int]:
    """Fill cluster after cluster."""
    shares = {name: min(floors.get(name, 0), size) for name, size in sizes.items()}
    left = min(total, sum(sizes.values())) - sum(shares.values())
    for name in order:
        more = min(max(left, 0), sizes[name] - shares[name])
        shares[name] += more
        left -= more
    return shares


def per_cluster(value: int | str, sizes: Mapping[str, int], floors: Mapping[str, int]) -> dict[str, int]:
    """Give every cluster the same share of itself."""
    return {name: max(min(floors.get(name, 0), size), round_up(value, size)) for name, size in sizes.items()}
