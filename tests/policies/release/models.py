"""Fake members: what a Deployment's controller does to pods, second by second.

The rules are those of kube-controller-manager 1.36 (rolling.go, sync.go), as confirmed on real clusters; a
throttled Deployment is one whose new pods never count as available.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random


@dataclass
class Pod:
    ready_at: float
    """When it becomes ready; infinity for never."""
    hit: bool = False
    """It is not ready because of an accident, not because of a release."""


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


@dataclass(frozen=True)
class Spec:
    """What was written to a member last."""

    revision: str
    replicas: int
    updated: int | None
    """The throttle; None for the Deployment's own strategy."""
    max_unavailable: int | None = None
    echo: str = ""


@dataclass(frozen=True)
class Status:
    """What a member tells."""

    spec: Spec | None
    """What the copy holds."""
    observed: bool = False
    total: int = 0
    ready: int = 0
    updated: int = 0
    updated_ready: int = 0


@dataclass
class Member:
    """A cluster with one Deployment."""

    random: Random
    bad: frozenset[str]
    """Revisions whose pods never become ready."""
    spec: Spec | None = None
    seen: Spec | None = None
    """What its controller has observed."""
    sets: dict[str, ReplicaSet] = field(default_factory=dict)
    scaled_to: int | None = None

    def settle(self, spec: Spec) -> None:
        """Begin with everything at a revision and ready."""
        self.spec = self.seen = spec
        self.scaled_to = spec.replicas
        self.sets = {spec.revision: ReplicaSet(spec.revision, spec.replicas)}
        self.sets[spec.revision].pods = [Pod(0) for _ in range(spec.replicas)]

    @property
    def pods(self) -> list[Pod]:
        return [pod for owner in self.sets.values() for pod in owner.pods]

    def at(self, revision: str) -> int:
        return len(self.sets[revision].pods) if revision in self.sets else 0

    def down_by_us(self, now: float) -> int:
        """Pods that are missing or not ready, accidents aside."""
        wanted = self.spec.replicas if self.spec else 0
        missing = max(0, wanted - len(self.pods))
        return missing + sum(pod.ready_at > now and not pod.hit for pod in self.pods)

    def status(self, now: float) -> Status:
        if self.spec is None:
            return Status(None)
        if self.seen is None:
            return Status(self.spec)
        new = self.sets.get(self.seen.revision, ReplicaSet(self.seen.revision))
        ready = sum(owner.ready(now) for owner in self.sets.values())
        total = len(self.pods)
        proven = max(0, ready - (total - len(new.pods)))  # all that the Deployment's status proves
        return Status(self.spec, self.seen == self.spec, total, ready, len(new.pods), proven)

    # The Deployment's controller

    def sync(self, now: float) -> None:
        """One look of the Deployment's and the ReplicaSets' controllers."""
        if self.spec is None:
            return
        self.seen = spec = self.spec
        new = self.sets.get(spec.revision)
        olds = [owner for name, owner in self.sets.items() if name != spec.revision]
        if new is not None:
            new.throttled = spec.updated is not None
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
        self.sets[spec.revision] = ReplicaSet(spec.revision, throttled=spec.updated is not None)
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
        limit = (
            spec.updated if spec.updated is not None else spec.max_unavailable or max(1, spec.replicas // 4)
        )
        at_least = spec.replicas - limit
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
            never = owner.revision in self.bad
            owner.pods.append(Pod(float("inf") if never else now + self.random.randint(1, 6)))

    # Accidents

    def crash(self, now: float) -> None:
        """A ready pod stops being ready for a while."""
        ready = [pod for pod in self.pods if pod.ready_at <= now]
        if ready:
            pod = self.random.choice(ready)
            pod.ready_at, pod.hit = now + self.random.randint(2, 10), True

    def evict(self, now: float) -> None:
        """A pod is deleted by others; its ReplicaSet makes another."""
        owners = [owner for owner in self.sets.values() if owner.pods]
        if owners:
            owner = self.random.choice(owners)
            owner.pods[self.random.randrange(len(owner.pods))] = Pod(
                now + self.random.randint(1, 6), hit=True
            )
