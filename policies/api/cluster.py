"""Cluster: a member of the federation, how to reach it and what it offers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from policies.api.meta import (
    AGE,
    Column,
    Condition,
    Kind,
    LabelValue,
    Model,
    Name,
    Rule,
    Taint,
    condition_column,
    list_map,
)

Removal = Literal["Keep", "Delete"]
"""What happens in a leaving member to what was propagated there."""


ServicesAgent = Literal["Host", "Member"]
"""Where the agent of a cluster's Services runs."""


PodCIDR = Annotated[str, Field(min_length=1, max_length=49)]


class SecretReference(Model):
    """A Secret on the host."""

    namespace: Annotated[str, Field(min_length=1, max_length=63)]
    """The namespace of the Secret."""
    name: Name
    """The name of the Secret."""


class ClusterSpec(Model):
    """How a member is reached and where it stands."""

    secret_ref: SecretReference | None = None
    """The Secret whose key `kubeconfig` says how to reach the cluster. `atoll join` writes it."""
    provider: LabelValue = ""
    """Who runs the cluster, such as `aws`. Field selectors and spread constraints use it."""
    region: LabelValue = ""
    """The region the cluster is in."""
    zones: Annotated[list[LabelValue], Field(max_length=64)] = []
    """The zones the cluster's nodes are in."""
    taints: Annotated[list[Taint], list_map("key", "effect", max_items=64)] = []
    """Marks that keep workloads away which do not tolerate them."""
    paused: bool = False
    """While true, Atoll writes nothing to the cluster. It is still observed."""
    removal: Removal = "Keep"
    """What happens in the member to what was propagated there when this Cluster is deleted."""
    pod_cidrs: Annotated[list[PodCIDR], Field(alias="podCIDRs", max_length=64)] = []
    """The networks of the cluster's pods, if its Nodes don't say them in `spec.podCIDRs`, or not as they are.
    Those of two clusters must not overlap."""
    services_agent: ServicesAgent = "Host"
    """Where the agent runs that exports and imports the cluster's Services: in the controller of the host, or
    in the member itself, which `atoll services agent` prepares."""


class NodeSummary(Model):
    """The nodes of a cluster, counted."""

    total: int = 0
    """All nodes."""
    ready: int = 0
    """Nodes whose condition Ready is True."""


class ResourceSummary(Model):
    """The capacity of a cluster, summed over its nodes."""

    allocatable: dict[str, str] = {}
    """What pods can have, as quantities by resource name."""
    requested: dict[str, str] = {}
    """What pods that have a node ask for, as quantities by resource name. Known only while some policy
    divides replicas by what is free."""


class ServedResource(Model):
    """One API group version a member serves, with the kinds in it."""

    group_version: str
    """The group and version, such as `apps/v1`."""
    kinds: list[str] = []
    """The kinds served in it."""


class ClusterStatus(Model):
    """What was last seen of a member."""

    conditions: Annotated[list[Condition], list_map("type")] = []
    """The state of the cluster: Ready, and what is held back and why."""
    cluster_uid: str = ""
    """The UID of its kube-system namespace. Another one at the same address is another cluster."""
    kubernetes_version: str = ""
    """The version of its API server, such as `v1.36.3`."""
    apis: Annotated[list[ServedResource], list_map("groupVersion")] = []
    """The kinds it serves."""
    node_summary: NodeSummary | None = None
    """Its nodes, counted."""
    resource_summary: ResourceSummary | None = None
    """Its capacity."""
    pod_cidrs: Annotated[list[str], Field(alias="podCIDRs")] = []
    """The networks of its pods as its Nodes say them, put together."""


class Cluster(Kind):
    """A member of the federation: how to reach it, where it stands and what it offers."""

    plural: ClassVar[str] = "clusters"
    namespaced: ClassVar[bool] = False
    columns: ClassVar[tuple[Column, ...]] = (
        condition_column("Ready"),
        Column("Version", ".status.kubernetesVersion"),
        Column("Provider", ".spec.provider"),
        Column("Region", ".spec.region"),
        Column("Nodes", ".status.nodeSummary.total", "integer"),
        AGE,
    )
    validations = (
        Rule(
            "size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')",
            "the name of a Cluster has at most 63 characters and no dots; "
            "use lower-case letters, digits and '-', such as eu-west-1",
        ),
    )

    spec: ClusterSpec = ClusterSpec()
    """How the cluster is reached and where it stands."""
    status: ClusterStatus = ClusterStatus()
    """What was last seen of the cluster."""
