"""ServiceSet: what all clusters that export a name make of it together; written by the aggregator alone."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from mcs.api.service import MAX_PORTS, KeepLast, Locality, Mode, ServiceTraits
from policies.api.meta import (
    AGE,
    ClusterNames,
    Column,
    Count,
    Kind,
    Model,
    Name,
    Namespace,
    Timestamp,
    list_map,
)


class SetConflict(Model):
    """A property on which the exports do not agree."""

    reason: str
    """Which, as the reason of a ServiceExport's condition, such as `PortConflict`."""
    message: str
    """What is used, whose it is, and how many clusters say otherwise."""


class SetCluster(Model):
    """A cluster that exports the name."""

    name: Name
    """The name of the Cluster."""
    export_creation_timestamp: Timestamp
    """When its ServiceExport was created."""
    excluded_ports: list[str] = []
    """The names of its ports that are not used, as they mean another port elsewhere."""


class SetPolicy(Model):
    """What a MultiClusterService says of the Service."""

    mode: Mode = "ClusterSet"
    """By which names it is reached, whatever the ServiceExports say."""
    adopt_existing: bool = False
    """Whether Services of users are attached to, whatever the ServiceExports say."""
    locality: Locality | None = None
    """Whom callers are sent to, whatever the ServiceExports say. Absent, all endpoints alike."""
    import_to: ClusterNames | None = None
    """The names of the clusters that import it. Absent, all do."""
    ports: Annotated[list[str], Field(max_length=MAX_PORTS)] | None = None
    """The names of the ports that are used. Absent, all are."""
    keep_last: KeepLast = "Never"
    """Whether the last endpoints stay where no cluster that exports it gives signs of life."""


class ServiceSetSpec(Model):
    """One Service of all clusters. It is computed from ClusterExports and MultiClusterService alone."""

    namespace: Namespace
    """The namespace of the Service, the same in all clusters."""
    name: Name
    """The name of the Service."""
    revision: Count = 0
    """Grows with each change, so that nobody applies an older state after a newer one."""
    service: ServiceTraits
    """What is imported: the ports of all, the rest as the oldest export says it."""
    clusters: Annotated[list[SetCluster], list_map("name")] = []
    """The clusters that export it, the oldest export first."""
    policy: SetPolicy | None = None
    """What was wanted on the host, if anything was."""
    conflicts: Annotated[list[SetConflict], Field(max_length=16)] = []
    """On what they do not agree."""


class ServiceSet(Kind):
    """A Service that one or more clusters export."""

    plural: ClassVar[str] = "servicesets"
    namespaced: ClassVar[bool] = True
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Service-Namespace", ".spec.namespace"),
        Column("Service", ".spec.name"),
        Column("Type", ".spec.service.type"),
        Column("Oldest-Export", ".spec.clusters[0].name"),
        AGE,
    )

    spec: ServiceSetSpec
    """What all clusters make of it together."""
