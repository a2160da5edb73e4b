"""Exports of one Service for tests: written down, and at random."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.service import ServicePort, ServiceTraits

CLUSTERS = ("m1", "m2", "m3", "m4")


def ports(text: str) -> list[ServicePort]:
    """Read ports: `http:80 dns:53/UDP :443 grpc:90/TCP/h2c`."""
    return [_port(*each.split(":")) for each in text.split()]


def _port(name: str, rest: str) -> ServicePort:
    number, protocol, app_protocol, *_ = [*rest.split("/"), "", ""]
    return ServicePort.model_validate(
        {"name": name, "port": number, "protocol": protocol or "TCP", "appProtocol": app_protocol or None}
    )


def text_of(found: list[ServicePort]) -> str:
    """Write ports as `ports` reads them, TCP left out."""
    return " ".join(
        f"{port.name}:{port.port}"
        + (f"/{port.protocol}" if port.protocol != "TCP" or port.app_protocol else "")
        + (f"/{port.app_protocol}" if port.app_protocol else "")
        for port in found
    )


def export(cluster: str, second: int = 0, **traits: Any) -> ClusterExportSpec:
    """Return the export of shop/web by a cluster, made in some second of a minute."""
    traits.setdefault("type", "ClusterSetIP")
    traits.setdefault("ip_families", ["IPv4"])
    found = traits.pop("ports", "http:80")
    return ClusterExportSpec(
        cluster=cluster,
        namespace="shop",
        name="web",
        export_creation_timestamp=f"2026-11-21T02:00:{second:02}Z",
        service=ServiceTraits(ports=ports(found) if isinstance(found, str) else found, **traits),
    )


_PORTS = st.builds(
    ServicePort,
    name=st.sampled_from(["http", "web", "admin", "dns"]),
    protocol=st.sampled_from(["TCP", "UDP"]),
    app_protocol=st.sampled_from([None, "http", "kubernetes.io/h2c"]),
    port=st.sampled_from([53, 80, 443]),
)


def _is_valid(found: list[ServicePort]) -> bool:
    names, numbers = {port.name for port in found}, {(port.protocol, port.port) for port in found}
    return len(names) == len(found) == len(numbers)


PORT_LISTS = st.one_of(
    st.lists(_PORTS, min_size=1, max_size=4).filter(_is_valid),
    _PORTS.map(lambda port: [port.model_copy(update={"name": ""})]),
)
"""Ports that a Service may have: an API server took them."""

_AFFINITY = st.one_of(
    st.just({"session_affinity": "None"}),
    st.sampled_from([10, 10800]).map(
        lambda seconds: {"session_affinity": "ClientIP", "session_affinity_seconds": seconds}
    ),
)
_TEXTS = st.dictionaries(st.sampled_from(["tier", "team"]), st.sampled_from(["a", "b"]))
_FAMILIES = st.sampled_from([["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"]])


@st.composite
def exports_of(draw: st.DrawFn, cluster: str, families: st.SearchStrategy[list[str]]) -> ClusterExportSpec:
    """Draw what one cluster exports; seconds are few, so that many are equal."""
    return export(
        cluster,
        draw(st.integers(0, 2)),
        type=draw(st.sampled_from(["ClusterSetIP", "Headless"])),
        ports=draw(PORT_LISTS),
        ip_families=draw(families),
        internal_traffic_policy=draw(st.sampled_from(["Cluster", "Local"])),
        traffic_distribution=draw(st.sampled_from(["", "PreferClose", "PreferSameZone"])),
        labels=draw(_TEXTS),
        annotations=draw(_TEXTS),
        mode=draw(st.sampled_from(["ClusterSet", "NativeName"])),
        **draw(_AFFINITY),
    )


@st.composite
def any_exports(
    draw: st.DrawFn, families: st.SearchStrategy[list[str]] = _FAMILIES
) -> list[ClusterExportSpec]:
    """Draw what some clusters export."""
    clusters = draw(st.lists(st.sampled_from(CLUSTERS), min_size=1, unique=True))
    return [draw(exports_of(cluster, families)) for cluster in clusters]
