"""RolloutPolicy, ClusterRolloutPolicy and Rollout: how new revisions reach the pods of all clusters.

A policy holds a strategy and selects workloads. A Rollout is one run: one workload, one target revision.
Atoll makes it when the pod template of a governed workload changes; people steer it by the verbs in its spec.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, WithJsonSchema

from policies.api.binding import ResourceReference
from policies.api.meta import (
    AGE,
    Column,
    Condition,
    Count,
    Kind,
    Model,
    Name,
    ResourceSelector,
    Rule,
    Timestamp,
    condition_column,
    list_map,
)
from policies.api.propagation import ClusterAffinity

IntOrPercent = Annotated[int | str, WithJsonSchema({"x-kubernetes-int-or-string": True, "maxLength": 4})]
"""A number of pods, or a share of them such as `10%`. Its length bounds what a rule about it may cost."""

PERCENTAGE = "^(100|[1-9]?[0-9])%$"
"""A percentage, as a regular expression."""


def _amount(field: str) -> Rule:
    """Say that a field is a count or a percentage up to 100."""
    value = f"self{field}"
    return Rule(
        f"!has({value}) || (type({value}) == int ? int({value}) >= 0"
        f" : string({value}).matches('{PERCENTAGE}'))",
        f"{field[1:]} is neither a count of 0 or more nor a percentage up to 100%; write 3 or 10%",
        field,
    )


def _more_than_none(field: str) -> Rule:
    """Say that a bound leaves room for a pod at least."""
    value = f"self{field}"
    return Rule(
        f"!has({value}) || ({value} != 0 && {value} != '0%')",
        f"with {field[1:]} 0 no pod could ever be replaced; set 1 or more, or a percentage",
        field,
    )


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


class RolloutStep(Model):
    """A part of a release: so many pods, then proof, then perhaps a person's word."""

    validations = (_amount(".updated"),)

    name: Annotated[str, Field(max_length=63)] = ""
    """A name to tell the step by, such as `canary`."""
    clusters: ClusterAffinity | None = None
    """The clusters that the step is about. Absent means all that the workload is placed on."""
    updated: IntOrPercent
    """How many of the pods in these clusters are at the new revision after the step, those of earlier steps
    included: a count, or a percentage, which is rounded up."""
    bake_seconds: Count = 0
    """How long all updated pods must have stayed ready before the step is done."""
    approval: Literal["Manual", "None"] = "None"
    """Manual: once the step is done the release waits for `spec.approvedStep` of the Rollout."""


class FailureBudget(Model):
    """How much may fail before the release is stopped."""

    validations = (_amount(".pods"),)

    pods: IntOrPercent = 0
    """Failed pods that are tolerated in all clusters together; a percentage is of the step's target."""
    clusters: Count = 0
    """Failed clusters that are tolerated."""


class PodFailure(Model):
    """When a pod of the new revision counts as failed."""

    ready_timeout_seconds: Annotated[Count, Field(ge=1)] = 300
    """How long a pod may take to become ready."""
    restarts: Annotated[Count, Field(ge=1)] = 3
    """How many restarts of a container make a pod failed."""
    reasons: Annotated[list[Annotated[str, Field(max_length=63)]], Field(max_length=16)] = [
        "CrashLoopBackOff",
        "ImagePullBackOff",
        "ErrImagePull",
        "InvalidImageName",
        "CreateContainerConfigError",
    ]
    """Reasons of a waiting container that make a pod failed at once."""


class RollbackStrategy(Model):
    """How clusters return to the stable revision."""

    validations = (_amount(".maxUnavailable"), _more_than_none(".maxUnavailable"))

    max_unavailable: IntOrPercent = "25%"
    """How many pods may be down at a time in each cluster, those of the bad revision that are not ready
    aside: they cost nothing."""


class Unreachable(Model):
    """What a release does about clusters that it can't reach."""

    grace_seconds: Count = 120
    """How long a cluster may be away before `policy` applies."""
    policy: Literal["Wait", "SkipCluster", "Fail"] = "Wait"
    """Wait: the release waits for it. SkipCluster: it goes on, and the cluster catches up when it is back.
    Fail: the cluster counts as failed."""


class RolloutStrategy(Model):
    """How a release goes: in which steps, within which bounds, and what happens when it fails."""

    validations = (
        Rule(
            "has(self.batches) != (has(self.steps) && size(self.steps) > 0)",
            "needs either steps or batches; set exactly one of them",
        ),
        _amount(".maxUnavailable"),
        _more_than_none(".maxUnavailable"),
        _amount(".maxUnavailablePerCluster"),
        _more_than_none(".maxUnavailablePerCluster"),
    )

    steps: Annotated[list[RolloutStep], Field(max_length=50)] = []
    """The steps, in order."""
    batches: Annotated[Count, Field(ge=1, le=50)] | None = None
    """So many steps of equal size, instead of `steps`."""
    distribution: Literal["Proportional", "Ordered", "PerCluster"] = "Proportional"
    """Proportional: the pods of a step are shared out among the clusters by their replicas. Ordered: cluster
    by cluster. PerCluster: each step is a share of every single cluster."""
    cluster_order: Annotated[list[Name], Field(max_length=4096)] = []
    """Clusters that come first, in this order; the others follow by name."""
    max_unavailable: IntOrPercent | None = None
    """How many pods of all clusters together a release may have down at a time; a percentage is rounded down,
    to 1 at least. Absent means as many as the largest step adds."""
    max_unavailable_per_cluster: IntOrPercent = "50%"
    """The same for each cluster by itself."""
    max_concurrent_clusters: Annotated[Count, Field(ge=1)] | None = None
    """In how many clusters pods may be on their way at a time. Absent means in all."""
    progress_deadline_seconds: Annotated[Count, Field(ge=1)] = 600
    """How long a step may take until its pods are ready; pauses, bakes and approvals don't count."""
    failure_budget: FailureBudget = FailureBudget()
    """How much may fail before `onFailure` applies."""
    pod_failure: PodFailure = PodFailure()
    """When a pod of the new revision counts as failed."""
    on_failure: Literal["Halt", "Rollback", "Continue"] = "Halt"
    """Halt: nothing more is released until somebody decides. Rollback: all clusters return to the stable
    revision. Continue: the failed clusters are left out."""
    rollback: RollbackStrategy = RollbackStrategy()
    """How clusters return to the stable revision."""
    unreachable: Unreachable = Unreachable()
    """What to do about clusters that can't be reached."""
    on_new_revision: Literal["Supersede", "Queue", "Reject"] = "Supersede"
    """What a further change of the template does to a release under way. Supersede: a release of the newer
    revision takes its place. Queue: it follows. Reject: the change is not released until the next one."""
    revision_history_limit: Annotated[Count, Field(le=100)] = 10
    """How many former revisions are kept to return to."""


class RolloutPolicySpec(RolloutStrategy):
    """Which workloads are released in steps, and how."""

    resource_selectors: Annotated[list[ResourceSelector], Field(max_length=512)] = []
    """The workloads. Others may name this policy by the annotation `federation.atoll.dev/rollout-policy`."""


class RolloutPolicyStatus(Model):
    """Whether a policy can be carried out."""

    observed_generation: int = 0
    """The generation of the policy that the status speaks of."""
    conditions: Annotated[list[Condition], list_map("type")] = []
    """The state of the policy: Ready, with a reason when it is not."""


class RolloutPolicy(Kind):
    """How new revisions of workloads of its namespace are released."""

    plural: ClassVar[str] = "rolloutpolicies"
    short_names: ClassVar[tuple[str, ...]] = ("rop",)
    namespaced: ClassVar[bool] = True
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Max-Unavailable", ".spec.maxUnavailable"),
        Column("On-Failure", ".spec.onFailure"),
        condition_column("Ready"),
        AGE,
    )

    spec: RolloutPolicySpec
    """Which workloads are released in steps, and how."""
    status: RolloutPolicyStatus = RolloutPolicyStatus()
    """Whether the policy can be carried out."""


class ClusterRolloutPolicy(RolloutPolicy):
    """How new revisions of workloads of any namespace are released."""

    plural: ClassVar[str] = "clusterrolloutpolicies"
    short_names: ClassVar[tuple[str, ...]] = ("crop",)
    namespaced: ClassVar[bool] = False


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
