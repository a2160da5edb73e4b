"""Liveness: which clusters gave a sign of life lately, as one observer sees it. Pure: time is an argument.

Clocks of different machines are never compared: a Lease is only seen to change, and when is told by the
observer's own monotonic clock, in seconds. While the observer itself is cut off it judges nobody, and
afterwards the time of all clusters begins anew: nothing is withdrawn because the host was away (I6).
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from federation.settings import Staleness

PROOFS = 2
"""Signs of life in a row after which a cluster that was given up is believed again."""


class Beat(NamedTuple):
    """What a cluster's Lease says. Both are opaque: another value is a sign of life."""

    renewed: str
    """Changes as long as the agent of the cluster reaches the host."""
    fresh: str
    """Changes as long as that agent reaches its cluster, too."""


class State(Enum):
    """What an observer holds of a cluster."""

    NEW = "New"
    """Nothing yet: it has not shown signs of life often enough since the observer began."""
    LIVE = "Live"
    STALE = "Stale"


class Source(NamedTuple):
    """What an observer remembers of a cluster."""

    beat: Beat
    silent_at: float
    """When it is given up unless its agent gives a sign of life."""
    frozen_at: float
    """When it is given up unless its agent reaches it."""
    state: State = State.NEW
    proofs: int = 0
    """How many signs of life came in a row, each of a cluster that its agent reached."""


class Liveness:
    """All clusters, as one observer sees them. One that has no Lease is not here, and never stale (I17)."""

    def __init__(self, staleness: Staleness) -> None:
        self._staleness = staleness
        self._sources: dict[str, Source] = {}
        self._looked: float | None = None
        self._interrupted = False

    def state(self, cluster: str) -> State | None:
        """Return what is held of a cluster; None of one without a Lease."""
        source = self._sources.get(cluster)
        return source.state if source else None

    def states(self) -> dict[str, State]:
        return {cluster: source.state for cluster, source in self._sources.items()}

    def saw(self, cluster: str, beat: Beat, now: float) -> None:
        """Take in a Lease, whether it changed or not."""
        before, limits = self._sources.get(cluster), self._staleness
        if before is None:
            self._sources[cluster] = Source(beat, now + limits.silent, now + limits.frozen)
        elif beat.renewed != before.beat.renewed:
            fresh = beat.fresh != before.beat.fresh
            prompt = now < before.silent_at - limits.silent / 3  # else it is no row
            self._sources[cluster] = before._replace(
                beat=beat,
                silent_at=now + limits.silent,
                frozen_at=now + limits.frozen if fresh else before.frozen_at,
                proofs=(before.proofs if prompt else 0) + 1 if fresh else 0,
            )

    def lost(self, cluster: str) -> None:
        """Forget a cluster whose Lease is gone: that proves nothing."""
        self._sources.pop(cluster, None)

    def looked(self, now: float, *, connected: bool) -> None:
        """Note whether the observer is in touch with the host; to be told more often than `grace`.

        One that was not for longer than that, or that did not run, missed signs of life: the time of all
        begins anew. After less, there is still some time to hear of those that came meanwhile.
        """
        if not connected:
            self._interrupted = True
            return
        if self._looked is None or now - self._looked > self._staleness.grace:
            self._put_off(now, self._staleness.silent, self._staleness.frozen)
        elif self._interrupted:
            self._put_off(now, self._staleness.grace, self._staleness.grace)
        self._looked, self._interrupted = now, False

    def suspects(self, now: float) -> list[str]:
        """Name the clusters whose time is up and that are not given up yet."""
        if self._interrupted or self._looked is None:
            return []
        return [
            cluster
            for cluster, source in self._sources.items()
            if source.state is not State.STALE and now >= min(source.silent_at, source.frozen_at)
        ]

    def give_up(self, cluster: str) -> None:
        self._sources[cluster] = self._sources[cluster]._replace(state=State.STALE, proofs=0)

    def proven(self, now: float) -> list[str]:
        """Name the clusters that showed often enough that they are there, and are not held to be yet."""
        return [
            cluster
            for cluster, source in self._sources.items()
            if source.state is not State.LIVE and source.proofs >= PROOFS and now < source.silent_at
        ]

    def believe(self, cluster: str) -> None:
        self._sources[cluster] = self._sources[cluster]._replace(state=State.LIVE)

    def _put_off(self, now: float, silent: float, frozen: float) -> None:
        """Have everybody's time end no sooner than in so many seconds."""
        for cluster, source in self._sources.items():
            self._sources[cluster] = source._replace(
                silent_at=max(source.silent_at, now + silent), frozen_at=max(source.frozen_at, now + frozen)
            )
