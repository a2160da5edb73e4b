"""Plain Service names in a member, between real API servers; they run no controllers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from federation.kube.resources import Manifest
from mcs.farewell import take_leave
from mcs.names import ADOPT_EXISTING, SERVICE_NAME, SHADOW, native_name
from mcs.resources import ENDPOINT_SLICES, SERVICE_IMPORTS, SERVICES
from tests.federation.kube.scripted import until
from tests.mcs.apiserver.importing import Importing, World, world_of
from tests.servers import Fleet

HTTP = {"name": "http", "port": 80}
NATIVE: dict[str, Any] = {"mode": "NativeName"}
ADOPTING: dict[str, Any] = {"mode": "NativeName", "adoptExisting": True}


@pytest.fixture
async def world(prepared: Fleet, namespace: str) -> AsyncIterator[World]:
    """A host and m2 with a namespace, and a slice of m1's Service web on the host; no importer runs."""
    async with world_of(prepared, namespace) as made:
        await made.make_namespace()
        await made.copy("m1", "10.1.0.1")
        yield made


async def told(world: World, reason: str) -> Manifest:
    """Wait until NativeNameReady says something; return the ServiceImport."""
    return await world.member.until(
        SERVICE_IMPORTS, "web", world.namespace, lambda live: _reasons(live).get("NativeNameReady") == reason
    )


def _reasons(live: Manifest | None) -> dict[str, str]:
    conditions = ((live or {}).get("status") or {}).get("conditions") or ()
    return {each["type"]: each["reason"] for each in conditions}


async def web(world: World) -> Manifest | None:
    return await world.member.get(SERVICES, "web", world.namespace)


async def users_service(world: World, **spec: Any) -> Manifest:
    metadata = {"namespace": world.namespace, "name": "web"}
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": metadata}
    return await world.member.apply(
        SERVICES, manifest | {"spec": {"ports": [HTTP], "selector": {"app": "web"}, **spec}}
    )


def attached(world: World) -> str:
    return native_name(f"{world.namespace}-m1-x")


@pytest.mark.soak
@pytest.mark.parametrize("type_", ["ClusterSetIP", "Headless"])
async def test_where_there_is_no_service_one_is_made_with_the_endpoints(
    world: World, importing: Importing, type_: str
) -> None:
    await world.export("m1", type=type_, **NATIVE)
    live = await told(world, "Attached")
    made = await web(world)
    assert made is not None
    assert (made["spec"]["clusterIP"] == "None") == (type_ == "Headless")
    assert [owner["uid"] for owner in made["metadata"]["ownerReferences"]] == [live["metadata"]["uid"]]
    piece = await world.slice_with(attached(world), "10.1.0.1")
    assert piece["metadata"]["labels"][SERVICE_NAME] == "web"


@pytest.mark.parametrize("type_", ["ClusterSetIP", "Headless"])
async def test_a_restart_writes_nothing_under_the_plain_name(world: World, fleet: Fleet, type_: str) -> None:
    """I7."""
    async with world.importing(fleet) as running:
        await world.export("m1", type=type_, **NATIVE)
        await told(world, "Attached")
        await running.at_rest()
    async with world.importing(fleet) as running:
        await until(lambda: running.records.set_of(world.web) is not None)
        await running.importer(world.web)
        await running.at_rest()
        assert not world.writes


@pytest.mark.soak
async def test_endpoints_under_the_plain_name_follow_their_source(world: World, importing: Importing) -> None:
    await world.export("m1", **NATIVE)
    await world.slice_with(attached(world), "10.1.0.1")
    await world.copy("m1", "10.1.0.2")
    await world.slice_with(attached(world), "10.1.0.2")


@pytest.mark.soak
async def test_a_shadow_follows_the_set_and_keeps_its_ip(world: World, importing: Importing) -> None:
    await world.export("m1", **NATIVE)
    await told(world, "Attached")
    before = await web(world)
    await world.export("m1", ports=[HTTP | {"port": 8080}], revision=2, **NATIVE)
    after = await world.member.until(
        SERVICES, "web", world.namespace, lambda live: live and live["spec"]["ports"][0]["port"] == 8080
    )
    assert before is not None
    assert after["spec"]["clusterIPs"] == before["spec"]["clusterIPs"]


@pytest.mark.soak
async def test_a_shadow_changes_with_the_type(world: World, importing: Importing) -> None:
    await world.export("m1", **NATIVE)
    await told(world, "Attached")
    await world.export("m1", type="Headless", revision=2, **NATIVE)
    await world.member.until(
        SERVICES, "web", world.namespace, lambda live: live and live["spec"]["clusterIP"] == "None"
    )


@pytest.mark.soak
async def test_what_somebody_does_to_a_shadow_and_its_slices_is_put_right(
    world: World, importing: Importing
) -> None:
    """M9."""
    await world.export("m1", **NATIVE)
    await told(world, "Attached")
    await world.member.delete(SERVICES, "web", world.namespace)
    await world.member.until(SERVICES, "web", world.namespace, bool)
    await world.member.delete(ENDPOINT_SLICES, attached(world), world.namespace)
    await world.slice_with(attached(world), "10.1.0.1")


@pytest.mark.parametrize("ends", ["mode", pytest.param("export", marks=pytest.mark.soak)])
async def test_the_end_takes_back_the_shadow_and_its_slices(
    world: World, importing: Importing, ends: str
) -> None:
    """I19 and I25."""
    await world.state("m1", synced=True)
    await world.export("m1", **NATIVE)
    await told(world, "Attached")
    if ends == "mode":
        await world.export("m1", revision=2)
    else:
        await world.unexport()
    await world.member.until(SERVICES, "web", world.namespace, lambda live: live is None)
    await world.gone(attached(world))
    remains = await world.member.until(
        SERVICE_IMPORTS, "web", world.namespace, lambda live: "NativeNameReady" not in _reasons(live)
    )
    assert bool(remains) == (ends == "mode")


@pytest.mark.parametrize("traits", [{}, NATIVE], ids=["ClusterSet", "NativeName"])
async def test_a_cluster_that_is_not_to_import_loses_all_of_it(
    world: World, importing: Importing, traits: Manifest
) -> None:
    """By word of the host, so nobody else need say so."""
    await world.export("m1", policy={"importTo": ["m2", "m3"]}, **traits)
    await world.ready()
    await world.export("m1", policy={"importTo": ["m3"]}, revision=2, **traits)
    await world.member.until(SERVICE_IMPORTS, "web", world.namespace, lambda live: live is None)
    assert (await web(world), await world.service()) == (None, None)
    assert await world.slice(attached(world)) is None
    await world.export("m1", revision=3, **traits)
    await world.ready()


# Services that users made


async def test_a_users_service_is_left_alone_unless_it_is_allowed(world: World, importing: Importing) -> None:
    before = await users_service(world)
    await world.export("m1", **NATIVE)
    await told(world, "ServiceMismatch")
    assert await world.slice(attached(world)) is None
    assert await web(world) == before


async def test_a_users_service_gets_the_endpoints_and_stays_as_it_is(
    world: World, importing: Importing
) -> None:
    """Byte by byte, before and after."""
    before = await users_service(world)
    await world.export("m1", **ADOPTING)
    await told(world, "Attached")
    await world.slice_with(attached(world), "10.1.0.1")
    assert await web(world) == before
    await world.export("m1", revision=2)
    await world.gone(attached(world))
    assert await web(world) == before


async def test_what_differs_too_much_is_not_attached_until_it_agrees(
    world: World, importing: Importing
) -> None:
    await users_service(world, ports=[HTTP | {"port": 81}])
    await world.export("m1", **ADOPTING)
    await told(world, "ServiceMismatch")
    assert await world.slice(attached(world)) is None
    await users_service(world)
    await told(world, "Attached")
    await world.slice_with(attached(world), "10.1.0.1")
    await users_service(world, ports=[HTTP | {"port": 81}])
    await world.gone(attached(world))


async def test_who_takes_the_shadow_over_has_it_with_the_endpoints(world: World, fleet: Fleet) -> None:
    """N4; also while no importer is there to see it."""
    await world.state("m1", synced=True)
    async with world.importing(fleet) as running:
        await world.export("m1", **NATIVE)
        await told(world, "Attached")
        await running.at_rest()
    uid = (await users_service(world))["metadata"]["uid"]
    async with world.importing(fleet) as running:
        mine = await world.member.until(
            SERVICES,
            "web",
            world.namespace,
            lambda live: live and "ownerReferences" not in live["metadata"],
        )
        await running.at_rest()
        assert mine["metadata"]["uid"] == uid
        assert mine["spec"]["selector"] == {"app": "web"}
        assert SHADOW not in mine["metadata"].get("labels", {})
        assert mine["metadata"]["annotations"][ADOPT_EXISTING] == "true"
        assert world.writes["PATCH services"] == 1
        await world.slice_with(attached(world), "10.1.0.1")
        await world.word("m1")
        await world.unexport()
        await world.gone(attached(world))
        assert await web(world) == mine


async def test_who_takes_it_over_as_the_last_export_ends_keeps_it(world: World, fleet: Fleet) -> None:
    await world.state("m1", synced=True)
    async with world.importing(fleet) as running:
        await world.export("m1", **NATIVE)
        await told(world, "Attached")
        await running.at_rest()
    uid = (await users_service(world))["metadata"]["uid"]
    await world.unexport()
    async with world.importing(fleet):
        await world.word("m1")
        await world.member.until(SERVICE_IMPORTS, "web", world.namespace, lambda live: live is None)
        mine = await web(world)
        assert mine is not None
        assert mine["metadata"]["uid"] == uid
        assert "ownerReferences" not in mine["metadata"]


async def test_a_host_that_lost_who_asked_for_it_takes_nothing_back(
    world: World, importing: Importing
) -> None:
    """The cluster of which nobody has heard since may be the one whose export decides."""
    await world.export("m1", "m3", **NATIVE)
    await told(world, "Attached")
    await world.state("m3", synced=True)
    await world.export("m3", revision=2)
    await until(lambda: _revision(importing, world) == 2)
    await importing.at_rest()
    await importing.importer(world.web)
    assert await web(world) is not None
    assert await world.slice(attached(world)) is not None
    await world.state("m1", left=True)
    await world.gone(attached(world))
    await world.member.until(SERVICES, "web", world.namespace, lambda live: live is None)


def _revision(importing: Importing, world: World) -> int:
    found = importing.records.set_of(world.web)
    return found.spec.revision if found else 0


# A member that leaves


async def test_a_member_that_leaves_loses_the_shadow_and_keeps_what_its_users_have(
    world: World, fleet: Fleet
) -> None:
    """Also what was taken over while nobody was there to see it: it would go with the ServiceImport."""
    async with world.importing(fleet) as running:
        await world.export("m1", **NATIVE)
        await told(world, "Attached")
        await running.at_rest()
    shadow = await web(world)
    assert shadow is not None
    taken = {key: shadow["metadata"][key] for key in ("namespace", "labels", "ownerReferences")}
    spec = {"ports": [HTTP], "selector": {"app": "mine"}}
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": {**taken, "name": "mine"}, "spec": spec}
    manifest["metadata"]["ownerReferences"][0]["name"] = "mine"
    await world.member.apply(SERVICES, manifest)
    await take_leave(world.member.api, "Delete")
    mine = await world.member.get(SERVICES, "mine", world.namespace)
    assert await web(world) is None
    assert await world.slice(attached(world)) is None
    assert mine is not None
    assert "ownerReferences" not in mine["metadata"]
