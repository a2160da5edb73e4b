"""A MultiClusterService on a real host, and the ServiceExports that it makes in a real member."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from federation.kube.controller import Controller
from federation.kube.resources import Manifest
from federation.resources import CLUSTER, NAMESPACES
from mcs.aggregator import Aggregator
from mcs.names import FINALIZER, REQUESTED, Service, set_name
from mcs.records import Records
from mcs.reporting import Reporting
from mcs.resources import MULTI_CLUSTER_SERVICES, SERVICE_EXPORTS, SERVICE_SETS
from policies.api.meta import API_VERSION
from tests.federated import absent
from tests.mcs.apiserver.exporters import Exporting, World, a_world, eventually_idle, exporting
from tests.servers import Fleet


class Host:
    """What the host does for the Services of one namespace."""

    def __init__(self, records: Records, namespace: str) -> None:
        self._records, self._namespace = records, namespace
        self.report: Controller[Service] = Controller("report", Reporting(records))
        self.aggregate: Controller[Service] = Controller("aggregate", Aggregator(records))

    @asynccontextmanager
    async def running(self, *beside: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
        self._records.listeners.add(self)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in (self.report.run(), self.aggregate.run(), *beside)]
            yield
            for task in tasks:
                task.cancel()

    def exports_changed(self, service: Service) -> None:
        if service[0] == self._namespace:
            self.report.queue.add(service)
            self.aggregate.queue.add(service)

    set_changed = exports_changed

    def slices_changed(self, source: str, service: Service) -> None: ...
    def source_changed(self, cluster: str) -> None: ...


@pytest.fixture
async def world(fleet: Fleet, namespace: str) -> AsyncIterator[World]:
    """A member that is a Cluster of the host, labeled `tier=near`."""
    async with a_world(fleet, namespace) as found:
        metadata = {"name": found.cluster, "labels": {"tier": "near"}}
        manifest = {"apiVersion": API_VERSION, "kind": "Cluster", "metadata": metadata, "spec": {}}
        await found.host.apply(CLUSTER, manifest)
        await found.host.api.create(NAMESPACES, {"metadata": {"name": namespace}}, manager="test")
        try:
            yield found
        finally:
            await found.host.delete(CLUSTER, found.cluster)


@asynccontextmanager
async def running(world: World) -> AsyncIterator[Exporting]:
    """The member's exporter, and the host's part beside it."""
    async with (
        exporting(world.host.api, world.member.api, world.cluster) as found,
        Host(found.records, world.namespace).running(),
    ):
        yield found


@asynccontextmanager
async def the_host_alone(world: World) -> AsyncIterator[None]:
    records = Records(world.host.api)
    async with Host(records, world.namespace).running(records.run()):
        yield


async def want(world: World, **spec: Any) -> None:
    metadata = {"namespace": world.namespace, "name": "web"}
    kind = {"apiVersion": API_VERSION, "kind": "MultiClusterService", "metadata": metadata}
    await world.host.apply(MULTI_CLUSTER_SERVICES, kind | {"spec": spec})


async def until_export(world: World, holds: Callable[[Manifest | None], Any] = bool) -> Manifest:
    return await world.member.until(SERVICE_EXPORTS, "web", world.namespace, holds)


async def until_said(world: World, reason: str) -> Manifest:
    def says(live: Manifest | None) -> bool:
        conditions = ((live or {}).get("status") or {}).get("conditions") or [{"reason": ""}]
        return bool(conditions[0]["reason"] == reason)

    return await world.host.until(MULTI_CLUSTER_SERVICES, "web", world.namespace, says)


NEAR = {"labelSelector": {"matchLabels": {"tier": "near"}}}
FAR = {"labelSelector": {"matchLabels": {"tier": "far"}}}


@pytest.mark.soak
async def test_a_cluster_that_is_selected_exports_and_it_is_said(world: World) -> None:
    async with running(world):
        await want(world, exportFrom=NEAR)
        await until_said(world, "Pending")
        await world.make_service("web")
        export = await until_export(world)
        live = await until_said(world, "Exported")
        assert export["metadata"]["labels"] == {REQUESTED: "true"}
        assert live["status"]["clusters"] == [{"name": world.cluster, "exported": True}]
        assert live["metadata"]["finalizers"] == [FINALIZER]


@pytest.mark.parametrize("ends", [pytest.param("selection", marks=pytest.mark.soak), "deletion"])
async def test_it_takes_back_what_it_made(world: World, ends: str) -> None:
    await world.make_service("web")
    async with running(world):
        await want(world, exportFrom=NEAR)
        await until_said(world, "Exported")
        if ends == "selection":
            await want(world, exportFrom=FAR)
        else:
            await world.host.delete(MULTI_CLUSTER_SERVICES, "web", world.namespace)
        await until_export(world, absent)
        await world.until_exported("web", absent)
        if ends == "deletion":
            await world.host.until(MULTI_CLUSTER_SERVICES, "web", world.namespace, absent)
        else:
            await until_said(world, "NoClusterSelected")


@pytest.mark.soak
async def test_it_waits_for_a_cluster_that_is_away(world: World) -> None:
    await world.make_service("web")
    async with running(world):
        await want(world, exportFrom=NEAR)
        await until_said(world, "Exported")
    await world.host.delete(MULTI_CLUSTER_SERVICES, "web", world.namespace)
    async with the_host_alone(world):
        await until_said(world, "Deleting")
    async with running(world):
        await world.host.until(MULTI_CLUSTER_SERVICES, "web", world.namespace, absent)
        assert await until_export(world, absent) == {}


@pytest.mark.soak
async def test_a_users_export_is_never_touched(world: World) -> None:
    await world.make_service("web")
    mine = await world.make_export("web")
    async with running(world):
        await want(world, exportFrom=NEAR)
        await until_said(world, "Exported")
        await world.host.delete(MULTI_CLUSTER_SERVICES, "web", world.namespace)
        await world.host.until(MULTI_CLUSTER_SERVICES, "web", world.namespace, absent)
        live = await until_export(world)
        assert live["metadata"]["uid"] == mine["metadata"]["uid"]
        assert REQUESTED not in live["metadata"].get("labels", {})


@pytest.mark.soak
async def test_a_host_that_lost_it_takes_nothing_back(world: World) -> None:
    """As a host that was emptied: without a word of the deletion."""
    await world.make_service("web")
    async with running(world):
        await want(world, exportFrom=NEAR)
        await until_said(world, "Exported")
        epoch = await world.until_synced()
    await world.host.delete(MULTI_CLUSTER_SERVICES, "web", world.namespace)
    body = {"metadata": {"finalizers": []}}
    await world.host.api.patch(MULTI_CLUSTER_SERVICES, "web", world.namespace, body, manager="test")
    async with exporting(world.host.api, world.member.api, world.cluster) as found:
        await world.until_synced(but=epoch)
        await eventually_idle(found)
        assert await until_export(world)


async def test_the_set_says_what_is_wanted_and_then_what_the_exports_say(world: World) -> None:
    await world.make_service("web")
    name = set_name((world.namespace, "web"))
    async with running(world):
        await want(world, mode="NativeName", adoptExisting=True, importTo=NEAR)
        await until_said(world, "NotExported")
        await world.make_export("web")
        found = await world.host.until(SERVICE_SETS, name, "atoll-system", bool)
        assert found["spec"]["service"]["mode"] == "NativeName"
        assert world.cluster in found["spec"]["policy"]["importTo"]
        await world.host.delete(MULTI_CLUSTER_SERVICES, "web", world.namespace)
        await world.host.until(
            SERVICE_SETS,
            name,
            "atoll-system",
            lambda live: (
                live and live["spec"]["service"]["mode"] == "ClusterSet" and "policy" not in live["spec"]
            ),
        )
        await world.delete(SERVICE_EXPORTS, "web")
        await world.host.until(SERVICE_SETS, name, "atoll-system", absent)
