"""What a member goes by while the host is away, so that its own endpoints are still imported (M7). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcs.api.service import ServicePort, ServiceTraits
from mcs.api.service_set import ServiceSetSpec, SetCluster
from mcs.preference import locality_of
from policies.api.meta import Manifest


def last_known(cluster: str, service_import: Manifest, service: Manifest | None) -> ServiceSetSpec | None:
    """Return what a ServiceImport of ours tells of its ServiceSet, with the cluster as the only exporter.

    A port of the cluster's that differs from the imported one of its name is not used, as the ServiceSet
    would have it (I14).

    :param service: the Service of that name in the cluster
    :return: None where endpoints of the cluster are not imported: it did not export, or has no Service or no
        IP for them
    """
    metadata, spec = service_import["metadata"], service_import["spec"]
    exporters = {each["cluster"] for each in (service_import.get("status") or {}).get("clusters") or ()}
    usable = spec["type"] == "Headless" or spec.get("ips")
    if service is None or cluster not in exporters or not usable:
        return None
    ports = [_port(each) for each in spec.get("ports") or ()]
    traits = ServiceTraits(
        type=spec["type"],
        ports=ports,
        ip_families=spec.get("ipFamilies") or [],
        traffic_distribution=spec.get("trafficDistribution") or "",
        locality=locality_of(metadata.get("annotations") or {}),
    )
    return ServiceSetSpec(
        namespace=metadata["namespace"],
        name=metadata["name"],
        service=traits,
        clusters=[
            SetCluster(
                name=cluster,
                export_creation_timestamp=metadata["creationTimestamp"],
                excluded_ports=_excluded(ports, map(_port, service["spec"].get("ports") or ())),
            )
        ],
    )


def _excluded(used: Iterable[ServicePort], own: Iterable[ServicePort]) -> list[str]:
    numbers = {port.name: (port.protocol, port.port) for port in used}
    return [port.name for port in own if numbers.get(port.name) != (port.protocol, port.port)]


def _port(port: dict[str, Any]) -> ServicePort:
    return ServicePort(name=port.get("name") or "", protocol=port.get("protocol") or "TCP", port=port["port"])
