"""What OpenKruise's controller of Advanced StatefulSets does to pods, second by second.

The rules are those of OpenKruise 1.9.1 (pkg/controller/statefulset) where they differ from those of a
StatefulSet: several pods may go at a time, those that are down count wherever they are, and the revision
before is given up when all pods that are there are of the template, others missing or not.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.api.meta import Manifest
from tests.policies.release.models.common import projected
from tests.policies.release.models.statefulset import StatefulSet


@dataclass
class AdvancedStatefulSet(StatefulSet):
    """A cluster with one StatefulSet of OpenKruise."""

    KIND = ("apps.kruise.io/v1beta1", "StatefulSet", "statefulsets")

    at_a_time: int = 1
    """Its user's maxUnavailable; several need Parallel."""
    early: bool = False
    """The revision before was given up while pods of it were missing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.at_a_time = 1 if self.in_order else self.random.randint(1, 3)

    def said(self) -> Manifest:
        strategy = {"rollingUpdate": {"maxUnavailable": self.at_a_time}}
        return {
            "podManagementPolicy": "OrderedReady" if self.in_order else "Parallel",
            "updateStrategy": strategy,
        }

    def live(self, now: float) -> Manifest:
        told, newest = super().live(now), self.seen.revision if self.seen else ""
        ready = sum(pod.revision == newest and pod.ready_at <= now for pod in self.held.values())
        counted = projected(True, updatedReadyReplicas=ready)["status"]
        return told | {"status": counted | told["status"]}

    # OpenKruise's controller

    def sync(self, now: float) -> None:
        """A look counts the pods that there were before it, also where it fails to make one."""
        if self.spec is None:
            return
        self.seen = self.spec
        self.current = self.current or self.spec.revision
        missing = len(self.held) < self.seen.replicas
        fails = missing and self.random.random() < 0.2
        done = all(pod.revision == self.seen.revision and pod.ready_at <= now for pod in self.held.values())
        if not fails and self._made(now) and self._scaled_in(now):
            self._updated(now)
        if done and self.current != self.seen.revision:
            self.current, self.early = self.seen.revision, missing

    def _make(self, ordinal: int, newest: str, now: float) -> None:
        below = ordinal < self._partition()
        self.uninvited[newest] += below and self.early and self.current == newest
        super()._make(ordinal, newest, now)

    def _updated(self, now: float) -> None:
        """Replace the last pods that are not of the template; those that serve within bounds."""
        assert self.seen is not None
        down = {ordinal for ordinal, pod in self.held.items() if pod.ready_at > now}
        down |= {ordinal for ordinal in range(self.seen.replicas) if ordinal not in self.held}
        for ordinal in range(self.seen.replicas - 1, self._partition() - 1, -1):
            if ordinal not in self.held or self.held[ordinal].revision == self.seen.revision:
                continue
            if len(down) >= self._limit() and ordinal not in down:
                return
            del self.held[ordinal]
            down.add(ordinal)

    def _limit(self) -> int:
        restraint = self.seen.restraint if self.seen else {}
        rolling = restraint["updateStrategy"]["rollingUpdate"] if restraint else {}
        limit: int = rolling.get("maxUnavailable", self.at_a_time)
        assert limit == 1 or not self.in_order, "refused: can only work with Parallel"
        return limit
