"""State: one call of `advance` as it takes shape, and what goes into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from policies.api.meta import Model
from policies.api.rollout import (
    FailedPod,
    Phase,
    RolloutCluster,
    RolloutSpec,
    RolloutStatus,
    RolloutStepStatus,
)
from policies.api.rollout_policy import RolloutStep
from policies.observation import Stamp
from policies.release.permission import Permission
from policies.release.shares import round_down, round_up
from policies.release.telling import TERMINAL, conditions
from policies.verdicts import Verdict
from policies.workloads import drivers
from policies.workloads.driver import Driver

M = TypeVar("M", bound=Model)
_FAILED_PODS_SHOWN, _REJECTED_KEPT = 20, 20
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class Sight(NamedTuple):
    """What is seen of one cluster that the workload is placed on."""

    replicas: int | None
    """Pods wanted there; None when nobody knows: what was known of it stands."""
    reachable: bool = True
    holds: Permission | None = None
    """What its copy says it was permitted; None when there is no copy or it never was in a release."""
    current: bool = False
    """The copy holds what the run permits, and its controller has seen it: the counts speak of that."""
    total: int = 0
    """Pods there are."""
    ready: int = 0
    """Pods that are ready."""
    updated: int = 0
    """Pods of the revision that the copy holds."""
    updated_ready: int = 0
    """Pods of that revision that are ready, at least."""
    leaving: int = 0
    """Pods that go because there are more than wanted, and stay if more are wanted before they went."""
    ordered: bool = False
    """Its user says in which order pods are replaced: those that are down need not be the first."""
    failed: tuple[FailedPod, ...] = ()
    """Pods of that revision that failed."""
    outliers: int | None = None
    """Pods of that revision which a partition does not cover; None when they were not counted."""
    refused: Verdict | None = None
    """Why the cluster does not take what it is permitted, when trying again won't help."""


class Wish(NamedTuple):
    """What people want, beside the verbs of the run."""

    revision: str
    """The revision that the workload on the host is at."""
    scopes: Sequence[frozenset[str] | None]
    """For each of `steps` the clusters it is about; None for all."""
    min_ready_seconds: int = 0
    """The workload's own: every step bakes at least as long."""
    governed: bool = True
    """A policy that can be carried out governs the workload still."""
    suspended: Verdict | None = None
    """Why nothing is written to any of its clusters for now."""


def steps(spec: RolloutSpec) -> tuple[RolloutStep, ...]:
    """Return the steps of a run; the last is always about all pods of all clusters."""
    strategy = spec.strategy
    if strategy.batches:
        shares = [-(-100 * i // strategy.batches) for i in range(1, strategy.batches + 1)]
        return tuple(RolloutStep(updated=f"{share}%") for share in shares)
    last = strategy.steps[-1] if strategy.steps else None
    if last is not None and last.clusters is None and last.updated == "100%":
        return tuple(strategy.steps)
    return (*strategy.steps, RolloutStep(name="rest", updated="100%"))


def on_the_way(cluster: RolloutCluster) -> int:
    """Return how many pods may go, or went, without proof that others are ready in their place."""
    return max(0, cluster.permitted - cluster.updated_ready)


def with_(model: M, **changes: Any) -> M:
    """Return the model with some fields changed; the same object if none differs."""
    if all(getattr(model, name) == value for name, value in changes.items()):
        return model
    return model.model_copy(update=changes)


@dataclass(slots=True)
class Run:
    """One call of `advance`: the clusters and the outcome as they take shape."""

    spec: RolloutSpec
    before: RolloutStatus
    wish: Wish
    sights: Mapping[str, Sight]
    now: datetime
    plan: tuple[RolloutStep, ...] = ()
    clusters: dict[str, RolloutCluster] = field(default_factory=dict)
    progress: list[RolloutStepStatus] = field(default_factory=list)
    failed: tuple[FailedPod, ...] = ()
    step: int = 0
    progress_time: str | None = None
    retries: int = 0
    rejected: tuple[str, ...] = ()
    phase: Phase = "Pending"
    verdict: Verdict = field(default_factory=lambda: Verdict("", ""))
    look_again: float | None = None

    def __post_init__(self) -> None:
        before = self.before
        self.plan = steps(self.spec)
        self.step, self.progress = before.current_step, list(before.steps)
        self.progress_time, self.retries = before.progress_time, before.retries
        self.failed, self.rejected = tuple(before.failed_pods), tuple(before.rejected_revisions)

    @property
    def driver(self) -> Driver:
        return drivers.released(self.spec)

    def order(self) -> list[str]:
        first = [name for name in self.spec.strategy.cluster_order if name in self.clusters]
        return [*first, *sorted(self.clusters.keys() - set(first))]

    def reached(self, name: str) -> bool:
        """Whether a cluster has what the step wants of it, proven by what is seen now."""
        cluster, sight = self.clusters[name], self.sights[name]
        if cluster.left_out or cluster.state == "Released":
            return True
        if cluster.target == 0:
            return sight.replicas is not None or cluster.replicas > 0  # else nobody knows what it has
        return (
            cluster.permitted >= cluster.target
            and sight.reachable
            and sight.current
            and sight.updated >= cluster.target
            and sight.updated_ready + min(len(sight.failed), self.tolerated()) >= cluster.target
        )

    def max_unavailable(self) -> int:
        """Return how many pods may be down at a time: as set, else what the largest step adds; 1 at least."""
        replicas = self.total("replicas")
        if (limit := self.spec.strategy.max_unavailable) is not None:
            return max(1, round_down(limit, replicas))
        counts = [0, *(round_up(step.updated, replicas) for step in self.plan)]
        return max(1, *(after - before for before, after in pairwise(counts)))

    def was(self, name: str, state: str) -> bool:
        cluster = self.before.cluster(name)
        return cluster is not None and cluster.state == state

    def tolerated(self) -> int:
        return round_down(self.spec.strategy.failure_budget.pods, self.total("target"))

    def reject(self, revision: str) -> None:
        """Note a revision that is not to be released."""
        if revision not in self.rejected:
            self.rejected = (*self.rejected, revision)[-_REJECTED_KEPT:]

    def stay(self) -> None:
        """Remain as it is: only what is seen of the clusters changes."""
        self.say(self.before.phase, self.before.reason, self.before.message)

    def say(self, phase: Phase, reason: str, message: str) -> None:
        self.phase, self.verdict = phase, Verdict(reason, message)

    def total(self, count: str) -> int:
        return sum(getattr(cluster, count) for cluster in self.clusters.values())

    def stamp(self) -> str:
        return self.now.strftime(_TIME)

    def since(self, stamp: str) -> float:
        return (self.now - datetime.fromisoformat(stamp)).total_seconds()

    def passed(self, since: str, seconds: int) -> bool:
        """Whether so many seconds have passed; if not, there is another look when they have."""
        if (rest := seconds - self.since(since)) > 0:
            self.wake(rest)
        return rest <= 0

    def wake(self, seconds: float) -> None:
        self.look_again = seconds if self.look_again is None else min(self.look_again, seconds)

    def status(self, generation: int) -> RolloutStatus:
        """Return what is written to the host."""
        return RolloutStatus(
            observed_generation=generation,
            phase=self.phase,
            reason=self.verdict.reason,
            message=self.verdict.message,
            start_time=self.before.start_time or self.stamp(),
            progress_time=self.progress_time,
            end_time=self.stamp() if self.phase in TERMINAL else None,
            current_step=self.step,
            total_steps=len(self.plan),
            step=f"{self.step}/{len(self.plan)}",
            retries=self.retries,
            rejected_revisions=list(self.rejected),
            replicas=self.total("replicas"),
            target=self.total("target"),
            permitted=self.total("permitted"),
            updated=self.total("updated"),
            updated_ready=self.total("updated_ready"),
            unavailable=self.total("unavailable"),
            max_unavailable=self.max_unavailable(),
            clusters=[self.clusters[name] for name in sorted(self.clusters)],
            steps=self.progress,
            failed_pods=list(self.failed[:_FAILED_PODS_SHOWN]),
            conditions=conditions(
                self.before.conditions, self.phase, self.verdict, Stamp(generation, self.stamp())
            ),
        )
