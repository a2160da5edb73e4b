"""What a member exports of a Service: pure. Rules of KEP-1645; the numbers E1 to E8 are the design's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

from mcs.api.cluster_export import ClusterExport, ClusterExportSpec
from mcs.api.service import MAX_PORTS, Mode, ServicePort, ServiceTraits
from mcs.names import (
    ADOPT_EXISTING,
    CONTROLLER,
    MANAGED_BY,
    MCS_SERVICE,
    MODE,
    REQUESTED,
    SERVICE_NAMESPACE,
    SOURCE_CLUSTER,
    Service,
    export_name,
    host_namespace,
    slice_name,
)
from mcs.preference import locality_of, misread, not_followed
from mcs.shadows import is_shadow
from mcs.slices import Slice, abroad
from policies.api.meta import API_VERSION, TEMPLATE, Manifest
from policies.verdicts import Verdict

_AFFINITY_SECONDS = 10800
"""For how long a caller stays with an endpoint where a Service does not say it: the API's default."""


class Export(NamedTuple):
    """What is to be on the host for one Service of one cluster."""

    valid: Verdict | None
    """Why or why not, as the condition Valid says it; None where there is no ServiceExport to say it on."""
    spec: ClusterExportSpec | None
    """The ClusterExport's; None: nothing is exported."""
    slices: dict[str, Manifest]
    """Content (`mcs.slices`) by the name that a slice is to have on the host."""
    obstacle: Verdict | None = None
    """Why nothing is exported though it is valid, as the condition Ready says it."""


def exported(
    cluster: str,
    service: Service,
    export: Manifest | None,
    live: Manifest | None,
    endpoints: Mapping[str, Slice],
) -> Export:
    """Decide what a cluster exports (E1, E2, E4, E5). An object that is being deleted counts as absent, and
    so does a Service of ours.

    :param export: its ServiceExport, if there is one
    :param live: its Service, if there is one
    :param endpoints: the Service's EndpointSlices by name, ours aside
    """
    if export is None or _is_deleted(export) or _is_template(export):
        return Export(None, None, {})
    if live is None or _is_deleted(live) or is_shadow(live):  # else a shadow would be there for its own sake
        return Export(_no_service(cluster, service), None, {})
    if live["spec"].get("type") == "ExternalName":
        return Export(_external_name(service), None, {})
    if (count := len(live["spec"].get("ports") or ())) > MAX_PORTS:
        return Export(_VALID, None, {}, _too_many_ports(service, count))
    spec = ClusterExportSpec(
        cluster=cluster,
        namespace=service[0],
        name=service[1],
        export_creation_timestamp=export["metadata"]["creationTimestamp"],
        service=traits_of(live["spec"], export),
        requested=is_requested(export),
    )
    return Export(_valid(_annotations(export)), spec, _abroad(cluster, service, endpoints))


def export_manifest(spec: ClusterExportSpec) -> Manifest:
    """Return the ClusterExport to apply on the host."""
    service = (spec.namespace, spec.name)
    return {
        "apiVersion": API_VERSION,
        "kind": ClusterExport.__name__,
        "metadata": {
            "namespace": host_namespace(spec.cluster),
            "name": export_name(spec.cluster, service),
            "labels": _labels(spec.cluster, service),
        },
        "spec": spec.dump(),
    }


def slice_manifest(cluster: str, service: Service, name: str, content: Manifest) -> Manifest:
    """Return the copy of an EndpointSlice to apply on the host."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": host_namespace(cluster),
            "name": name,
            "labels": _labels(cluster, service) | {MANAGED_BY: CONTROLLER},
        },
        **content,
    }


_VALID = Verdict("Valid", "")
_MODES = get_args(Mode)


def _valid(annotations: Mapping[str, str]) -> Verdict:
    """Say of a mode or locality that there isn't that it is not followed."""
    said = list(misread(annotations))
    if (mode := annotations.get(MODE, _MODES[0])) not in _MODES:
        said.insert(0, not_followed(MODE, mode, _MODES[0], f"one of {', '.join(_MODES)}"))
    return Verdict("Valid", "\n".join(said)) if said else _VALID


def _no_service(cluster: str, service: Service) -> Verdict:
    return Verdict(
        "NoService",
        f"Service {'/'.join(service)} is not in cluster {cluster}; create it, or delete the ServiceExport",
    )


def _external_name(service: Service) -> Verdict:
    return Verdict(
        "InvalidServiceType",
        f"Service {'/'.join(service)} has spec.type ExternalName and cannot be exported; create an "
        "ExternalName Service in each cluster instead",
    )


def _too_many_ports(service: Service, count: int) -> Verdict:
    return Verdict(
        "Failed",
        f"Service {'/'.join(service)} has {count} spec.ports, and no more than {MAX_PORTS} can be exported; "
        "divide it into several Services",
    )


def _is_deleted(manifest: Manifest) -> bool:
    return "deletionTimestamp" in manifest["metadata"]


def _is_template(export: Manifest) -> bool:
    """Whether it only stands for what other clusters are to export; copies never say so."""
    return TEMPLATE in _annotations(export)


def is_requested(export: Manifest) -> bool:
    """Whether a ServiceExport is ours, made for a MultiClusterService."""
    return (export["metadata"].get("labels") or {}).get(REQUESTED) == "true"


def _annotations(manifest: Manifest) -> Mapping[str, str]:
    return manifest["metadata"].get("annotations") or {}


def traits_of(live: Mapping[str, Any], export: Manifest) -> ServiceTraits:
    """Return what the spec of a Service and its ServiceExport say.

    Nothing of their metadata travels, but for what two annotations of the ServiceExport are for.
    """
    said, annotations = export.get("spec") or {}, _annotations(export)
    affinity: Any = live.get("sessionAffinity") or "None"
    native = annotations.get(MODE) == "NativeName"
    return ServiceTraits(
        type="Headless" if live.get("clusterIP") == "None" else "ClusterSetIP",
        ports=[_port(port) for port in live.get("ports") or ()],
        session_affinity=affinity,
        session_affinity_seconds=_affinity_seconds(live) if affinity == "ClientIP" else None,
        internal_traffic_policy=live.get("internalTrafficPolicy") or "Cluster",
        traffic_distribution=live.get("trafficDistribution") or "",
        ip_families=live.get("ipFamilies") or [],
        labels=said.get("exportedLabels") or {},
        annotations=said.get("exportedAnnotations") or {},
        mode="NativeName" if native else "ClusterSet",
        adopt_existing=native and annotations.get(ADOPT_EXISTING) == "true",
        locality=locality_of(annotations),
    )


def _port(port: Mapping[str, Any]) -> ServicePort:
    return ServicePort(
        name=port.get("name") or "",
        protocol=port.get("protocol") or "TCP",
        app_protocol=port.get("appProtocol"),
        port=port["port"],
    )


def _affinity_seconds(live: Mapping[str, Any]) -> int:
    by_address = (live.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    seconds: int = by_address.get("timeoutSeconds") or _AFFINITY_SECONDS
    return seconds


def _abroad(cluster: str, service: Service, endpoints: Mapping[str, Slice]) -> dict[str, Manifest]:
    """Return the slices to copy: what is itself a copy is not, nor names instead of addresses (E4, I16)."""
    return {
        slice_name(cluster, service, name): abroad(piece.content)
        for name, piece in endpoints.items()
        if not (piece.ours or piece.source or piece.content["addressType"] == "FQDN")
    }


def _labels(cluster: str, service: Service) -> dict[str, str]:
    return {SOURCE_CLUSTER: cluster, SERVICE_NAMESPACE: service[0], MCS_SERVICE: service[1]}
