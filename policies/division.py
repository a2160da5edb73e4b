"""Division: a number of replicas to `{cluster: n}`.

Webster's method (Sainte-Laguë): the fairest division by weights in whole numbers, and one that never takes a
replica from a cluster because the total grew.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from fractions import Fraction


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
    queue = [_bid(name, weights[name], seats[name], place[name]) for name in positive]
    heapq.heapify(queue)
    for _ in range(total - sum(seats.values())):
        name = queue[0][3]
        seats[name] += 1
        heapq.heapreplace(queue, _bid(name, weights[name], seats[name], place[name]))
    return seats


def _bid(name: str, weight: int, seats: int, place: int) -> tuple[Fraction, int, int, str]:
    return Fraction(-weight, 2 * seats + 1), seats, place, name


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
