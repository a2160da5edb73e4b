"""What a Service says that other clusters need to know, with the API server's defaults filled in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policies.api.meta import Count, Model, Rule

Protocol = Literal["TCP", "UDP", "SCTP"]
IPFamily = Literal["IPv4", "IPv6"]
ServiceImportType = Literal["ClusterSetIP", "Headless"]
Mode = Literal["ClusterSet", "NativeName"]
KeepLast = Literal["Never", "WhenAllStale"]
LocalityMode = Literal["Spread", "PreferSameCluster"]

MAX_PORTS = 250
"""How many ports one Service may have here, and so all clusters together under one name."""

_WHOLE = Field(json_schema_extra={"x-kubernetes-map-type": "atomic"})
"""A map that is replaced as a whole. Where it is merged key by key, an apply of {} in place of keys leaves
null, which the API server refuses."""


class ServicePort(Model):
    """A port of a Service. Node ports and target ports stay where they are."""

    name: str = ""
    """Its name, by which endpoints find their port; a single port may have none."""
    protocol: Protocol = "TCP"
    """Its protocol."""
    app_protocol: str | None = None
    """The application protocol, as the Service says it."""
    port: Annotated[int, Field(ge=1, le=65535, json_schema_extra={"format": "int32"})]
    """The number that callers use."""


class Locality(Model):
    """Whom callers are sent to, of the endpoints of all clusters."""

    validations = (
        Rule(
            "!has(self.minLocal) || self.minLocal == 1 || self.mode == 'PreferSameCluster'",
            "minLocal is for callers that prefer their own cluster; set mode to PreferSameCluster, or remove "
            "minLocal",
            ".minLocal",
        ),
    )

    mode: LocalityMode
    """Spread: all endpoints alike. PreferSameCluster: endpoints of the caller's own cluster, as long as
    enough of them are ready, else all."""
    min_local: Annotated[int, Field(ge=1, le=100_000, json_schema_extra={"format": "int32"})] = 1
    """How many are enough, for each port and IP family."""


class ServiceTraits(Model):
    """How a Service treats its callers, and what is exported beside it."""

    type: ServiceImportType
    """ClusterSetIP, or Headless for a Service with `clusterIP: None`."""
    ports: Annotated[list[ServicePort], Field(max_length=MAX_PORTS)] = []
    """Its ports."""
    session_affinity: Literal["None", "ClientIP"] = "None"
    """Whether a caller stays with one endpoint."""
    session_affinity_seconds: Count | None = None
    """For how long, with ClientIP."""
    internal_traffic_policy: Literal["Cluster", "Local"] = "Cluster"
    """Whether callers reach endpoints of their own node only."""
    traffic_distribution: str = ""
    """Which endpoints are preferred, such as `PreferSameZone`; empty for none."""
    ip_families: Annotated[list[IPFamily], Field(max_length=2)] = []
    """The IP families, the first one preferred."""
    labels: Annotated[dict[str, str], _WHOLE] = {}
    """The exported labels (`exportedLabels` of the ServiceExport)."""
    annotations: Annotated[dict[str, str], _WHOLE] = {}
    """The exported annotations (`exportedAnnotations` of the ServiceExport)."""
    mode: Mode = "ClusterSet"
    """By which names other clusters are reached. ClusterSet: the ServiceImport. NativeName: also the plain
    name of the Service."""
    adopt_existing: bool = False
    """With NativeName, whether endpoints of other clusters are attached to Services that users made."""
    locality: Locality | None = None
    """Whom callers are sent to. Absent, all endpoints alike."""
