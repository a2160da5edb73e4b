"""Waves: how many more pods each cluster may take down now, so that the bounds hold at every instant.

What was permitted and is not proven ready counts as down, whatever a cluster does with it and whether it can
be heard or not: a permission that was written can't be taken back.

Pods that are down already cost nothing to replace, however many they are, where they are the first that are
replaced: what is broken can always be mended by a release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policies.release.shares import ordered, proportional


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
    """Pods of other revisions that are not ready, or missing, or may be by what was permitted before."""
    limit: int
    """Pods that may be down there at a time."""
    first_down: int
    """Those of them that are replaced before any that is ready."""
    open: bool
    """It may be given more now: it is heard, holds what it was told, and is not left out."""

    @property
    def on_the_way(self) -> int:
        """Pods of the target revision that are not ready yet, or may come any moment."""
        return self.permitted - min(self.proven, self.permitted)

    @property
    def exposure(self) -> int:
        """Pods that are down, or may be any moment."""
        return self.on_the_way + self.others_down

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
    chosen = {name for name, berth in berths.items() if berth.open}
    if concurrent is not None:
        chosen = _within(concurrent, berths, order)
    ranked = [name for name in order if name in chosen]
    spare = {name: _spare(berths[name]) for name in ranked}
    free = _shared(spare, limit - sum(berth.on_the_way for berth in berths.values()), in_order)
    rooms = {name: _room(berths[name], free[name]) for name in ranked}
    more = _shared(rooms, limit - sum(berth.exposure for berth in berths.values()), in_order)
    shares = {name: free[name] + more[name] for name in ranked}
    return {
        name: berths[name].permitted + share
        for name, share in shares.items()
        if share > 0 and _worthwhile(berths[name], share)
    }


def _spare(berth: Berth) -> int:
    """Return how many pods of a cluster may be replaced that are down already."""
    return max(0, min(berth.first_down, berth.limit - berth.on_the_way, berth.target - berth.permitted))


def _room(berth: Berth, free: int) -> int:
    """Return how many pods of a cluster may be taken down, beside those that are down."""
    return max(0, min(berth.limit - berth.exposure, berth.target - berth.permitted - free))


def _shared(rooms: Mapping[str, int], total: int, in_order: bool) -> dict[str, int]:
    """Share out among clusters in their order; `in_order` fills one after the other."""
    share = ordered if in_order else proportional
    return share(rooms, max(0, total), {}, list(rooms))


def _within(concurrent: int, berths: Mapping[str, Berth], order: Sequence[str]) -> set[str]:
    """Leave out clusters that would be one too many on their way."""
    busy = {name for name, berth in berths.items() if berth.busy}
    idle = [name for name in order if name not in busy and _wants(berths[name])]
    return {name for name in busy if berths[name].open} | set(idle[: max(0, concurrent - len(busy))])


def _wants(berth: Berth) -> bool:
    return berth.open and (_spare(berth) > 0 or _room(berth, 0) > 0)


def _worthwhile(berth: Berth, share: int) -> bool:
    """Whether a grant is worth a write: all that is missing, a quarter of the limit, or nothing is under way.

    Otherwise each pod that becomes ready would be a write of its own.
    """
    return (
        not berth.busy
        or berth.permitted + share >= berth.target
        or 4 * share >= min(berth.limit, berth.replicas)
    )
