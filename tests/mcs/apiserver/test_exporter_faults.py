"""The exporter over a host and a member that fail, forget and refuse: services.md 4.3, I17."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from federation.kube.api import Api
from federation.kube.resources import Manifest, Resource
from federation.resources import NAMESPACES
from mcs.names import FIELD_MANAGER, MCS_SERVICE, SOURCE_CLUSTER
from mcs.resources import (
    CLUSTER_EXPORTS,
    ENDPOINT_SLICES,
    SERVICE_EXPORTS,
    SOURCE_STATES,
)
from policies.api.meta import API_VERSION
from tests.apiserver.clients import CRDS, api_of, through_proxy
from tests.federated import Cluster, absent, condition, eventually
from tests.mcs.apiserver.exporters import (
    World,
    a_web_service,
    a_world,
    counted,
    eventually_idle,
    exporting,
    serve_service_kinds,
    until_served,
)
from tests.servers import Fleet


@pytest.fixture
async def world(fleet: Fleet, namespace: str) -> AsyncIterator[World]:
    async with a_world(fleet, namespace) as found:
        yield found


async def test_what_is_deleted_or_changed_on_the_host_comes_back(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await a_web_service(world)
        copy = await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        record = await world.until_exported("web")
        await world.host.delete(ENDPOINT_SLICES, copy["metadata"]["name"], world.place)
        await world.host.delete(CLUSTER_EXPORTS, record["metadata"]["name"], world.place)
        await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        await world.until_exported("web", lambda m: m and m["metadata"]["uid"] != record["metadata"]["uid"])
        await world.host.api.patch(
            CLUSTER_EXPORTS, record["metadata"]["name"], world.place, _UNLABELED, manager="mallory"
        )
        await world.until_exported(
            "web", lambda m: m and m["metadata"]["labels"] == record["metadata"]["labels"]
        )
        changed = _UNLABELED | {"endpoints": [{"addresses": ["10.9.9.9"]}]}
        await world.host.api.patch(
            ENDPOINT_SLICES, copy["metadata"]["name"], world.place, changed, manager="mallory"
        )
        found = await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        assert found["metadata"]["labels"] == copy["metadata"]["labels"]


_UNLABELED = {"metadata": {"labels": {MCS_SERVICE: None}}}


async def test_a_host_that_forgot_the_source_state_begins_another_epoch(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await a_web_service(world)
        epoch = await world.until_synced()
        await world.host.delete(SOURCE_STATES, world.cluster, "atoll-system")
        await world.until_synced(but=epoch)


async def test_that_a_cluster_left_is_not_taken_back_by_its_exporter(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster) as running:
        epoch = await world.until_synced()
        spec = {"cluster": world.cluster, "epoch": epoch, "synced": True, "left": True}
        metadata = {"namespace": "atoll-system", "name": world.cluster}
        manifest = {"apiVersion": API_VERSION, "kind": "SourceState", "metadata": metadata, "spec": spec}
        await world.host.api.apply(SOURCE_STATES, manifest, manager=FIELD_MANAGER)

        async def seen() -> bool:
            found = running.records.source(world.cluster)
            return found is not None and found.spec.left

        await eventually(seen, lambda: "the exporter has not seen it")
        await a_web_service(world)
        await world.until_exported("web")
        found = await world.host.get(SOURCE_STATES, world.cluster, "atoll-system")
        assert found is not None
        assert found["spec"] == spec


async def test_a_kind_that_the_member_does_not_serve_yet_is_waited_for(world: World, fleet: Fleet) -> None:
    async with in_m2(world, fleet) as other:
        member = other.member.api
        for plural in ("serviceexports", "serviceimports"):
            await stop_serving(member, plural)
        await other.make_service("web")
        async with exporting(world.host.api, member, world.cluster) as running:
            failing = running.locals.exports

            async def asked() -> bool:
                return failing.failure is not None

            await eventually(asked, lambda: "the kind was not asked for")
            found = await world.host.get(SOURCE_STATES, world.cluster, "atoll-system")
            assert found is not None
            assert found["spec"]["synced"] is False
            await serve_service_kinds(member)
            await other.make_export("web")
            await other.until_exported("web")
            await other.until_synced()


@asynccontextmanager
async def in_m2(world: World, fleet: Fleet) -> AsyncIterator[World]:
    """The same cluster, but in the member whose kinds may be taken away."""
    async with api_of(fleet.members["m2"]) as member:
        await member.create(NAMESPACES, {"metadata": {"name": world.namespace}}, manager="test")
        yield World(world.host.api, member, world.cluster, world.namespace)


async def stop_serving(member: Api, plural: str) -> None:
    """Another test may have installed it."""
    await Cluster(member).delete(CRDS, f"{plural}.multicluster.x-k8s.io")
    await until_served(member, SERVICE_EXPORTS._replace(plural=plural), served=False)


async def test_a_member_that_can_not_be_listed_withdraws_nothing(world: World, fleet: Fleet) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await a_web_service(world)
        await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        epoch = await world.until_synced()
    async with (
        through_proxy(fleet.members["m1"]) as (member, proxy),
        counted(fleet.host) as (host, writes),
    ):
        proxy.cut()
        async with exporting(host, member, world.cluster) as running:

            async def failed() -> bool:
                mirrors = (running.locals.exports, running.locals.services, running.locals.slices)
                return all(each.failure for each in mirrors) and running.records.connected

            await eventually(failed, lambda: "the member could be listed")
            running.export_changed((world.namespace, "web"))
            await eventually_idle(running)
            assert writes == {SOURCE_STATES.group_resource: 1}
            proxy.heal()
            await world.until_synced(but=epoch)
            assert writes == {SOURCE_STATES.group_resource: 2}


async def test_nothing_is_withdrawn_while_a_watch_of_the_member_is_broken(world: World, fleet: Fleet) -> None:
    async with in_m2(world, fleet) as other:
        await serve_service_kinds(other.member.api)
        async with exporting(world.host.api, other.member.api, world.cluster) as running:
            await a_web_service(other)
            await other.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
            await stop_serving(other.member.api, "serviceimports")

            async def broken() -> bool:
                return not running.locals.connected

            await eventually(broken, lambda: "all watches are open")
            await other.delete(SERVICE_EXPORTS, "web")

            async def seen() -> bool:
                known = running.locals.exports.get((other.namespace, "web"))
                return known is None and running.controller.queue.idle()

            await eventually(seen, lambda: "the export is known still")
            assert await other.exported("web")
            assert await other.copied("web", "web-1")
            await serve_service_kinds(other.member.api)
            await other.until_exported("web", absent)
            await other.until_copied("web", "web-1")


async def test_what_goes_while_the_member_is_out_of_reach_is_withdrawn_when_it_is_back(
    world: World, fleet: Fleet
) -> None:
    async with (
        through_proxy(fleet.members["m1"]) as (member, proxy),
        exporting(world.host.api, member, world.cluster) as running,
    ):
        await a_web_service(world)
        await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        proxy.cut()

        async def away() -> bool:
            return not running.locals.connected

        await eventually(away, lambda: "connected")
        await world.delete(SERVICE_EXPORTS, "web")
        running.export_changed((world.namespace, "web"))
        await eventually_idle(running)
        assert await world.exported("web")
        proxy.heal()
        await world.until_exported("web", absent)
        await world.until_copied("web", "web-1")


async def test_a_refused_write_is_told_and_so_is_that_it_went_well_later(world: World) -> None:
    await world.host.api.create(NAMESPACES, {"metadata": {"name": world.place}}, manager="test")
    await forbid_exports(world)
    async with exporting(world.host.api, world.member.api, world.cluster):
        await a_web_service(world)
        found = await world.until_told("web", Valid="Valid", Ready="Failed")
        message = next(each["message"] for each in found["status"]["conditions"] if each["type"] == "Ready")
        assert "exceeded quota: none" in message
        await world.until_synced()  # it is known not to be there: nobody waits for it
        await world.host.delete(QUOTAS, "none", world.place)
        await world.make_service("web", sessionAffinity="ClientIP")
        await world.until_told("web", Ready="Exported")


async def test_a_slice_that_the_host_refuses_holds_up_no_other(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await world.make_service("web")
        await world.make_export("web")
        await world.until_told("web", Ready="Exported")
        await occupy(world, world.copy_of("web", "web-1"))
        for number in range(1, 5):
            await world.make_slice(f"web-{number}", "web", f"10.1.0.{number}")
        for number in range(2, 5):
            await world.until_copied("web", f"web-{number}", f"10.1.0.{number}")
        found = await world.until_told("web", Ready="Failed")
        assert "already exists" in str(found["status"])
        await world.host.delete(ENDPOINT_SLICES, world.copy_of("web", "web-1"), world.place)
        await world.make_slice("web-1", "web", "10.1.0.9")
        await world.until_copied("web", "web-1", "10.1.0.9")
        await world.until_told("web", Ready="Exported")


async def occupy(world: World, name: str) -> None:
    """Put something of somebody else where a copy is to be."""
    metadata = {"namespace": world.place, "name": name}
    manifest = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata}
    content = {"addressType": "IPv6", "endpoints": []}
    await world.host.apply(ENDPOINT_SLICES, manifest | content)


async def test_a_namespace_of_the_host_that_is_gone_is_made_again(world: World) -> None:
    async with exporting(world.host.api, world.member.api, world.cluster):
        await a_web_service(world)
        copy = await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        told = await world.until_told("web", Ready="Exported")
        place = await end_namespace(world, copy["metadata"]["name"])
        await world.host.until(
            NAMESPACES, world.place, None, lambda m: m and m["metadata"]["uid"] != place["metadata"]["uid"]
        )
        await world.until_exported("web")
        await world.until_copied("web", "web-1", "10.1.0.1", "10.1.0.2")
        found = await world.host.get(NAMESPACES, world.place)
        assert found is not None
        assert found["metadata"]["labels"][SOURCE_CLUSTER] == world.cluster
        after = await world.until_told("web", Ready="Exported")
        assert after["status"] == told["status"], "a namespace on its way out is no refusal"


async def end_namespace(world: World, copy: str) -> Manifest:
    """Delete a namespace with all that is in it, as the controller does that does not run here."""
    api = world.host.api
    await world.host.delete(NAMESPACES, world.place)
    await world.host.delete(CLUSTER_EXPORTS, world.record("web"), world.place)
    await world.host.delete(ENDPOINT_SLICES, copy, world.place)
    place = await api.get(NAMESPACES, world.place)
    await api.request(
        "PUT", NAMESPACES.path(None, world.place, "finalize"), body=place | {"spec": {"finalizers": []}}
    )
    return place


async def test_a_host_out_of_reach_is_told_to_new_exports_and_asked_again(world: World, fleet: Fleet) -> None:
    async with (
        through_proxy(fleet.host) as (host, proxy),
        exporting(host, world.member.api, world.cluster) as running,
    ):
        await a_web_service(world)
        await world.until_told("web", Ready="Exported")
        proxy.cut()
        await world.make_service("web", sessionAffinity="ClientIP")
        await world.make_service("later")
        await world.make_export("later")
        await world.until_told("later", Valid="Valid", Ready="Pending")
        assert running.exporter.epoch.begun
        found = await world.member.get(SERVICE_EXPORTS, "web", world.namespace)
        assert found is not None
        assert condition(found, "Ready") == "True", "other clusters have what it exported before"
        proxy.heal()
        await world.until_told("later", Ready="Exported")
        await world.until_exported(
            "web", lambda m: m and m["spec"]["service"]["sessionAffinity"] == "ClientIP"
        )


def _with_affinity(record: Manifest | None) -> bool:
    return record is not None and record["spec"]["service"]["sessionAffinity"] == "ClientIP"


async def test_an_exporter_that_starts_while_the_host_is_away_begins_when_it_is_back(
    world: World, fleet: Fleet
) -> None:
    await a_web_service(world)
    async with through_proxy(fleet.host) as (host, proxy):
        proxy.cut()
        async with exporting(host, world.member.api, world.cluster) as running:

            async def mirrored() -> bool:
                return running.locals.connected and running.records.exports.failure is not None

            await eventually(mirrored, lambda: "the host answered, or the member did not")
            assert not running.exporter.epoch.begun
            proxy.heal()
            await world.until_synced()
            assert await world.exported("web")
            assert await world.copied("web", "web-1")


QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")


async def forbid_exports(world: World) -> None:
    """Have the host refuse them by a quota; no controller is there to fill in its status."""
    hard = {"hard": {"count/clusterexports.federation.atoll.dev": "0"}}
    metadata = {"namespace": world.place, "name": "none"}
    manifest = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": hard}
    await world.host.apply(QUOTAS, manifest)
    status = hard | {"used": {"count/clusterexports.federation.atoll.dev": "0"}}
    await world.host.api.patch(
        QUOTAS, "none", world.place, {"status": status}, manager="test", subresource="status"
    )
