"""What clusters come to together is a Service to a real API server (invariant I13)."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.service import ServiceTraits
from mcs.merge import merged
from mcs.resources import SERVICES
from policies.api.meta import Manifest
from tests.apiserver.clients import NAMESPACES, api_of
from tests.mcs.exports import any_exports, export
from tests.servers import ApiServer

SETS = 50
SINGLE_STACK = st.just(["IPv4"])
"""As the servers are: which of the families a cluster takes is its importer's to say."""


def random_services() -> list[ServiceTraits]:
    """Draw what exports come to as ClusterSetIP, the type that has a Service; older ones may be headless."""
    found: list[ServiceTraits] = []
    before = merged([export("m1")], None)

    @settings(max_examples=SETS, database=None)
    @given(any_exports(SINGLE_STACK))
    def draw(exports: list[ClusterExportSpec]) -> None:
        result = merged([*exports, export("last", 59, ports="last:9999")], before)
        assert result is not None
        found.append(result.service)

    draw()
    return found


def derived(namespace: str, service: ServiceTraits) -> Manifest:
    spec: dict[str, Any] = {
        "ports": [port.dump() for port in service.ports],
        "sessionAffinity": service.session_affinity,
        "internalTrafficPolicy": service.internal_traffic_policy,
        "ipFamilies": service.ip_families,
    }
    if service.session_affinity_seconds:
        spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": service.session_affinity_seconds}}
    if service.traffic_distribution:
        spec["trafficDistribution"] = service.traffic_distribution
    metadata = {"name": "derived", "namespace": namespace, "labels": service.labels}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


async def test_what_is_merged_is_always_accepted(apiserver: ApiServer, namespace: str) -> None:
    services = random_services()
    assert {service.type for service in services} == {"ClusterSetIP"}
    assert any(len(service.ports) > 1 for service in services)
    async with api_of(apiserver) as api:
        await api.create(NAMESPACES, {"metadata": {"name": namespace}}, manager="test")
        for service in services:
            live = await api.apply(SERVICES, derived(namespace, service), manager="test", dry_run=True)
            assert [port["name"] for port in live["spec"]["ports"] if port.get("name")] == [
                port.name for port in service.ports if port.name
            ]
