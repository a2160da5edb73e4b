"""Discovery where a part of the server is down; the rest is shown on a real one."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from federation.kube.discovery import Discovery
from federation.kube.errors import ServerError
from federation.kube.resources import Resource
from tests.federation.kube.scripted import answer, failure, scripted

METRICS = Resource("metrics.k8s.io", "v1beta1", "nodes", "NodeMetrics", namespaced=False)


def group_of(name: str, version: str) -> dict[str, Any]:
    served = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [served], "preferredVersion": served}


class Classic:
    """An old server: one document for each group version, of which some may be down."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        node = {"name": "nodes", "kind": "NodeMetrics", "namespaced": False}
        pods = [
            {"name": "pods", "kind": "Pod", "namespaced": True},
            {"name": "pods/log", "kind": "Pod", "namespaced": True},
        ]
        self.documents: dict[str, Any] = {
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "groups": [group_of("metrics.k8s.io", "v1beta1")]},
            "/api/v1": {"kind": "APIResourceList", "resources": pods},
            "/apis/metrics.k8s.io/v1beta1": {"kind": "APIResourceList", "resources": [node]},
        }

    async def handle(self, request: web.Request) -> web.Response:
        if request.path in self.down:
            return failure(503, "ServiceUnavailable", "the server is currently unable to handle the request")
        return answer(self.documents[request.path])


async def test_a_group_that_is_down_is_missing_alone() -> None:
    server = Classic()
    server.down = {"/apis/metrics.k8s.io/v1beta1"}
    async with scripted(server.handle) as api:
        discovery = Discovery(api)
        await discovery.refresh()
    assert discovery.served() == {"v1": ("Pod",)}


async def test_a_group_that_goes_down_is_still_known() -> None:
    server = Classic()
    async with scripted(server.handle) as api:
        discovery = Discovery(api, ttl=0)
        await discovery.refresh()
        server.down = {"/apis/metrics.k8s.io/v1beta1"}
        await discovery.refresh()
        assert discovery.resource("metrics.k8s.io", "NodeMetrics") == METRICS
        server.documents["/apis"] = {"kind": "APIGroupList", "groups": []}
        await discovery.refresh()
        assert discovery.resource("metrics.k8s.io", "NodeMetrics") is None


async def test_a_stale_group_of_an_aggregating_server_is_still_known() -> None:
    node = {"resource": "nodes", "scope": "Cluster", "responseKind": {"kind": "NodeMetrics"}}
    version: dict[str, Any] = {"version": "v1beta1", "freshness": "Current", "resources": [node]}
    item = {"metadata": {"name": "metrics.k8s.io"}, "versions": [version]}

    async def handle(request: web.Request) -> web.Response:
        items = [item] if request.path == "/apis" else []
        return answer({"kind": "APIGroupDiscoveryList", "items": items})

    async with scripted(handle) as api:
        discovery = Discovery(api, ttl=0)
        await discovery.refresh()
        version.update(freshness="Stale", resources=[])
        await discovery.refresh()
        assert discovery.resource("metrics.k8s.io", "NodeMetrics") == METRICS


async def test_a_refresh_that_fails_keeps_what_was_known() -> None:
    server = Classic()
    async with scripted(server.handle) as api:
        discovery = Discovery(api, ttl=0)
        await discovery.refresh()
        server.down = {"/apis"}
        with pytest.raises(ServerError):
            await discovery.refresh()
    assert discovery.resource("metrics.k8s.io", "NodeMetrics") == METRICS
