"""What a StatefulSet's controller does to pods, second by second.

The rules are those of kube-controller-manager 1.36 (stateful_set_control.go) with its feature gates as they
are by default, as confirmed on real clusters.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from policies.api.meta import Manifest
from policies.workloads.driver import Pod as Listed
from tests.policies.release.models.common import Member, Pod, Spec, projected


@dataclass
class Placed(Pod):
    revision: str = ""
    uid: int = 0


@dataclass
class StatefulSet(Member):
    """A cluster with one StatefulSet. Its pods terminate at once."""

    KIND = ("apps/v1", "StatefulSet", "statefulsets")

    held: dict[int, Placed] = field(default_factory=dict)
    """Pods by ordinal."""
    evicted: set[int] = field(default_factory=set)
    """Ordinals without a pod because of an accident."""
    current: str = ""
    """What pods below the partition are made of: the last revision that all were of and ready."""
    made: int = 0
    in_order: bool = True
    """Its podManagementPolicy is OrderedReady, not Parallel."""

    def __post_init__(self) -> None:
        self.in_order = self.random.random() < 0.5

    @property
    def wanted(self) -> int:
        return self.spec.replicas if self.spec else 0

    @property
    def pods(self) -> list[Pod]:
        return list(self.held.values())

    def settle(self, spec: Spec) -> None:
        self.spec = self.seen = spec
        self.current = spec.revision
        self.held = {ordinal: Placed(0, revision=spec.revision) for ordinal in range(spec.replicas)}

    def resize(self, size: int) -> None:
        """The host says how many."""

    def at(self, revision: str) -> int:
        """Those that are too many are on their way out."""
        return sum(pod.revision == revision for ordinal, pod in self.held.items() if ordinal < self.wanted)

    def live(self, now: float) -> Manifest:
        ready = sum(pod.ready_at <= now for pod in self.held.values())
        newest = self.seen.revision if self.seen else ""
        updated = sum(pod.revision == newest for pod in self.held.values())
        told = projected(
            self.observed(), replicas=len(self.held), readyReplicas=ready, updatedReplicas=updated
        )
        revisions = {"currentRevision": self.current, "updateRevision": newest}
        spec = {"replicas": self.wanted, "partition": self._partition()}
        return told | {"spec": spec, "status": told["status"] | revisions}

    def listing(self, now: float) -> list[Listed]:
        newest = self.seen.revision if self.seen else ""
        return [
            Listed(
                f"web-{ordinal}", str(pod.uid), pod.revision == newest, pod.ready_at <= now, False, ordinal
            )
            for ordinal, pod in self.held.items()
        ]

    def delete(self, pod: Listed) -> None:
        """One that is down because of an accident stays so, unless it goes because of the release."""
        there = self.held.get(pod.ordinal)
        if there is None or str(there.uid) != pod.uid:
            return
        del self.held[pod.ordinal]
        if there.hit and pod.ordinal < self._partition():
            self.evicted.add(pod.ordinal)

    def evict(self, now: float) -> None:
        if self.held:
            ordinal = self.random.choice(list(self.held))
            del self.held[ordinal]
            self.evicted.add(ordinal)

    def down_by_us(self, now: float) -> int:
        return super().down_by_us(now) - sum(ordinal < self.wanted for ordinal in self.evicted)

    # The StatefulSet's controller

    def sync(self, now: float) -> None:
        if self.spec is None:
            return
        self.seen = self.spec
        self.current = self.current or self.spec.revision
        if self._made(now) and self._scaled_in(now):
            self._updated(now)
        ready = sum(pod.ready_at <= now for pod in self.held.values())
        newest = sum(pod.revision == self.seen.revision for pod in self.held.values())
        if newest == ready == len(self.held) == self.seen.replicas:
            self.current = self.seen.revision

    def _partition(self) -> int:
        restraint = self.seen.restraint if self.seen else {}
        partition: int = restraint["updateStrategy"]["rollingUpdate"]["partition"] if restraint else 0
        return partition

    def _made(self, now: float) -> bool:
        """Make what is missing, from the first; whether there is nothing to wait for."""
        assert self.seen is not None
        for ordinal in range(self.seen.replicas):
            missing = ordinal not in self.held
            if missing:
                self._make(ordinal, self.seen.revision, now)
            if self.in_order and (missing or self.held[ordinal].ready_at > now):
                return False
        return True

    def _make(self, ordinal: int, newest: str, now: float) -> None:
        revision = self.current if ordinal < self._partition() else newest
        pod, self.made = self.new_pod(revision, now, hit=ordinal in self.evicted), self.made + 1
        self.held[ordinal] = Placed(pod.ready_at, pod.hit, revision, self.made)
        self.evicted.discard(ordinal)

    def _scaled_in(self, now: float) -> bool:
        """Remove what is too much, from the last; whether there is nothing to wait for."""
        assert self.seen is not None
        condemned = sorted((ordinal for ordinal in self.held if ordinal >= self.seen.replicas), reverse=True)
        if not self.in_order:
            for ordinal in condemned:
                del self.held[ordinal]
            return True
        down = [ordinal for ordinal in condemned if self.held[ordinal].ready_at > now]
        if condemned and (condemned[0] not in down or condemned[0] == min(down)):
            del self.held[condemned[0]]
        return not condemned

    def _updated(self, now: float) -> None:
        """Replace one pod: the last that is not of the template, unless one after it is not ready."""
        assert self.seen is not None
        for ordinal in range(self.seen.replicas - 1, self._partition() - 1, -1):
            if self.held[ordinal].revision != self.seen.revision:
                del self.held[ordinal]
                return
            if self.held[ordinal].ready_at > now:
                return
