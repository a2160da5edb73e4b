"""ResourceBinding and ClusterResourceBinding: the one record on the host for each governed template."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from policies.api.failover import PurgeMode, Suspension
from policies.api.meta import (
    AGE,
    Column,
    Condition,
    Count,
    Kind,
    Model,
    Name,
    Namespace,
    Timestamp,
    condition_column,
    list_map,
)
from policies.api.propagation import Placement


class ResourceReference(Model):
    """The template: the user's object on the host."""

    api_version: str
    """Its API version."""
    kind: str
    """Its kind."""
    plural: Name
    """The name of its resource in URLs, such as `deployments`, so that it is found without discovery."""
    namespace: Namespace = ""
    """Its namespace; empty for cluster-scoped kinds."""
    name: Name
    """Its name."""
    uid: str = ""
    """Its UID, so that an object created anew under the same name is told apart."""


class PolicyReference(Model):
    """The policy that governs the template."""

    kind: Literal["PropagationPolicy", "ClusterPropagationPolicy"]
    """The kind of the policy."""
    namespace: Namespace = ""
    """The namespace of a PropagationPolicy."""
    name: Name
    """The name of the policy."""


class TargetCluster(Model):
    """A cluster the template is placed on."""

    name: Name
    """The name of the Cluster."""
    replicas: Count | None = None
    """How many replicas run there. Absent for kinds without replicas."""
    completions: Count | None = None
    """The cluster's share of the completions of a divided Job."""
    preserved_labels: dict[str, str] | None = None
    """What its copy is told of the state of the one whose place it took, as labels."""
    only_required: bool = False
    """It is there only because workloads there need it (`requiredBy`), not by the policy."""


class Requirement(Model):
    """A workload that needs the template in the clusters it is placed on (`propagateDeps`)."""

    resource: ResourceReference
    """The workload. Its UID is left out: one that is created anew needs the same."""
    policy: PolicyReference | None = None
    """The policy that governs the workload. Absent when none does any more: then what it needs stays as it
    is, as the workload does."""
    clusters: list[Name] = []
    """Where the workload is placed, in ascending order."""
    conflict_resolution: Literal["Abort", "Overwrite"] = "Abort"
    """As for the workload."""
    preserve_resources_on_deletion: bool = False
    """As for the workload."""
    suspension: Suspension | None = None
    """As for the workload."""


class Eviction(Model):
    """A cluster the workload is being moved away from."""

    from_cluster: Name
    """The cluster it leaves."""
    replicas: Count | None = None
    """How many replicas it had there."""
    reason: str
    """Why, as one word in CamelCase."""
    message: str = ""
    """Why, as a sentence."""
    purge_mode: PurgeMode = "Gracefully"
    """When the copy in that cluster is deleted."""
    grace_period_seconds: Count | None = None
    """How long a graceful eviction waits at most."""
    creation_timestamp: Timestamp = ""
    """When the eviction began."""
    template_generation: int | None = None
    """Of what failed by itself, the generation of the template then: with another one it may come back."""
    preserved_labels: dict[str, str] | None = None
    """What the new copy is told of the state of the old one, as labels."""


class BindingSpec(Model):
    """What was decided for a template."""

    resource: ResourceReference
    """The template."""
    policy: PolicyReference | None = None
    """The policy that governs it. Absent when no policy does any more."""
    conflict_resolution: Literal["Abort", "Overwrite"] = "Abort"
    """The policy's, as of the last scheduling."""
    preserve_resources_on_deletion: bool = False
    """The policy's, so that it still holds when template and policy are deleted together."""
    suspension: Suspension | None = None
    """The policy's, so that it still holds while nobody can tell what the policy says."""
    rebalance_triggered_at: Timestamp | None = None
    """When somebody asked for it to be placed afresh (`atoll rebalance`). It goes with the decision that does
    so, and stays while that can't be done."""
    placement: Placement | None = None
    """The policy's as of the template's last change. Only for policies with activationPreference Lazy."""
    template_digest: str = ""
    """Of the template then, so that its next change is known. Only for policies with activationPreference
    Lazy."""
    affinity_name: str = ""
    """The group of the policy's `clusterAffinities` that is in use."""
    clusters: Annotated[list[TargetCluster], list_map("name")] = []
    """Where it is placed."""
    evictions: Annotated[list[Eviction], list_map("fromCluster")] = []
    """Where it is being moved away from."""
    required_by: Annotated[list[Requirement], Field(max_length=4096)] = []
    """The workloads that need it, whose policies propagate what they need."""
    dependency: bool = False
    """It is or was placed because workloads need it, by no policy of its own: what nothing needs any more is
    removed."""


class ClusterResult(Model):
    """How one copy stands in one cluster."""

    name: Name
    """The name of the Cluster."""
    digest: str = ""
    """The digest of the manifest the cluster holds."""
    applied: bool = False
    """Whether the cluster holds the present manifest."""
    reason: str = ""
    """Why it does not, as one word in CamelCase."""
    message: str = ""
    """Why it does not, as a sentence with the remedy."""
    health: Literal["Healthy", "Progressing", "Unhealthy", "Unknown"] = "Unknown"
    """How the copy fares."""
    unhealthy_since: Timestamp | None = None
    """Since when it is Unhealthy, as far as could be seen."""
    replicas: int | None = None
    """How many replicas the cluster reports."""
    ready: int | None = None
    """How many of them are ready."""
    status: dict[str, Any] | None = None
    """The status of the copy, for kinds that Atoll does not sum up, and of a Job or Pod that has ended."""
    template_uid: str | None = None
    """The UID of the template whose copy was seen there. Only for Jobs and Pods that end: what has ended, or
    may have, is not started again for the same template."""


class BindingStatus(Model):
    """How the copies of a template stand."""

    observed_generation: int = 0
    """The generation of this binding that the status speaks of."""
    conditions: Annotated[list[Condition], list_map("type")] = []
    """Scheduled, Applied and Healthy, each with a reason."""
    clusters: Annotated[list[ClusterResult], list_map("name")] = []
    """How each copy stands."""


class ResourceBinding(Kind):
    """Where a namespaced template is placed and how its copies stand. Atoll writes it, users read it."""

    plural: ClassVar[str] = "resourcebindings"
    short_names: ClassVar[tuple[str, ...]] = ("rb",)
    namespaced: ClassVar[bool] = True
    columns: ClassVar[tuple[Column, ...]] = (
        condition_column("Scheduled"),
        condition_column("Applied"),
        condition_column("Healthy"),
        Column("Policy", ".spec.policy.name"),
        AGE,
    )

    spec: BindingSpec
    """What was decided."""
    status: BindingStatus = BindingStatus()
    """How the copies stand."""


class ClusterResourceBinding(ResourceBinding):
    """Where a cluster-scoped template is placed and how its copies stand. Atoll writes it, users read it."""

    plural: ClassVar[str] = "clusterresourcebindings"
    short_names: ClassVar[tuple[str, ...]] = ("crb",)
    namespaced: ClassVar[bool] = False
