"""What a Deployment's controller does to pods, second by second.

The rules are those of kube-controller-manager 1.36 (rolling.go, sync.go), as confirmed on real clusters; a
throttled Deployment is one whose new pods never count as available.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from policies.api.meta import Manifest
from policies.workloads.driver import Pod as Listed
from tests.policies.release.models.common import Member, Pod, Spec, projected

_FOR_EVER = 2**31 - 2


@dataclass
class ReplicaSet:
    revision: str
    wanted: int = 0
    throttled: bool = False
    pods: list[Pod] = field(default_factory=list)

    def ready(self, now: float) -> int:
        return sum(pod.ready_at <= now for pod in self.pods)

    def available(self, now: float) -> int:
        return 0 if self.throttled else self.ready(now)


@dataclass
class Deployment(Member):
    """A cluster with one Deployment."""

    KIND = ("apps/v1", "Deployment", "deployments")
    ROUNDS = True

    sets: dict[str, ReplicaSet] = field(default_factory=dict)
    scaled_to: int | None = None

    @property
    def wanted(self) -> int:
        return self.spec.replicas if self.spec else 0

    @property
    def pods(self) -> list[Pod]:
        return [pod for owner in self.sets.values() for pod in owner.pods]

    def settle(self, spec: Spec) -> None:
        self.spec = self.seen = spec
        self.scaled_to = spec.replicas
        self.sets = {spec.revision: ReplicaSet(spec.revision, spec.replicas)}
        self.sets[spec.revision].pods = [Pod(0) for _ in range(spec.replicas)]

    def resize(self, size: int) -> None:
        """The host says how many."""

    def at(self, revision: str) -> int:
        return len(self.sets[revision].pods) if revision in self.sets else 0

    def live(self, now: float) -> Manifest:
        updated = self.at(self.seen.revision) if self.seen else 0
        ready = sum(owner.ready(now) for owner in self.sets.values())
        counts = {"replicas": len(self.pods), "readyReplicas": ready, "updatedReplicas": updated}
        return projected(self.observed(), **counts) | {"spec": {"replicas": self.wanted}}

    def listing(self, now: float) -> list[Listed]:
        """Nobody asks for the pods of a Deployment by name."""
        return []

    def delete(self, pod: Listed) -> None:
        raise AssertionError("no pod of a Deployment is ever deleted")

    # The Deployment's controller

    def sync(self, now: float) -> None:
        if self.spec is None:
            return
        self.seen = spec = self.spec
        new = self.sets.get(spec.revision)
        olds = [owner for name, owner in self.sets.items() if name != spec.revision]
        if new is not None:
            new.throttled = _is_throttled(spec)
        if self.scaled_to != spec.replicas:
            self._scale(spec, new, olds)
            self.scaled_to = spec.replicas
        else:
            self._roll(spec, new, olds, now)
        for owner in self.sets.values():
            self._fill(owner, now)

    def _scale(self, spec: Spec, new: ReplicaSet | None, olds: list[ReplicaSet]) -> None:
        active = [owner for owner in [*olds, *([new] if new else [])] if owner.wanted]
        if len(active) <= 1:
            only = active[0] if active else new or self._create(spec)
            only.wanted = spec.replicas
            return
        total, former = spec.replicas, sum(owner.wanted for owner in active)
        left = total - former
        by_size = sorted(active, key=lambda owner: -owner.wanted)
        for owner in by_size:
            share = round(owner.wanted * total / former) - owner.wanted
            share = max(0, min(share, left)) if left >= 0 else min(0, max(share, left))
            owner.wanted += share
            left -= share
        by_size[0].wanted = max(0, by_size[0].wanted + left)

    def _create(self, spec: Spec) -> ReplicaSet:
        self.sets[spec.revision] = ReplicaSet(spec.revision, throttled=_is_throttled(spec))
        return self.sets[spec.revision]

    def _roll(self, spec: Spec, new: ReplicaSet | None, olds: list[ReplicaSet], now: float) -> None:
        if new is None:
            new = self._create(spec)
            new.wanted = max(0, spec.replicas - sum(owner.wanted for owner in olds))
            return
        wanted = sum(owner.wanted for owner in self.sets.values())
        if new.wanted < spec.replicas and wanted < spec.replicas:
            new.wanted += min(spec.replicas - wanted, spec.replicas - new.wanted)
            return
        limit = spec.replicas // 4
        if spec.restraint:
            limit = spec.restraint["strategy"]["rollingUpdate"]["maxUnavailable"]
            if isinstance(limit, str):
                limit = int(limit.removesuffix("%")) * spec.replicas // 100
        at_least = spec.replicas - max(1, limit)
        room = wanted - at_least - (new.wanted - new.available(now))
        if room <= 0:
            return
        for owner in olds:  # the unhealthy go first
            take = min(room, owner.wanted - min(owner.wanted, owner.available(now)))
            if take > 0:
                owner.wanted -= take
                room -= take
        spare = sum(owner.available(now) for owner in self.sets.values()) - at_least
        for owner in olds:
            take = min(spare, owner.wanted)
            if take > 0:
                owner.wanted -= take
                spare -= take

    def _fill(self, owner: ReplicaSet, now: float) -> None:
        owner.pods.sort(key=lambda pod: pod.ready_at > now)
        del owner.pods[owner.wanted :]
        while len(owner.pods) < owner.wanted:
            owner.pods.append(self.new_pod(owner.revision, now))

    def evict(self, now: float) -> None:
        """Its ReplicaSet makes another."""
        owners = [owner for owner in self.sets.values() if owner.pods]
        if owners:
            owner = self.random.choice(owners)
            evicted = self.random.randrange(len(owner.pods))
            owner.pods[evicted] = Pod(now + self.random.randint(1, 6), hit=True)


def _is_throttled(spec: Spec) -> bool:
    return bool(spec.restraint.get("minReadySeconds") == _FOR_EVER)
