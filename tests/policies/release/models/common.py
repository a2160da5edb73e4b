"""What fake members of all kinds have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random
from typing import ClassVar

from policies.api.meta import Manifest
from policies.workloads.driver import Pod as Listed


@dataclass
class Pod:
    ready_at: float
    """When it becomes ready; infinity for never."""
    hit: bool = False
    """It is not ready because of an accident, not because of a release."""


@dataclass(frozen=True)
class Spec:
    """What was written to a member last."""

    revision: str
    replicas: int
    """As placed by the host; without meaning for kinds that are not divided."""
    restraint: Manifest = field(default_factory=dict)
    """What the kind's driver holds it by; empty for the workload's own strategy."""
    echo: str = ""


@dataclass
class Member(ABC):
    """A cluster with one workload."""

    random: Random
    bad: frozenset[str]
    """Revisions whose pods never become ready."""
    spec: Spec | None = None
    seen: Spec | None = None
    """What its controller has observed."""
    uninvited: Counter[str] = field(default_factory=Counter)
    """By revision: how often others brought one pod more to it, where the kind can't help it."""

    KIND: ClassVar[tuple[str, str, str]]
    """Its apiVersion, kind and plural."""
    ROUNDS: ClassVar[bool] = False
    """Each scaling may bring one pod more to a revision than its share."""

    @property
    @abstractmethod
    def wanted(self) -> int:
        """How many pods there are to be."""

    @property
    @abstractmethod
    def pods(self) -> list[Pod]: ...

    def said(self) -> Manifest:
        """Return what its user says of it, other than the number of pods."""
        return {}

    @abstractmethod
    def settle(self, spec: Spec) -> None:
        """Begin with everything at a revision and ready."""

    @abstractmethod
    def resize(self, size: int) -> None:
        """Have another number of pods wanted where the member itself decides it."""

    @abstractmethod
    def at(self, revision: str) -> int:
        """Count the pods of a revision."""

    @abstractmethod
    def live(self, now: float) -> Manifest:
        """Return the copy as health and roll-up read it, by what its controller saw last."""

    @abstractmethod
    def listing(self, now: float) -> list[Listed]:
        """List the pods."""

    @abstractmethod
    def delete(self, pod: Listed) -> None:
        """Have a pod deleted on behalf of the release."""

    @abstractmethod
    def sync(self, now: float) -> None:
        """One look of the kind's controllers."""

    @abstractmethod
    def evict(self, now: float) -> None:
        """A pod is deleted by others, and made anew."""

    def crash(self, now: float) -> None:
        """A ready pod stops being ready for a while."""
        ready = [pod for pod in self.pods if pod.ready_at <= now]
        if ready:
            pod = self.random.choice(ready)
            pod.ready_at, pod.hit = now + self.random.randint(2, 10), True

    def down_by_us(self, now: float) -> int:
        """Pods that are missing or not ready, accidents aside."""
        missing = max(0, self.wanted - len(self.pods))
        return missing + sum(pod.ready_at > now and not pod.hit for pod in self.pods)

    def scale(self, size: int) -> None:
        """Do what an autoscaler in the cluster does."""
        assert self.spec is not None
        self.spec = replace(self.spec, replicas=size)

    def observed(self) -> bool:
        return self.seen == self.spec

    def new_pod(self, revision: str, now: float, *, hit: bool = False) -> Pod:
        never = revision in self.bad
        return Pod(float("inf") if never else now + self.random.randint(1, 6), hit)


def projected(observed: bool, **counts: int) -> Manifest:
    """Return a copy of which a controller tells these counts, those that are 0 left out."""
    status = {name: count for name, count in counts.items() if count}
    return {"generation": 2, "spec": {}, "status": {"observedGeneration": 2 if observed else 1, **status}}
