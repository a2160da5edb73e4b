"""Pace: how fast workloads leave a cluster. Each gets its turn once, however often it asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from federation.kube.ref import Ref


class Pace:
    """Gives out turns, for each cluster so many a second. A new process begins with a first turn at once."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._distance, self._clock = 1 / rate, clock
        self._turns: dict[str, dict[Ref, float]] = {}
        self._next: dict[str, float] = {}

    def wait(self, cluster: str, ref: Ref) -> float:
        """Return for how many seconds a template has to wait until it may leave; 0 from its turn on."""
        now, turns = self._clock(), self._turns.setdefault(cluster, {})
        if ref not in turns:
            turns[ref] = max(now, self._next.get(cluster, now))
            self._next[cluster] = turns[ref] + self._distance
        return max(0.0, turns[ref] - now)

    def keep(self, ref: Ref, clusters: Collection[str]) -> None:
        """Forget the turns of a template but in these clusters; with the last of a cluster all begin anew."""
        for cluster in [each for each in self._turns if each not in clusters]:
            turns = self._turns[cluster]
            if turns.pop(ref, None) is not None and not turns:
                del self._turns[cluster]
                self._next[cluster] = min(self._next[cluster], self._clock() + self._distance)
