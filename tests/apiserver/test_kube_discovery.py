from __future__ import annotations

import pytest

from federation.kube.discovery import Discovery
from federation.kube.resources import Resource
from federation.kube.types import named
from tests.apiserver.clients import api_of, serve_widgets
from tests.servers import ApiServer


async def test_the_served_types_are_known_with_plural_and_scope(apiserver: ApiServer) -> None:
    async with api_of(apiserver) as api:
        discovery = Discovery(api)
        assert discovery.resource("apps", "Deployment") is None
        await discovery.refresh()
    assert discovery.resource("apps", "Deployment") == Resource("apps", "v1", "deployments", "Deployment")
    assert discovery.resource("", "Node") == Resource("", "v1", "nodes", "Node", namespaced=False)
    assert discovery.resource("apps", "Deployment", "v1beta1") is None
    assert discovery.resource("", "Scale") is None, "subresources are no types"
    assert "Deployment" in discovery.served()["apps/v1"]
    assert "ConfigMap" in discovery.served()["v1"]


async def test_the_preferred_version_comes_first_and_others_can_be_named(apiserver: ApiServer) -> None:
    async with api_of(apiserver) as api:
        discovery = Discovery(api)
        await discovery.refresh()
    assert discovery.resource("autoscaling", "HorizontalPodAutoscaler").version == "v2"  # type: ignore[union-attr]
    assert discovery.resource("autoscaling", "HorizontalPodAutoscaler", "v1").version == "v1"  # type: ignore[union-attr]


async def test_types_have_the_names_by_which_people_know_them(apiserver: ApiServer) -> None:
    async with api_of(apiserver) as api:
        discovery = Discovery(api)
        await discovery.refresh()
    (deployments,) = named(discovery.types, "deploy")
    assert deployments == Resource("apps", "v1", "deployments", "Deployment")
    assert deployments in named(discovery.types, "all")
    assert named(discovery.types, "hpa")[0].version == "v2"


async def test_it_asks_twice_and_again_only_when_invalidated(apiserver: ApiServer, namespace: str) -> None:
    group = f"{namespace}.example"
    async with api_of(apiserver) as api:
        asked: list[str] = []
        api._observe = lambda method, what, code, seconds: asked.append(what)
        discovery = Discovery(api)
        await discovery.refresh()
        assert asked == ["/api", "/apis"]
        widgets = await serve_widgets(api, group)
        asked.clear()
        await discovery.refresh()
        assert asked == []
        assert discovery.resource(group, "Widget") is None
        discovery.invalidate()
        await discovery.refresh()
        assert discovery.resource(group, "Widget") == widgets


async def test_the_classic_way_finds_the_same(apiserver: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with api_of(apiserver) as api:
        aggregated = Discovery(api)
        await aggregated.refresh()
        monkeypatch.setattr("federation.kube.discovery._ACCEPT", "application/json")
        classic = Discovery(api)
        await classic.refresh()
    assert classic.served() == aggregated.served()
    assert set(classic.types) == set(aggregated.types)
    for group, kind in (("apps", "Deployment"), ("autoscaling", "HorizontalPodAutoscaler"), ("", "Node")):
        assert classic.resource(group, kind) == aggregated.resource(group, kind)
