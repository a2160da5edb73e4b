"""The exporter over a real host and a real member: services.md 4.3."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from federation.kube.resources import Manifest, Resource
from federation.resources import NAMESPACES
from mcs.names import MCS_SERVICE, SERVICE_NAMESPACE, SOURCE_CLUSTER, set_name
from mcs.resources import (
    CLUSTER_EXPORTS,
    ENDPOINT_SLICES,
    SERVICE_EXPORTS,
    SERVICE_SETS,
    SERVICES,
    SOURCE_STATES,
)
from policies.api.meta import API_VERSION
from tests.federated import absent, condition
from tests.federation.kube.scripted import until
from tests.mcs.apiserver.exporters import (
    World,
    a_web_service,
    a_world,
    counted,
    eventually_idle,
    exporting,
)
from tests.servers import Fleet


@pytest.fixture
async def world(fleet: Fleet, namespace: str) -> AsyncIterator[World]:
    async with a_world(fleet, namespace) as found:
        yield found


async def test_an_export_and_its_endpoints_come_to_the_host_and_it_is_said(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await a_web_service(world)
        record = await world.until_exported("web")
        copy = await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        await world.until_told("web", Valid="Valid", Ready="Exported", Conflict="NoConflicts")
    assert record["spec"]["cluster"] == world.cluster
    assert record["spec"]["service"]["type"] == "ClusterSetIP"
    assert record["spec"]["service"]["ports"] == [{"name": "http", "protocol": "TCP", "port": 80}]
    whose = {SOURCE_CLUSTER: world.cluster, SERVICE_NAMESPACE: world.namespace, MCS_SERVICE: "web"}
    assert record["metadata"]["labels"] == whose
    assert whose.items() <= copy["metadata"]["labels"].items()
    assert all("nodeName" not in each for each in copy["endpoints"])


async def test_a_service_without_an_export_stays_at_home(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await world.make_service("private")
        await world.make_slice("private-1", "private", "10.1.0.1")
        await a_web_service(world)
        await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        assert await world.exported("private") is None
        assert await world.copied("private", "private-1") is None


async def test_deleting_the_export_withdraws_record_and_endpoints(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await a_web_service(world)
        await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        await world.delete(SERVICE_EXPORTS, "web")
        await world.until_exported("web", absent)
        await world.until_copied("web", "web-1")


async def test_deleting_the_service_alone_withdraws_it_and_tells_its_export(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await a_web_service(world)
        await world.until_told("web", Ready="Exported")
        await world.delete(SERVICES, "web")
        await world.until_exported("web", absent)
        await world.until_copied("web", "web-1")
        await world.until_told("web", Valid="NoService", Ready="Pending", Conflict="NoConflicts")
        await world.make_service("web")
        await world.until_exported("web")
        await world.until_told("web", Valid="Valid", Ready="Exported")


async def test_each_change_of_a_condition_is_told_as_an_event_and_a_good_beginning_is_not(
    world: World,
) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await a_web_service(world)
        await world.until_told("web", Ready="Exported")
        await world.delete(SERVICES, "web")
        await world.until_events("web", "Warning NoService", "Normal Pending")
        await world.make_service("web")
        await world.until_events(
            "web", "Warning NoService", "Normal Pending", "Normal Valid", "Normal Exported"
        )


async def test_an_external_name_is_not_exported(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await world.make_service("web", type="ExternalName", externalName="example.com")
        await world.make_export("web")
        found = await world.until_told("web", Valid="InvalidServiceType", Ready="Pending")
        assert condition(found, "Valid") == "False"
        assert await world.exported("web") is None


async def test_a_headless_service_is_exported_as_such_in_both_families(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await world.make_service("web", clusterIP="None")
        await world.make_slice("web-4", "web", "10.1.0.1")
        await world.make_slice("web-6", "web", "fd00::1", type_="IPv6")
        await world.make_export("web")
        await world.until_exported("web", lambda m: m and m["spec"]["service"]["type"] == "Headless")
        await world.until_copied("web", "web-4", "10.1.0.1")
        await world.until_copied("web", "web-6", "fd00::1")


async def test_labels_that_an_export_names_are_followed_as_they_come_and_go(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await world.make_service("web")
        await world.make_export("web")
        for labels in ({"tier": "front"}, {"tier": "back", "x": "y"}, {}):
            change = {"spec": {"exportedLabels": labels or None}}
            await world.member.api.patch(SERVICE_EXPORTS, "web", world.namespace, change, manager="test")
            await world.until_exported("web", lambda m, want=labels: m and _labels(m) == want)
            await world.until_told("web", Ready="Exported")


def _labels(record: Manifest) -> Manifest:
    found: Manifest = record["spec"]["service"].get("labels") or {}
    return found


async def test_slices_are_followed_as_they_change_come_and_go(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await a_web_service(world)
        await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        await world.make_slice("web-1", "web", "10.1.0.2")
        await world.make_slice("web-2", "web", "10.1.0.3")
        await world.until_copied("web", "web-1", "10.1.0.2")
        await world.until_copied("web", "web-2", "10.1.0.3")
        await world.delete(ENDPOINT_SLICES, "web-1")
        await world.until_copied("web", "web-1")
        assert await world.copied("web", "web-2")


async def test_a_slice_that_was_made_anew_for_another_family_is_so_on_the_host(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await a_web_service(world)
        await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
    await world.delete(ENDPOINT_SLICES, "web-1")
    await world.make_slice("web-1", "web", "fd00::1", type_="IPv6")
    async with exporting(world.host.api, world.member.api, world.cluster):
        await world.until_copied("web", "web-1", "fd00::1")


async def test_an_endpoint_that_moves_to_another_slice_is_always_in_one_of_them(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await world.make_service("web")
        await world.make_export("web")
        await world.make_slice("web-1", "web", "10.1.0.1")
        await world.until_copied("web", "web-1", "10.1.0.1")
        async with witnessed(world, ENDPOINT_SLICES) as states:
            await world.make_slice("web-2", "web", "10.1.0.2")
            await world.until_copied("web", "web-2", "10.1.0.2")
            await world.make_slice("web-2", "web", "10.1.0.1", "10.1.0.2")
            await world.delete(ENDPOINT_SLICES, "web-1")
            await world.until_copied("web", "web-1")
            await world.until_copied("web", "web-2", "10.1.0.1", "10.1.0.2")
        assert states
        assert all("10.1.0.1" in state for state in states)


async def test_a_slice_that_loses_an_endpoint_waits_for_the_one_that_is_written_at_intervals(
    world: World,
) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await world.make_service("web")
        await world.make_export("web")
        await world.make_slice("web-1", "web", "10.1.0.1", "10.1.0.3")
        await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.3")
        async with witnessed(world, ENDPOINT_SLICES) as states:
            await world.make_slice("web-2", "web", "10.1.0.2")
            await world.until_copied("web", "web-2", "10.1.0.2")
            await world.make_slice("web-2", "web", "10.1.0.1", "10.1.0.2")
            await world.make_slice("web-1", "web", "10.1.0.3")
            await world.until_copied("web", "web-1", "10.1.0.3")
            await world.until_copied("web", "web-2", "10.1.0.1", "10.1.0.2")
        assert states
        assert all("10.1.0.1" in state for state in states)


@asynccontextmanager
async def witnessed(world: World, resource: Resource) -> AsyncIterator[list[str]]:
    """Collect what is in the cluster's place after each event, as text, until the block ends."""
    states: list[str] = []
    held: dict[str, Manifest] = {}
    version = "0"
    async for page in world.host.api.list(resource, namespace=world.place):
        held |= {item["metadata"]["name"]: item for item in page.items}
        version = page.resource_version

    async def follow() -> None:
        async with world.host.api.watch(resource, version, namespace=world.place) as events:
            async for event in events:
                held[event.manifest["metadata"]["name"]] = event.manifest
                if event.type == "DELETED":
                    del held[event.manifest["metadata"]["name"]]
                states.append(str([each.get("endpoints") for each in held.values()]))

    watching = asyncio.create_task(follow())
    try:
        yield states
    finally:
        watching.cancel()
        await asyncio.wait([watching])


async def test_a_slice_that_changes_often_is_written_at_intervals(world: World, fleet: Fleet) -> None:
    async with counted(fleet.host) as (host, writes), exporting(host, world.member.api, world.cluster):
        await a_web_service(world)
        await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        writes.clear()
        began = asyncio.get_running_loop().time()
        for number in range(1, 31):
            await world.make_slice("web-1", "web", f"10.1.1.{number}")
        await world.until_copied("web", "web-1", "10.1.1.30")
        took = asyncio.get_running_loop().time() - began
    assert writes[ENDPOINT_SLICES.group_resource] <= took / 0.2 + 1


async def test_everything_is_written_once(world: World, fleet: Fleet) -> None:
    await a_web_service(world)
    async with (
        counted(fleet.host) as (host, on_host),
        counted(fleet.members["m1"]) as (member, in_member),
        exporting(host, member, world.cluster) as running,
    ):
        await world.until_synced()
        await world.until_told("web", Ready="Exported")
        await eventually_idle(running)
        resources = (NAMESPACES, CLUSTER_EXPORTS, ENDPOINT_SLICES)
        assert {each.plural: on_host[each.group_resource] for each in resources} == {
            "namespaces": 1,
            "clusterexports": 1,
            "endpointslices": 1,
        }
        assert in_member == {SERVICE_EXPORTS.group_resource: 1}


async def test_what_the_host_answered_is_not_written_again_before_it_is_watched(
    world: World, fleet: Fleet
) -> None:
    async with (
        counted(fleet.host) as (host, writes),
        exporting(host, world.member.api, world.cluster) as running,
    ):
        await world.until_synced()
        running.watching_host.cancel()
        await a_web_service(world)
        await world.until_told("web", Ready="Exported")
        await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        await eventually_idle(running)
        running.export_changed((world.namespace, "web"))
        await eventually_idle(running)
    assert (writes[CLUSTER_EXPORTS.group_resource], writes[ENDPOINT_SLICES.group_resource]) == (1, 1)


async def test_what_the_member_answered_is_not_written_again_before_it_is_watched(
    world: World, fleet: Fleet
) -> None:
    async with (
        counted(fleet.members["m1"]) as (member, writes),
        exporting(world.host.api, member, world.cluster) as running,
    ):
        await a_web_service(world)
        await world.until_told("web", Ready="Exported")
        await eventually_idle(running)
        running.watching_member.cancel()
        writes.clear()
        await write_set(world, [{"reason": "PortConflict", "message": "ports differ"}])
        await world.until_told("web", Conflict="PortConflict")
        await eventually_idle(running)
        running.export_changed((world.namespace, "web"))
        await eventually_idle(running)
    assert writes == {SERVICE_EXPORTS.group_resource: 1, "events": 1}


async def test_a_restart_with_nothing_changed_writes_the_source_state_and_nothing_else(
    world: World, fleet: Fleet
) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await a_web_service(world)
        await world.make_export("orphan")
        await world.until_told("web", Ready="Exported")
        await world.until_told("orphan", Valid="NoService")
        await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        epoch = await world.until_synced()
    async with (
        counted(fleet.host) as (host, on_host),
        counted(fleet.members["m1"]) as (member, in_member),
        exporting(host, member, world.cluster),
    ):
        await world.until_synced(but=epoch)
    assert on_host == {SOURCE_STATES.group_resource: 2}
    assert in_member == {}


async def test_what_was_withdrawn_while_no_exporter_ran_is_removed_before_it_says_synced(
    world: World,
) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await a_web_service(world)
        await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        epoch = await world.until_synced()
    await world.delete(SERVICE_EXPORTS, "web")
    async with exporting(world.host.api, world.member.api, world.cluster):
        await world.until_synced(but=epoch)
        assert await world.exported("web") is None
        assert await world.copied("web", "web-1") is None


async def test_conflicts_of_the_set_are_told_and_taken_back(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await a_web_service(world)
        await world.until_told("web", Conflict="NoConflicts")
        conflicts = [{"reason": "PortConflict", "message": "ports differ"}]
        await write_set(world, conflicts)
        found = await world.until_told("web", Conflict="PortConflict", Ready="Exported")
        assert condition(found, "Conflict") == "True"
        await write_set(world, [])
        await world.until_told("web", Conflict="NoConflicts")


async def write_set(world: World, conflicts: list[Manifest]) -> None:
    """What the aggregator makes of the export."""
    service = (world.namespace, "web")
    cluster = {"name": world.cluster, "exportCreationTimestamp": "2026-11-21T02:00:00Z"}
    spec = {"namespace": world.namespace, "name": "web", "service": {"type": "ClusterSetIP"}}
    manifest = {
        "apiVersion": API_VERSION,
        "kind": "ServiceSet",
        "metadata": {"namespace": "atoll-system", "name": set_name(service)},
        "spec": spec | {"clusters": [cluster], "conflicts": conflicts},
    }
    await world.host.api.apply(SERVICE_SETS, manifest, manager="test")


async def test_when_the_host_is_listed_anew_all_is_looked_at_before_a_word_counts_and_nothing_written(
    world: World, fleet: Fleet
) -> None:
    """An older store of the same epoch could not be told by the SourceState."""
    async with (
        counted(fleet.host) as (host, writes),
        exporting(host, world.member.api, world.cluster) as running,
    ):
        await a_web_service(world)
        await world.until_told("web", Ready="Exported")
        await until(lambda: running.exporter.epoch.whole)
        await eventually_idle(running)
        writes.clear()
        running.records.relist()
        await until(lambda: world.cluster not in running.records.words)
        assert not running.exporter.epoch.whole
        await until(lambda: world.cluster in running.records.words)
        await until(lambda: running.exporter.epoch.whole)
        assert not writes
