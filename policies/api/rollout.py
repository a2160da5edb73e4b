"""Rollout: one run, of one workload to one target revision.

Atoll makes it when the pod template of a governed workload changes, or the content of what has none; the
verbs in its spec steer it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from policies.api.binding import ResourceReference
from policies.api.meta import (
    AGE,
    Column,
    Condition,
    Count,
    Kind,
    Model,
    Name,
    Rule,
    Timestamp,
    list_map,
)
from policies.api.rollout_policy import RolloutStrategy


def _unchanged(field: str) -> Rule:
    """Say that a field of a run stays as it was made."""
    return Rule(
        f"self{field} == oldSelf{field}",
        f"{field[1:]} of a run never changes; change the workload or its policy for the next run",
        field,
    )


def _never_lower(field: str) -> Rule:
    """Say that a counter only grows."""
    before, after = (f"(has({it}{field}) ? {it}{field} : 0)" for it in ("oldSelf", "self"))
    return Rule(f"{after} >= {before}", f"{field[1:]} never decreases; raise it or leave it", field)


Phase = Literal[
    "Pending",
    "Releasing",
    "Baking",
    "AwaitingApproval",
    "Paused",
    "Halted",
    "RollingBack",
    "Finalizing",
    "Completed",
    "RolledBack",
    "Superseded",
    "Cancelled",
]


_NUMBER_OF_STEPS = (
    "has(self.strategy.batches) ? self.strategy.batches : size(self.strategy.steps)"
    " + (has(self.strategy.steps[size(self.strategy.steps) - 1].clusters)"
    " || self.strategy.steps[size(self.strategy.steps) - 1].updated != '100%' ? 1 : 0)"
)
"""Steps of a run in CEL: one is added unless the last is about all pods of all clusters."""


class RolloutSpec(Model):
    """One run. Everything but the verbs stays as it was made."""

    validations = (
        _unchanged(".workloadRef"),
        _unchanged(".targetRevision"),
        _unchanged(".stableRevision"),
        _unchanged(".strategy"),
        _never_lower(".approvedStep"),
        _never_lower(".retry"),
        Rule(
            "!has(oldSelf.abort) || oldSelf.abort == '' || (has(self.abort) && self.abort == oldSelf.abort)",
            "an aborted run stays aborted; change the workload, which starts a new run",
            ".abort",
        ),
        Rule(
            f"!has(self.approvedStep) || self.approvedStep <= ({_NUMBER_OF_STEPS})",
            "approvedStep is more than the steps there are; see status.totalSteps",
            ".approvedStep",
        ),
    )

    workload_ref: ResourceReference
    """The workload: the user's object on the host."""
    target_revision: Name
    """The ControllerRevision that is being released."""
    stable_revision: Name
    """The ControllerRevision that clusters leave, and return to in a rollback."""
    strategy: RolloutStrategy
    """The strategy, as the policy said it when the run was made."""
    paused: bool = False
    """Verb: nothing more is permitted while it is true."""
    approved_step: Count = 0
    """Verb: steps up to this one (the first is 1) need no further approval."""
    abort: Literal["", "Rollback", "Stop"] = ""
    """Verb: Rollback returns all clusters to the stable revision; Stop leaves each as it is."""
    retry: Count = 0
    """Verb: raise it to have a halted run try its step again."""
    promote: bool = False
    """Verb: go on to all pods without further steps, bakes and approvals, within the bounds still."""
    skip_clusters: Annotated[list[Name], Field(max_length=4096)] = []
    """Verb: clusters to leave out; they catch up when they are no longer named."""


class RolloutCluster(Model):
    """How a run stands in one cluster. What the cluster may do is written here before it may."""

    name: Name
    """The name of the Cluster."""
    replicas: int = 0
    """How many pods are wanted there."""
    target: int = 0
    """How many of them the present step wants at the target revision."""
    permitted: int = 0
    """How many of them may be at the target revision."""
    outliers: int = 0
    """How many of those permitted the partition of a StatefulSet does not cover: it was scaled up since they
    were, and partitions count from the last pod."""
    state: Literal["Stable", "Releasing", "Released", "Restoring", "Restored"] = "Stable"
    """Stable: at what it held before the run. Releasing: part of its pods may be at the target revision.
    Released: all may, with its own strategy. Restoring, Restored: on the way back to the stable revision, and
    there."""
    left_out: Literal["", "Skipped", "Failed"] = ""
    """Why the run goes on without it: people or its absence had it skipped, or it failed."""
    base_revision: str = ""
    """What it held before the run, if that was not the stable revision."""
    base_permitted: int | None = None
    """How many of its pods may be at `baseRevision`. Absent means all."""
    base_outliers: int = 0
    """The `outliers` of `basePermitted`."""
    max_unavailable: int | None = None
    """How many pods may be down at a time while it is Restoring."""
    updated: int = 0
    """How many pods were last seen at the target revision."""
    updated_ready: int = 0
    """How many of these were ready."""
    unavailable: int = 0
    """How many pods were not ready, of any revision."""
    away_since: Timestamp | None = None
    """Since when it can't be reached."""


class RolloutStepStatus(Model):
    """How a step went."""

    name: str = ""
    """Its name."""
    target: int = 0
    """How many pods were at the target revision after it."""
    start_time: Timestamp | None = None
    """When it began."""
    ready_time: Timestamp | None = None
    """When its pods were ready."""
    finish_time: Timestamp | None = None
    """When it was done, bake and approval included."""


class FailedPod(Model):
    """A pod of the target revision that failed."""

    cluster: Name
    """The cluster it is in."""
    pod: str
    """Its name."""
    reason: str
    """Why it failed."""


class RolloutStatus(Model):
    """How a run stands."""

    observed_generation: int = 0
    """The generation of the run that the status speaks of."""
    phase: Phase = "Pending"
    """What the run is doing."""
    reason: str = ""
    """Why, as one word in CamelCase."""
    message: str = ""
    """Why, as a sentence with the next action."""
    start_time: Timestamp | None = None
    """When the run began."""
    progress_time: Timestamp | None = None
    """When the present step last made progress; its deadline counts from here."""
    end_time: Timestamp | None = None
    """When the run ended."""
    current_step: int = 0
    """The present step; the first is 1."""
    total_steps: int = 0
    """How many steps there are."""
    step: str = ""
    """Both, as `3/10`."""
    retries: int = 0
    """How many retries were carried out."""
    rejected_revisions: Annotated[list[Name], Field(max_length=20)] = []
    """Revisions that came during the run and are not released, as `onNewRevision` is Reject."""
    replicas: int = 0
    """How many pods are wanted in all clusters."""
    target: int = 0
    """How many of them the present step wants at the target revision."""
    permitted: int = 0
    """How many of them may be at the target revision."""
    updated: int = 0
    """How many were last seen at the target revision."""
    updated_ready: int = 0
    """How many of these were ready."""
    unavailable: int = 0
    """How many pods were not ready."""
    max_unavailable: int = 0
    """How many pods the run may have down at a time."""
    clusters: Annotated[list[RolloutCluster], list_map("name")] = []
    """How it stands in each cluster."""
    steps: list[RolloutStepStatus] = []
    """How each step went that has begun."""
    failed_pods: Annotated[list[FailedPod], Field(max_length=20)] = []
    """The first pods that failed."""
    conditions: Annotated[list[Condition], list_map("type")] = []
    """Progressing, Completed, Failed, each with a reason."""

    def cluster(self, name: str) -> RolloutCluster | None:
        """Return how the run stands in one cluster; None for one it does not know."""
        return next((cluster for cluster in self.clusters if cluster.name == name), None)


class Rollout(Kind):
    """The release of one revision of one workload. Atoll makes it; the verbs in its spec steer it."""

    plural: ClassVar[str] = "rollouts"
    short_names: ClassVar[tuple[str, ...]] = ("ro",)
    namespaced: ClassVar[bool] = True
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Workload", ".spec.workloadRef.name"),
        Column("Kind", ".spec.workloadRef.kind"),
        Column("Step", ".status.step"),
        Column("Updated", ".status.updated", "integer"),
        Column("Ready", ".status.updatedReady", "integer"),
        Column("Replicas", ".status.replicas", "integer"),
        Column("Phase", ".status.phase"),
        Column("Reason", ".status.reason"),
        Column("Target", ".spec.targetRevision", priority=1),
        Column("Stable", ".spec.stableRevision", priority=1),
        AGE,
    )

    spec: RolloutSpec
    """The run."""
    status: RolloutStatus = RolloutStatus()
    """How it stands."""

    @property
    def number(self) -> int:
        """The place of the run among those of its workload, which its name ends with."""
        _, _, digits = self.metadata.name.rpartition("-")
        return int(digits) if digits.isdigit() else 0
