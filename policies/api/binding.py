"""ResourceBinding and ClusterResourceBinding: the one record on the host for each governed template."""

from __future__ import annotations

from typing import Any, Literal

from policies.api.meta import Condition, Model, ObjectMeta
from policies.api.propagation import PurgeMode


class ResourceReference(Model):
    api_version: str
    kind: str
    plural: str
    """The resource's name in URLs, so that the reference can be followed without discovery."""
    namespace: str = ""
    name: str
    uid: str = ""


class PolicyReference(Model):
    kind: Literal["PropagationPolicy", "ClusterPropagationPolicy"]
    namespace: str = ""
    name: str


class TargetCluster(Model):
    name: str
    replicas: int | None = None


class Eviction(Model):
    from_cluster: str
    replicas: int | None = None
    reason: str
    message: str = ""
    purge_mode: PurgeMode = "Gracefully"
    grace_period_seconds: int | None = None
    creation_timestamp: str = ""


class BindingSpec(Model):
    resource: ResourceReference
    policy: PolicyReference | None = None
    clusters: list[TargetCluster] = []
    evictions: list[Eviction] = []


class ClusterResult(Model):
    """How one copy stands in one cluster."""

    name: str
    digest: str = ""
    applied: bool = False
    reason: str = ""
    message: str = ""
    health: Literal["Healthy", "Progressing", "Unhealthy", "Unknown"] = "Unknown"
    replicas: int | None = None
    ready: int | None = None
    status: dict[str, Any] | None = None


class BindingStatus(Model):
    observed_generation: int = 0
    conditions: list[Condition] = []
    clusters: list[ClusterResult] = []


class ResourceBinding(Model):
    api_version: str
    kind: str
    metadata: ObjectMeta
    spec: BindingSpec
    status: BindingStatus = BindingStatus()


class ClusterResourceBinding(ResourceBinding):
    pass
