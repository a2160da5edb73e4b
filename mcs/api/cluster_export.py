"""ClusterExport: what one cluster exports under one name; written by that cluster's exporter alone."""

from __future__ import annotations

from typing import ClassVar

from mcs.api.service import ServiceTraits
from policies.api.meta import AGE, Column, Kind, Model, Name, Namespace, Timestamp


class ClusterExportSpec(Model):
    """A valid export: ServiceExport and Service are both there, and the Service can be exported."""

    cluster: Name
    """The cluster that exports."""
    namespace: Namespace
    """The namespace of the Service in that cluster."""
    name: Name
    """The name of the Service."""
    export_creation_timestamp: Timestamp
    """When the ServiceExport was created. Where clusters disagree, the oldest export decides (KEP-1645)."""
    service: ServiceTraits
    """What the Service says."""
    requested: bool = False
    """Whether a MultiClusterService asked for it, and not a user of the cluster."""


class ClusterExport(Kind):
    """A Service that a cluster exports. Only valid exports are here; withdrawing one deletes it."""

    plural: ClassVar[str] = "clusterexports"
    namespaced: ClassVar[bool] = True
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Cluster", ".spec.cluster"),
        Column("Service-Namespace", ".spec.namespace"),
        Column("Service", ".spec.name"),
        Column("Type", ".spec.service.type"),
        AGE,
    )

    spec: ClusterExportSpec
    """What is exported."""
