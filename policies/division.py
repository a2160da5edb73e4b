"""Division: a number of replicas to `{cluster: n}`.

Webster's method (Sainte-Laguë): the fairest division by weights in whole numbers, and one that never takes a
replica from a cluster because the total grew. By fixed weights the division is made afresh each time; by
capacity it remembers what was there, so that what runs is not moved about.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence


def webster(total: int, weights: Mapping[str, int], uid: str = "") -> dict[str, int]:
    """Divide a total by weights, one at a time to the largest weight ÷ (2·seats + 1).

    :param uid: of the template; spreads the remainders of many templates over the clusters. Ties go to fewer
        seats, then by name ascending, or descending when the FNV-1a hash of the UID is odd.
    :return: a number for every name, in ascending order of names; their sum is the total unless no weight is
        positive.
    """
    names = sorted(weights)
    positive = [name for name in names if weights[name] > 0]
    seats = dict.fromkeys(names, 0)
    if not positive or total <= 0:
        return seats
    seats.update(_settled(total, {name: weights[name] for name in positive}))
    places = range(len(positive), 0, -1) if _fnv1a(uid) % 2 else range(len(positive))
    place = dict(zip(positive, places, strict=True))
    queue = [_Bid(name, weights[name], seats[name], place[name]) for name in positive]
    heapq.heapify(queue)
    for _ in range(total - sum(seats.values())):
        name = queue[0].name
        seats[name] += 1
        heapq.heapreplace(queue, _Bid(name, weights[name], seats[name], place[name]))
    return seats


def divide(
    total: int,
    free: Mapping[str, int],
    previous: Mapping[str, int],
    *,
    aggregated: bool = False,
    rebalance: bool = False,
    uid: str = "",
) -> dict[str, int] | None:
    """Divide a total by capacity; only the difference to what was there is placed or taken away.

    :param free: how many replicas each cluster can take beside those it has. Its names are the candidates.
    :param previous: how many each has; what is no candidate does not count.
    :param aggregated: as few clusters as can hold the difference, the largest first, rather than all of them.
    :param rebalance: divide the whole total afresh, by what each cluster could hold in all.
    :return: a number for every candidate, or None when they can't hold the total.
    """
    held = {name: previous.get(name, 0) for name in sorted(free)}
    got, kept = sum(held.values()), dict[str, int]()
    if rebalance:
        target, weights = total, {name: free[name] + held[name] for name in free}
    elif got == total:
        return held
    elif got > total:
        target, weights = total, held
    else:
        target, weights, kept = total - got, dict(free), held
    if sum(weights.values()) < target:
        return None
    if aggregated:
        weights = _fewest(target, weights, kept)
    shares = webster(target, weights, uid)
    return {name: kept.get(name, 0) + shares.get(name, 0) for name in sorted(free)}


def _fewest(target: int, weights: Mapping[str, int], kept: Mapping[str, int]) -> dict[str, int]:
    """Return the fewest clusters that can hold the target: those in use first, then the largest."""
    order = sorted(weights, key=lambda name: (not kept.get(name, 0), -weights[name], name))
    chosen: dict[str, int] = {}
    for name in order:
        if sum(chosen.values()) >= target:
            break
        chosen[name] = weights[name]
    return chosen


def divide_by_tiers(
    total: int,
    tiers: Sequence[Mapping[str, int]],
    previous: Mapping[str, int],
    *,
    aggregated: bool = False,
    rebalance: bool = False,
    uid: str = "",
) -> dict[str, int] | None:
    """Divide a total over tiers of clusters: each is filled before the next, and the last is emptied first.

    :param tiers: what each cluster of a tier can take beside those it has, as in `divide`; no cluster is in
        two of them.
    :return: a number for every cluster of every tier, or None when they can't hold the total.
    """
    held = [sum(previous.get(name, 0) for name in tier) for tier in tiers]
    room = [sum(tier.values()) for tier in tiers]
    if rebalance:
        budgets = _filled(total, [had + free for had, free in zip(held, room, strict=True)])
    elif sum(held) >= total:
        budgets = _filled(total, held)
    else:
        more = _filled(total - sum(held), room)
        budgets = [had + new for had, new in zip(held, more, strict=True)]
    if sum(budgets) < total:
        return None
    shares: dict[str, int] = {}
    for tier, budget in zip(tiers, budgets, strict=True):
        share = divide(budget, tier, previous, aggregated=aggregated, rebalance=rebalance, uid=uid)
        shares |= share or {}  # a budget is never more than its tier holds
    return dict(sorted(shares.items()))


def _filled(total: int, sizes: Sequence[int]) -> list[int]:
    """Fill vessels of these sizes one after the other."""
    filled = []
    for size in sizes:
        filled.append(min(total, size))
        total -= filled[-1]
    return filled


class _Bid:
    """A cluster's claim to the next seat: the greatest comes first in a heap. Exact, whatever the weights."""

    __slots__ = ("name", "place", "seats", "share", "weight")

    def __init__(self, name: str, weight: int, seats: int, place: int) -> None:
        self.name, self.weight, self.seats, self.place = name, weight, seats, place
        self.share = 2 * seats + 1

    def __lt__(self, other: _Bid) -> bool:
        ours, theirs = self.weight * other.share, other.weight * self.share
        if ours != theirs:
            return ours > theirs
        return (self.seats, self.place) < (other.seats, other.place)


def _settled(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Return the seats whose bids all lie above W ÷ (2·total - n): they come first whatever the ties.

    At most one seat per cluster is left to be given singly, so that dividing 10,000 replicas costs as much as
    ten.
    """
    whole, steps = sum(weights.values()), 2 * total - len(weights)
    return {name: max(0, -((whole - weight * steps) // (2 * whole))) for name, weight in weights.items()}


def _fnv1a(text: str) -> int:
    """Return the 32-bit FNV-1a hash. The hash of the empty text counts as even here."""
    if not text:
        return 0
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value
