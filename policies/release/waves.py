"""Waves: how many more pods each cluster may take down now, so that the bounds hold at every instant.

What was permitted and is not proven ready counts as down, whatever a cluster does with it and whether it can
be heard or not: a permission that was written can't be taken back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policies.release.shares import proportional


@dataclass(frozen=True, slots=True)
class Berth:
    """One cluster, as far as a wave is concerned."""

    replicas: int
    """Pods wanted there."""
    target: int
    """Pods that the present step wants at the target revision."""
    permitted: int
    """Pods that may be at the target revision already."""
    proven: int
    """Pods of the target revision that were seen ready, at most `permitted`."""
    others_down: int
    """Pods of other revisions that are not ready, or are missing."""
    limit: int
    """Pods that may be down there at a time."""
    open: bool
    """It may be given more now: it is heard, holds what it was told, and is not left out."""

    @property
    def exposure(self) -> int:
        """Pods that are down, or may be any moment."""
        return self.permitted - min(self.proven, self.permitted) + self.others_down

    @property
    def busy(self) -> bool:
        return self.permitted > self.proven


def grants(
    berths: Mapping[str, Berth], limit: int, concurrent: int | None, order: Sequence[str], in_order: bool
) -> dict[str, int]:
    """Return the new `permitted` of the clusters that get more.

    :param limit: pods that may be down in all clusters together.
    :param concurrent: clusters that may be busy at a time; None for all.
    :param in_order: one cluster after the other, instead of each its share.
    """
    left = limit - sum(berth.exposure for berth in berths.values())
    rooms = {name: _room(berth) for name, berth in berths.items()}
    rooms = {name: room for name, room in rooms.items() if room > 0}
    if concurrent is not None:
        rooms = _within(concurrent, berths, rooms, order)
    if left <= 0 or not rooms:
        return {}
    if in_order:
        shares, rest = {}, left
        for name in (name for name in order if name in rooms):
            shares[name] = min(rest, rooms[name])
            rest -= shares[name]
    else:
        shares = proportional(rooms, left, {}, [name for name in order if name in rooms])
    return {
        name: berths[name].permitted + share
        for name, share in shares.items()
        if share > 0 and _worthwhile(berths[name], share)
    }


def _room(berth: Berth) -> int:
    if not berth.open:
        return 0
    return min(berth.limit - berth.exposure, berth.target - berth.permitted)


def _within(
    concurrent: int, berths: Mapping[str, Berth], rooms: Mapping[str, int], order: Sequence[str]
) -> dict[str, int]:
    """Leave out clusters that would be one too many on their way."""
    busy = {name for name, berth in berths.items() if berth.busy}
    free = max(0, concurrent - len(busy))
    chosen = busy | set([name for name in order if name in rooms and name not in busy][:free])
    return {name: room for name, room in rooms.items() if name in chosen}


def _worthwhile(berth: Berth, share: int) -> bool:
    """Whether a grant is worth a write: all that is missing, a quarter of the limit, or nothing is under way.

    Otherwise each pod that becomes ready would be a write of its own.
    """
    return (
        not berth.busy
        or berth.permitted + share >= berth.target
        or 4 * share >= min(berth.limit, berth.replicas)
    )
