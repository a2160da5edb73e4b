"""MultiClusterService: what users want of a Service of several clusters, said once on the host."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from mcs.api.service import MAX_PORTS, KeepLast, Locality, Mode
from policies.api.meta import (
    AGE,
    ClusterNames,
    Column,
    Condition,
    Kind,
    LabelSelector,
    Model,
    Name,
    Rule,
    condition_column,
    list_map,
)


class ClusterSelection(Model):
    """A selection of clusters: all conditions must hold, and an empty one selects every cluster."""

    label_selector: LabelSelector | None = None
    """Labels the Cluster must have."""
    cluster_names: ClusterNames = []
    """Names, one of which the cluster must have. Empty means any."""
    exclude: ClusterNames = []
    """Clusters that are never selected."""


class ExposedPort(Model):
    """A port of the Service."""

    name: Annotated[str, Field(max_length=63)]
    """Its name; empty for the port of a Service that has one without a name."""


class SourceStaleness(Model):
    """What becomes of endpoints of clusters that give no sign of life."""

    keep_last: KeepLast = "Never"
    """Whether the last endpoints stay where all clusters that export the Service are gone. Never: none do.
    WhenAllStale: those that were left last stay until some cluster is back; nobody knows if they answer."""


class MultiClusterServiceSpec(Model):
    """What is wanted; where it says nothing, the standard applies."""

    validations = (
        Rule(
            "!has(self.adoptExisting) || !self.adoptExisting || self.mode == 'NativeName'",
            "adoptExisting is for plain names; set mode to NativeName, or remove adoptExisting",
            ".adoptExisting",
        ),
    )

    export_from: ClusterSelection | None = None
    """The clusters that export the Service: Atoll makes the ServiceExports there, and removes those it made.
    Absent, ServiceExports that users make decide alone."""
    import_to: ClusterSelection | None = None
    """The clusters that import it. Absent, all that have the namespace."""
    mode: Mode = "ClusterSet"
    """By which names clusters are reached. ClusterSet: the ServiceImport. NativeName: also the plain name of
    the Service."""
    adopt_existing: bool = False
    """With NativeName, whether endpoints of other clusters are attached to Services that users made, if type
    and ports are the same. The Services themselves stay as they are."""
    locality: Locality | None = None
    """Whom callers are sent to, of the endpoints of all clusters. Absent, all alike."""
    ports: Annotated[list[ExposedPort], list_map("name", max_items=MAX_PORTS)] = []
    """The ports that others reach. Empty means all."""
    staleness: SourceStaleness = SourceStaleness()
    """What becomes of endpoints of clusters that give no sign of life."""


class ExportingCluster(Model):
    """A cluster that exports the Service, or is asked to."""

    name: Name
    """The name of the Cluster."""
    exported: bool
    """Whether it does. If not, its ServiceExport says why."""


class MultiClusterServiceStatus(Model):
    """What became of it."""

    clusters: Annotated[list[ExportingCluster], list_map("name")] = []
    """The clusters that export the Service, or are asked to."""
    conditions: Annotated[list[Condition], list_map("type")] = []
    """Ready: whether every cluster that is to export the Service does."""


class MultiClusterService(Kind):
    """What is wanted of the Service of the same namespace and name, in all clusters."""

    plural: ClassVar[str] = "multiclusterservices"
    short_names: ClassVar[tuple[str, ...]] = ("mcsvc",)
    namespaced: ClassVar[bool] = True
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Mode", ".spec.mode"),
        condition_column("Ready"),
        AGE,
    )

    spec: MultiClusterServiceSpec
    """What is wanted."""
    status: MultiClusterServiceStatus = MultiClusterServiceStatus()
    """What became of it."""
