"""What OpenKruise's CloneSet controller does to pods, second by second.

The rules are those of OpenKruise 1.9.1 (pkg/controller/cloneset/sync): a look either scales or updates; the
partition counts the pods of other templates, also where pods are made and removed; an update deletes a pod,
of which a later look makes another, and those that are not ready go first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from policies.api.meta import Manifest
from policies.workloads.driver import Pod as Listed
from tests.policies.release.models.common import Member, Pod, Spec, projected

_MAX_UNAVAILABLE = 20
"""Percent, where nothing is said."""


@dataclass
class Replica(Pod):
    revision: str = ""


@dataclass
class CloneSet(Member):
    """A cluster with one CloneSet."""

    KIND = ("apps.kruise.io/v1alpha1", "CloneSet", "clonesets")

    replicas: list[Replica] = field(default_factory=list)
    current: str = ""
    """The revision that all pods were at last: what stays behind the partition is made of it."""

    @property
    def wanted(self) -> int:
        return self.spec.replicas if self.spec else 0

    @property
    def pods(self) -> list[Pod]:
        return list(self.replicas)

    def settle(self, spec: Spec) -> None:
        self.spec = self.seen = spec
        self.current = spec.revision
        self.replicas = [Replica(0, revision=spec.revision) for _ in range(spec.replicas)]

    def resize(self, size: int) -> None:
        """The host says how many."""

    def at(self, revision: str) -> int:
        return sum(pod.revision == revision for pod in self.replicas)

    def live(self, now: float) -> Manifest:
        revision = self.seen.revision if self.seen else ""
        ready = [pod for pod in self.replicas if pod.ready_at <= now]
        return projected(
            self.observed(),
            replicas=len(self.replicas),
            readyReplicas=len(ready),
            updatedReplicas=self.at(revision),
            updatedReadyReplicas=sum(pod.revision == revision for pod in ready),
        )

    def listing(self, now: float) -> list[Listed]:
        """Nobody asks for the pods of a CloneSet by name."""
        return []

    def delete(self, pod: Listed) -> None:
        raise AssertionError("no pod of a CloneSet is ever deleted by a release")

    # The CloneSet's controller

    def sync(self, now: float) -> None:
        if self.spec is None:
            return
        self.seen = spec = self.spec
        if len(self.replicas) < spec.replicas:
            for _ in range(spec.replicas - len(self.replicas)):
                self.replicas.append(self._made(spec, now))
        elif len(self.replicas) > spec.replicas:
            self._scale_in(spec)
        else:
            self._update(spec, now)
        if self.at(spec.revision) == len(self.replicas) == spec.replicas:
            self.current = spec.revision

    def _made(self, spec: Spec, now: float, *, hit: bool = False) -> Replica:
        behind = len(self.replicas) - self.at(spec.revision) < _partition(spec)
        revision = (self.current or spec.revision) if behind else spec.revision
        return Replica(self.new_pod(revision, now).ready_at, hit, revision)

    def _scale_in(self, spec: Spec) -> None:
        for _ in range(len(self.replicas) - spec.replicas):
            old = [pod for pod in self.replicas if pod.revision != spec.revision]
            new = [pod for pod in self.replicas if pod.revision == spec.revision]
            self.replicas.remove(max(old if len(old) > _partition(spec) else new, key=_ready_last))

    def _update(self, spec: Spec, now: float) -> None:
        old = [pod for pod in self.replicas if pod.revision != spec.revision]
        old.sort(key=_ready_last, reverse=True)
        limit = _max_unavailable(spec)
        down = [pod for pod in self.replicas if pod.ready_at > now]
        unavailable, new_down = len(down), sum(pod.revision == spec.revision for pod in down)
        for pod in old[: max(0, len(old) - _partition(spec))]:
            ready = pod.ready_at <= now
            if new_down >= limit or (ready and unavailable >= limit):
                break
            unavailable += ready
            new_down += 1
            self.replicas.remove(pod)

    def evict(self, now: float) -> None:
        if self.replicas and self.seen:
            self.replicas.remove(self.random.choice(self.replicas))
            self.replicas.append(self._made(self.seen, now, hit=True))


def _ready_last(pod: Replica) -> float:
    """Those that are not ready come first, then those that are ready for the shortest time."""
    return pod.ready_at


def _partition(spec: Spec) -> int:
    partition: int = spec.restraint.get("updateStrategy", {}).get("partition", 0)
    return partition


def _max_unavailable(spec: Spec) -> int:
    limit: int | None = spec.restraint.get("updateStrategy", {}).get("maxUnavailable")
    return -(-spec.replicas * _MAX_UNAVAILABLE // 100) if limit is None else limit
