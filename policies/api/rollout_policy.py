"""RolloutPolicy and ClusterRolloutPolicy: in which steps and bounds new revisions are released."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, WithJsonSchema

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
