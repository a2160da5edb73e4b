"""A host that comes back with an older store: nobody loses an endpoint that its own cluster still has (I17).

The host is one of the test's own. Each member has an agent with mirrors and a connection of its own, as
agents in members do; that of m1 exports, and finds the host again later than that of m2, which imports.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from federation.install import install
from federation.kube.api import Api
from federation.kube.controller import Controller
from federation.kube.resources import Manifest
from federation.resources import NAMESPACES
from federation.settings import Staleness
from mcs.agent import Agent
from mcs.aggregator import Aggregator
from mcs.names import SERVICE_NAME, SOURCE_CLUSTER, Service, host_namespace, slice_name
from mcs.records import Records
from mcs.renewing import Renewing
from mcs.resources import ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICES
from tests.apiserver.clients import api_of, through_proxy
from tests.federated import Cluster
from tests.federation.kube.scripted import until
from tests.mcs.apiserver.exporters import serve_service_kinds
from tests.mcs.imports import addresses
from tests.servers import ApiServer, Fleet, running_apiserver

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

STALENESS = Staleness(renew=0.5, silent=120, frozen=240, grace=1)


class HostPart:
    """The aggregator, with mirrors of its own."""

    def __init__(self, host: Api) -> None:
        self.records = Records(host, STALENESS)
        self._aggregate: Controller[Service] = Controller("aggregate", Aggregator(self.records))
        self.records.listeners.add(self)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.records.run())
            group.create_task(self._aggregate.run())

    def exports_changed(self, service: Service) -> None:
        self._aggregate.queue.add(service)

    set_changed = exports_changed

    def slices_changed(self, source: str, service: Service) -> None: ...
    def source_changed(self, cluster: str) -> None:
        for service in self.records.services():
            self._aggregate.queue.add(service)


class Carried:
    """The agent of one member, with its signs of life."""

    def __init__(self, cluster: str, host: Api, member: Api) -> None:
        self.records = Records(host, STALENESS)
        self.agent = Agent(cluster, member, self.records)
        self._renew: Controller[str] = Controller(
            "renew",
            Renewing(self.records, lambda _: True, lambda _: True, lambda _: self.agent.whole, STALENESS),
        )
        self._renew.queue.add(cluster)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for each in (self.records, self.agent, self._renew):
                group.create_task(each.run())


class Lost:
    """Watches what m2 has of m1 from outside: the addresses that were there, and of those that went."""

    def __init__(self, member: Api, namespace: str) -> None:
        self._member, self._namespace = member, namespace
        self._slices: dict[str, set[str]] = {}
        self.seen: set[str] = set()
        self.gone: set[str] = set()

    def present(self) -> set[str]:
        return {address for each in self._slices.values() for address in each}

    async def run(self) -> None:
        selector = {"labelSelector": f"{SOURCE_CLUSTER}=m1"}
        version = await self._member.latest(ENDPOINT_SLICES)
        async with self._member.watch(
            ENDPOINT_SLICES, version, namespace=self._namespace, selector=selector
        ) as events:
            async for event in events:
                if event.type == "BOOKMARK":
                    continue
                name = event.manifest["metadata"]["name"]
                there = set(addresses(event.manifest)) if event.type != "DELETED" else set()
                self.gone |= self._slices.get(name, set()) - there
                self._slices[name] = there
                self.seen |= there


class World:
    """The host of the test, its members, and everything that runs between them."""

    def __init__(self, server: ApiServer, host: Api, fleet: Fleet, m1: Api, m2: Api, namespace: str) -> None:
        self.server, self.fleet, self.namespace = server, fleet, namespace
        self.host, self.m1, self.m2 = Cluster(host), Cluster(m1), Cluster(m2)

    async def export(self, name: str) -> None:
        metadata = {"namespace": self.namespace, "name": name}
        spec = {"ports": [{"name": "http", "port": 80}]}
        await self.m1.apply(
            SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
        )
        export = {"apiVersion": SERVICE_EXPORTS.api_version, "kind": "ServiceExport", "metadata": metadata}
        await self.m1.apply(SERVICE_EXPORTS, export)

    async def endpoints(self, service: str, name: str, *found: str) -> None:
        """Write a slice of a Service in m1, as kube-controller-manager does."""
        manifest: Manifest = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"namespace": self.namespace, "name": name, "labels": {SERVICE_NAME: service}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8080}],
            "endpoints": [{"addresses": [each], "conditions": {"ready": True}} for each in found],
        }
        await self.m1.apply(ENDPOINT_SLICES, manifest)

    async def until_copied(self, service: str, name: str, *found: str) -> None:
        copy = slice_name("m1", (self.namespace, service), name)
        await self.host.until(
            ENDPOINT_SLICES,
            copy,
            host_namespace("m1"),
            lambda live: live is not None and addresses(live) == [*found],
            seconds=60,
        )

    async def restart(self, restored: Path | None = None, copied: Path | None = None) -> None:
        """Stop the host, put another store in its place or copy it, and start it."""
        await asyncio.to_thread(self.server.stop)
        store = self.server.plane.layout.folder / "etcd"
        if copied is not None:
            await asyncio.to_thread(shutil.copytree, store, copied)
        if restored is not None:
            await asyncio.to_thread(shutil.rmtree, store)
            await asyncio.to_thread(shutil.copytree, restored, store)
        await asyncio.to_thread(self.server.start)


@pytest.fixture
async def world(
    fleet: Fleet,
    namespace: str,
    clusters_folder: Path,
    control_plane_binaries: Path,
    request: pytest.FixtureRequest,
) -> AsyncIterator[World]:
    with running_apiserver(clusters_folder, control_plane_binaries, request.config) as server:
        async with (
            api_of(server) as host,
            api_of(fleet.members["m1"]) as m1,
            api_of(fleet.members["m2"]) as m2,
        ):
            await install(host)
            for member in (m1, m2):
                await serve_service_kinds(member)
                await member.create(NAMESPACES, {"metadata": {"name": namespace}}, manager="test")
            world = World(server, host, fleet, m1, m2, namespace)
            yield world
            for name in ("web", "late"):
                await world.m1.delete(SERVICE_EXPORTS, name, namespace)


@asynccontextmanager
async def running(*parts: HostPart | Carried | Lost) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each.run()) for each in parts]
    try:
        yield
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_no_endpoint_goes_that_came_after_the_copy_of_the_store(world: World, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        lost = Lost(world.m2.api, world.namespace)
        way, proxy = await stack.enter_async_context(through_proxy(world.server))
        aggregating = await stack.enter_async_context(api_of(world.server))
        importing = await stack.enter_async_context(api_of(world.server))
        exporter = Carried("m1", way, world.m1.api)
        importer = Carried("m2", importing, world.m2.api)
        await stack.enter_async_context(running(lost, HostPart(aggregating), exporter, importer))
        await world.export("web")
        await world.endpoints("web", "web-1", "10.1.0.1")
        await until(lambda: lost.present() == {"10.1.0.1"}, 60)
        await world.restart(copied=tmp_path / "store")

        await world.endpoints("web", "web-1", "10.1.0.1", "10.1.0.2")
        await world.endpoints("web", "web-2", "10.1.0.3")
        await world.export("late")
        await world.endpoints("late", "late-1", "10.1.0.4")
        here = {f"10.1.0.{number}" for number in range(1, 5)}
        await until(lambda: lost.present() == here, 60)

        proxy.cut()
        lists = importer.records.words.lists
        await world.restart(restored=tmp_path / "store")
        await until(lambda: importer.records.words.lists >= lists + 4, 60)
        await until(
            lambda: importer.records.connected and not importer.records.slices_of("m1", _late(world)), 60
        )
        await until(importer.agent.importing.queue.idle, 60)
        assert lost.gone == set(), "nobody knows yet what m1 exports"
        proxy.heal()
        await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        await world.until_copied("late", "late-1", "10.1.0.4")
        await until(lambda: "m1" in importer.records.words, 60)
        await until(importer.agent.importing.queue.idle, 60)
        assert lost.gone == set()
        assert lost.present() == here

        await world.endpoints("web", "web-1", "10.1.0.1")
        await world.m1.delete(ENDPOINT_SLICES, "web-2", world.namespace)
        await until(lambda: lost.gone == {"10.1.0.2", "10.1.0.3"}, 60)


def _late(world: World) -> Service:
    return world.namespace, "late"
