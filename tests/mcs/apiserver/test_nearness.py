"""Near endpoints first, in a member, between real API servers: services.md 4.7. They run no controllers, and
kube-proxy is played: it watches what the real one watches, and remembers what that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from federation.kube.api import Api
from federation.kube.resources import Manifest
from federation.resources import NODES
from mcs.names import HEADLESS, MCS_SERVICE, SERVICE_NAME, SOURCE_CLUSTER, native_name, slice_name
from mcs.resources import ENDPOINT_SLICES, SERVICES
from tests.apiserver.clients import through_proxy
from tests.federation.kube.scripted import until
from tests.mcs.apiserver.importing import World, world_of
from tests.mcs.kube_proxy import called
from tests.servers import Fleet

PREFERRING: dict[str, Any] = {"locality": {"mode": "PreferSameCluster"}}
ADOPTING: dict[str, Any] = {"mode": "NativeName", "adoptExisting": True, **PREFERRING}
HERE, THERE = {"10.2.0.1"}, {"10.1.0.1"}


class KubeProxy:
    """Knows slices as `pkg/proxy/endpointslicecache.go` does: by the name of their Service, never of another
    that they had before; what leaves its watch it forgets under the name that it had last."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api, self._namespace = api, namespace
        self._known: dict[str, dict[str, Manifest]] = {}

    async def run(self) -> None:
        selector = {"labelSelector": f"!{HEADLESS}"}
        watch = self._api.watch(ENDPOINT_SLICES, "0", namespace=self._namespace, selector=selector)
        async with watch as events:
            async for event in events:
                if event.type == "BOOKMARK":
                    continue
                metadata = event.manifest["metadata"]
                known = self._known.setdefault(metadata["labels"].get(SERVICE_NAME, ""), {})
                if event.type == "DELETED":
                    known.pop(metadata["name"], None)
                else:
                    known[metadata["name"]] = event.manifest

    def calls(self, service: str) -> set[str]:
        """Return where callers of a Service are sent, from a node in the zone z1."""
        return called(self._known.get(service, {}).values())


@pytest.fixture
async def world(prepared: Fleet, namespace: str) -> AsyncIterator[World]:
    """m1 and m2 export, each with an endpoint that is ready; m2 has no nodes, and no importer runs."""
    async with world_of(prepared, namespace) as made:
        await made.make_namespace()
        metadata = {"namespace": namespace, "name": "web"}
        spec = {"ports": [{"name": "http", "port": 80}], "selector": {"app": "web"}}
        await made.member.apply(
            SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
        )
        await local(made, ready=True)
        await made.copy("m1", "10.1.0.1")
        yield made
        await made.unexport()
        for name in ("n1", "n2"):
            await made.member.delete(NODES, name)


@pytest.fixture
async def proxy(world: World) -> AsyncIterator[KubeProxy]:
    found = KubeProxy(world.member.api, world.namespace)
    task = asyncio.create_task(found.run())
    yield found
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def local(world: World, *, ready: bool) -> None:
    await world.local_slice("web-abc", "10.2.0.1", conditions={"ready": ready}, zone="z1", nodeName="n1")


async def node(world: World, name: str, zone: str) -> None:
    labels = {"topology.kubernetes.io/zone": zone} if zone else {}
    await world.member.apply(
        NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
    )


async def test_under_the_plain_name_others_are_called_while_nobody_answers_here(
    world: World, proxy: KubeProxy, prepared: Fleet
) -> None:
    async with world.importing(prepared) as running:
        await world.export("m1", "m2", **ADOPTING)
        piece = await world.slice_with(native_name(f"{world.namespace}-m1-x"), "10.1.0.1")
        assert piece["metadata"]["labels"][SERVICE_NAME] == "web-mcs-standby", "from its first moment"
        await until(lambda: proxy.calls("web") == HERE)
        await local(world, ready=False)
        await until(lambda: proxy.calls("web") == THERE)
        await local(world, ready=True)
        await until(lambda: proxy.calls("web") == HERE)
        await until(lambda: proxy.calls(world.derived) == HERE)
        behind_ip = await world.slice(f"{world.namespace}-m1-x")
        assert behind_ip is not None
        labels = behind_ip["metadata"]["labels"]
        assert (labels[MCS_SERVICE], labels[SOURCE_CLUSTER]) == ("web", "m1")
        await running.at_rest()


async def test_where_nodes_have_zones_hints_do_it_and_nothing_stands_by(
    world: World, proxy: KubeProxy, prepared: Fleet
) -> None:
    await node(world, "n1", "z1")
    async with world.importing(prepared) as running:
        await world.export("m1", "m2", **PREFERRING)
        await until(lambda: proxy.calls(world.derived) == HERE)
        await running.at_rest()
        world.writes.clear()
        await local(world, ready=False)
        await until(lambda: proxy.calls(world.derived) == THERE)
        await running.at_rest()
        assert world.writes == {"PATCH endpointslices": 1}, "the own slice alone"
        await world.export("m1", "m2", revision=2)
        await local(world, ready=True)
        await until(lambda: proxy.calls(world.derived) == HERE | THERE)
        await until(lambda: not running.locals.zones.known)


async def test_a_node_that_gets_its_zone_ends_the_standing_by(world: World, prepared: Fleet) -> None:
    await node(world, "n1", "z1")
    await node(world, "n2", "")
    name = f"{world.namespace}-m1-x"
    async with world.importing(prepared):
        await world.export("m1", "m2", **PREFERRING)
        assert (await world.slice_with(name, "10.1.0.1"))["metadata"]["labels"][SERVICE_NAME].endswith(
            "-standby"
        )
        await node(world, "n2", "z2")
        await world.member.until(
            ENDPOINT_SLICES, name, world.namespace, lambda live: live and "hints" in live["endpoints"][0]
        )
        own = await world.slice_with(slice_name("m2", world.web, "web-abc"), "10.2.0.1")
        assert own["endpoints"][0]["hints"]["forZones"] == [{"name": "z1"}, {"name": "z2"}]


@pytest.mark.parametrize("zone", ["z1", ""], ids=["hints", "standing by"])
async def test_a_restart_writes_nothing(world: World, prepared: Fleet, zone: str) -> None:
    """I7."""
    await node(world, "n1", zone)
    async with world.importing(prepared) as running:
        await world.export("m1", "m2", **ADOPTING)
        await world.slice_with(native_name(f"{world.namespace}-m1-x"), "10.1.0.1")
        await running.at_rest()
    async with world.importing(prepared) as running:
        await until(lambda: running.locals.zones.known)
        assert await running.importer(world.web) is None
        await running.at_rest()
        assert not world.writes


async def test_others_are_called_though_the_host_is_away(
    world: World, proxy: KubeProxy, prepared: Fleet
) -> None:
    async with through_proxy(prepared.host) as (way, cable), world.importing(prepared, way) as running:
        await world.export("m1", "m2", **ADOPTING)
        await world.slice_with(native_name(f"{world.namespace}-m1-x"), "10.1.0.1")
        await running.at_rest()
        assert proxy.calls("web") == HERE
        cable.cut()
        await until(lambda: not running.records.connected)
        await local(world, ready=False)
        await until(lambda: proxy.calls("web") == THERE and proxy.calls(world.derived) == THERE)
