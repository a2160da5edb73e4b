"""Cluster: a member of the federation, how to reach it and what it offers."""

from __future__ import annotations

from typing import Literal

from policies.api.meta import Condition, Model, ObjectMeta, Taint


class SecretReference(Model):
    namespace: str
    name: str


class ClusterSpec(Model):
    secret_ref: SecretReference | None = None
    provider: str = ""
    region: str = ""
    zones: list[str] = []
    taints: list[Taint] = []
    paused: bool = False
    removal: Literal["Keep", "Delete"] = "Keep"
    """What happens in the member to what was propagated there when this Cluster is deleted."""


class NodeSummary(Model):
    total: int = 0
    ready: int = 0


class ResourceSummary(Model):
    allocatable: dict[str, str] = {}


class ServedResource(Model):
    """One API group version a member serves, with the kinds in it."""

    group_version: str
    kinds: list[str] = []


class ClusterStatus(Model):
    conditions: list[Condition] = []
    cluster_uid: str = ""
    """UID of the member's kube-system namespace: tells when another cluster answers at the same address."""
    kubernetes_version: str = ""
    apis: list[ServedResource] = []
    node_summary: NodeSummary | None = None
    resource_summary: ResourceSummary | None = None


class Cluster(Model):
    api_version: str
    kind: str
    metadata: ObjectMeta
    spec: ClusterSpec = ClusterSpec()
    status: ClusterStatus = ClusterStatus()
