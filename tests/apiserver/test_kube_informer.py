"""The mirror over a real API server, with a network that fails in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from federation.kube.api import Api
from federation.kube.errors import NotServed, Unreachable
from federation.kube.informer import Informer
from federation.kube.resources import Key, Manifest, Resource
from tests.apiserver.clients import CRDS, NAMESPACES, api_of, serve_widgets, through_proxy, widget_type
from tests.federation.kube.scripted import until
from tests.proxy import Proxy
from tests.servers import ApiServer

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SELECTED = {"labelSelector": "selected=yes"}


class World:
    """A namespace with an Informer of its selected ConfigMaps behind a proxy, and a direct way in."""

    def __init__(self, direct: Api, mirrored: Api, proxy: Proxy, namespace: str) -> None:
        self.direct, self.proxy, self.namespace = direct, proxy, namespace
        self.changes: list[Key] = []
        self.informer = Informer(
            mirrored,
            CONFIG_MAPS,
            lambda manifest: manifest.get("data", {}),
            self.changes.append,
            selector=SELECTED,
            max_delay=0.1,
        )

    def state(self) -> dict[str, Any]:
        return {name: data for (space, name), data in self.informer.items() if space == self.namespace}

    async def write(self, name: str, *, selected: bool = True, **data: str) -> Manifest:
        metadata = {
            "namespace": self.namespace,
            "name": name,
            "labels": {"selected": "yes"} if selected else {},
        }
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        return await self.direct.apply(CONFIG_MAPS, manifest, manager="test")


@asynccontextmanager
async def running(informer: Informer[Any]) -> AsyncIterator[None]:
    task = asyncio.create_task(informer.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def world(apiserver: ApiServer, namespace: str) -> AsyncIterator[World]:
    async with api_of(apiserver) as direct, through_proxy(apiserver) as (mirrored, proxy):
        await direct.create(NAMESPACES, {"metadata": {"name": namespace}}, manager="test")
        world = World(direct, mirrored, proxy, namespace)
        await world.write("a", x="1")
        async with running(world.informer):
            await until(lambda: world.informer.connected)
            yield world


async def test_it_follows_creation_change_and_deletion(world: World) -> None:
    assert world.state() == {"a": {"x": "1"}}
    await world.write("b", y="1")
    await world.write("a", x="2")
    await until(lambda: world.state() == {"a": {"x": "2"}, "b": {"y": "1"}})
    await world.direct.delete(CONFIG_MAPS, "a", world.namespace)
    await until(lambda: world.state() == {"b": {"y": "1"}})


async def test_an_object_that_is_no_longer_selected_leaves(world: World) -> None:
    await world.write("a", selected=False)
    await until(lambda: world.state() == {})


@pytest.mark.parametrize("fault", ["cut", "half an event"])
async def test_what_happened_during_an_outage_is_found_afterwards(world: World, fault: str) -> None:
    if fault == "cut":
        world.proxy.cut()
    else:
        world.proxy.reset_after(200)
    await world.write("b", text="x" * 1000)
    await until(lambda: isinstance(world.informer.failure, Unreachable))
    await world.direct.delete(CONFIG_MAPS, "a", world.namespace)
    assert "a" in world.state(), "nothing is dropped because the server is away"
    world.proxy.heal()
    await until(lambda: world.state() == {"b": {"text": "x" * 1000}})
    assert world.informer.failure is None


async def test_a_write_during_the_outage_of_the_watch_is_seen_at_once(world: World) -> None:
    world.proxy.stall()
    world.informer.observe(await world.write("a", x="ours"))
    assert world.state() == {"a": {"x": "ours"}}
    world.proxy.heal()
    await world.write("b")
    await until(lambda: "b" in world.state())
    assert world.state()["a"] == {"x": "ours"}
    assert world.changes.count((world.namespace, "a")) == 2


async def test_an_answer_is_never_undone_by_the_watch(world: World) -> None:
    for number in range(30):
        world.informer.observe(await world.write("a", x=str(number)))
        assert world.state()["a"] == {"x": str(number)}
        await asyncio.sleep(0)
    await world.write("b")
    await until(lambda: "b" in world.state())
    assert world.state()["a"] == {"x": "29"}
    assert not world.informer._ahead


async def test_a_type_that_arrives_later_is_mirrored_and_one_that_leaves_is_told(
    apiserver: ApiServer, namespace: str
) -> None:
    resource, definition = widget_type(f"{namespace}.example")
    async with api_of(apiserver) as api:
        informer = Informer(api, resource, lambda manifest: manifest["spec"], lambda key: None)
        async with running(informer):
            await until(lambda: isinstance(informer.failure, NotServed))
            await serve_widgets(api, resource.group)
            await api.create(NAMESPACES, {"metadata": {"name": namespace}}, manager="test")
            metadata = {"namespace": namespace, "name": "a"}
            widget = {
                "apiVersion": resource.api_version,
                "kind": "Widget",
                "metadata": metadata,
                "spec": {"x": 1},
            }
            await api.apply(resource, widget, manager="test")
            informer.reconnect()
            await until(lambda: informer.get((namespace, "a")) == {"x": 1})
            await api.delete(CRDS, definition["metadata"]["name"])
            await until(lambda: isinstance(informer.failure, NotServed), 20)
            assert not informer.connected
