"""Small objects to begin a test of an import with: the Service shop/web, exported by m1."""

from __future__ import annotations

from typing import Any

from mcs.api.service_set import ServiceSetSpec
from mcs.names import CONTROLLER, MANAGED_BY, MCS_SERVICE, SOURCE_CLUSTER
from mcs.slices import Slice, content_of
from policies.api.meta import Manifest

WEB = ("shop", "web")
PORTS = [{"name": "http", "protocol": "TCP", "port": 80}]


def service_set(
    *clusters: str | Manifest, namespace: str = "shop", policy: Manifest | None = None, **service: Any
) -> ServiceSetSpec:
    """Return what clusters, by name or as the ServiceSet has them, export together."""
    exporting = [{"name": each} if isinstance(each, str) else each for each in clusters]
    stamp = {"exportCreationTimestamp": "2026-01-01T00:00:00Z"}
    traits = {"type": "ClusterSetIP", "ports": PORTS, "ipFamilies": ["IPv4"], **service}
    return ServiceSetSpec.model_validate(
        {
            "namespace": namespace,
            "name": "web",
            "revision": 1,
            "service": traits,
            "policy": policy,
            "clusters": [each | stamp for each in exporting],
        }
    )


def content(address: str, *, port: int = 8080, name: str = "http", **endpoint: Any) -> Manifest:
    """Return what travels of an EndpointSlice with one endpoint."""
    return content_of(
        {
            "addressType": "IPv6" if ":" in address else "IPv4",
            "ports": [{"name": name, "protocol": "TCP", "port": port}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}, **endpoint}],
        }
    )


def piece(address: str, source: str = "", **fields: Any) -> Slice:
    """Return a slice as a mirror keeps it: a copy of a cluster's, or one at home."""
    ours = {MANAGED_BY: CONTROLLER, MCS_SERVICE: "web", SOURCE_CLUSTER: source} if source else {}
    return Slice(f"uid-of-{address}", ours, content(address, **fields))


def addresses(manifest: Manifest) -> list[str]:
    return [address for endpoint in manifest["endpoints"] for address in endpoint["addresses"]]
