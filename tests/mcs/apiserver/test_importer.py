"""The importer of a member between real API servers; they run no controllers, so no garbage collector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from federation.kube.resources import Manifest, Resource
from federation.resources import NAMESPACES
from mcs.names import (
    CONTROLLER,
    HEADLESS,
    IMPORTED_BY,
    MCS_SERVICE,
    SERVICE_NAME,
    SET_REVISION,
    slice_name,
)
from mcs.resources import ENDPOINT_SLICES, SERVICE_IMPORTS, SERVICES
from tests.apiserver.clients import through_proxy
from tests.federated import USER
from tests.federation.kube.scripted import until
from tests.mcs.apiserver.importing import Importing, World
from tests.servers import Fleet


async def look(importing: Importing, world: World) -> None:
    """One more reconcile; what the test changed before must be in the mirrors."""
    await importing.at_rest()
    assert await importing.importer(world.web) is None


# A Service that is exported


async def test_an_exported_service_gets_an_ip_in_the_member(world: World, importing: Importing) -> None:
    await world.export("m1")
    live = await world.ready()
    derived = await world.service()
    assert derived is not None
    assert live["spec"]["ips"] == derived["spec"]["clusterIPs"]
    assert live["spec"]["ipFamilies"] == derived["spec"]["ipFamilies"] == ["IPv4"]
    assert live["status"]["clusters"] == [{"cluster": "m1"}]


async def test_all_that_is_made_belongs_to_the_import(world: World, importing: Importing) -> None:
    name = await world.copy("m1", "10.1.0.1")
    await world.export("m1")
    live = await world.ready()
    for each in (await world.service(), await world.slice(name)):
        assert each is not None
        (owner,) = each["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == (live["metadata"]["uid"], False)


async def test_endpoints_of_another_cluster_are_behind_the_derived_service(
    world: World, importing: Importing
) -> None:
    name = await world.copy("m1", "10.1.0.1", zone="z1", nodeName="a")
    await world.export("m1")
    live = await world.slice_with(name, "10.1.0.1")
    assert live["metadata"]["labels"][SERVICE_NAME] == world.derived
    assert live["endpoints"] == [{"addresses": ["10.1.0.1"], "conditions": {"ready": True}, "zone": "z1"}]


async def test_what_callers_need_is_there_before_the_status(world: World, importing: Importing) -> None:
    """Else each of hundreds that begin at once would wait for the conditions of those before it."""
    importing.records.listeners.clear()  # only this test looks, until something is written
    name = await world.copy("m1", "10.1.0.1")
    await world.export("m1")
    await until(lambda: importing.records.set_of(world.web) and importing.records.slices_of("m1", world.web))
    assert await importing.importer(world.web) == 0
    assert importing.locals.slices.get((world.namespace, name))
    assert (await world.ready())["spec"]["ips"]


async def test_a_derived_service_that_was_made_before_a_crash_keeps_its_ip(
    world: World, importing: Importing
) -> None:
    made = await world.member.apply(SERVICES, _derived(world))
    await world.export("m1")
    live = await world.ready()
    assert live["spec"]["ips"] == made["spec"]["clusterIPs"]
    derived = await world.service()
    assert derived is not None
    assert derived["metadata"]["ownerReferences"][0]["uid"] == live["metadata"]["uid"]


async def test_a_derived_service_without_import_goes_when_the_export_ended_meanwhile(
    world: World, importing: Importing
) -> None:
    await world.forget_states()
    await world.member.apply(SERVICES, _derived(world))
    await until(lambda: importing.locals.derived(world.web) is not None)
    await importing.at_rest()
    await world.state("m1", synced=True)
    await world.member.until(SERVICES, world.derived, world.namespace, lambda live: live is None)


def _derived(world: World) -> Manifest:
    labels = {MCS_SERVICE: "web", IMPORTED_BY: CONTROLLER}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": world.namespace, "name": world.derived, "labels": labels},
        "spec": {"ports": [{"port": 80}]},
    }


async def test_own_endpoints_are_mirrored_with_their_node_and_followed(
    world: World, importing: Importing
) -> None:
    await world.local_slice("web-abc", "10.2.0.1", nodeName="a")
    await world.export("m1", "m2")
    name = slice_name("m2", world.web, "web-abc")
    assert (await world.slice_with(name, "10.2.0.1"))["endpoints"][0]["nodeName"] == "a"
    await world.local_slice("web-abc", "10.2.0.2")
    await world.slice_with(name, "10.2.0.2")
    await world.member.delete(ENDPOINT_SLICES, "web-abc", world.namespace)
    await world.gone(name)


async def test_a_port_that_means_something_else_elsewhere_is_left_out(
    world: World, importing: Importing
) -> None:
    await world.copy("m1", "10.1.0.1")
    lost = await world.copy("m3", "10.3.0.1")
    await world.export("m1", {"name": "m3", "excludedPorts": ["http"]})
    await world.ready()
    assert await world.slice(lost) is None


async def test_a_headless_service_has_no_ip(world: World, importing: Importing) -> None:
    name = await world.copy("m1", "10.1.0.1")
    await world.export("m1", type="Headless")
    live = await world.ready()
    assert "ips" not in live["spec"]
    assert await world.service() is None
    labels = (await world.slice_with(name, "10.1.0.1"))["metadata"]["labels"]
    assert (HEADLESS in labels, SERVICE_NAME in labels) == (True, False)


async def test_when_the_type_flips_the_ip_goes_and_the_slices_follow(
    world: World, importing: Importing
) -> None:
    name = await world.copy("m1", "10.1.0.1")
    await world.export("m1")
    await world.ready()
    await world.export("m1", type="Headless", revision=2)
    await world.member.until(SERVICES, world.derived, world.namespace, lambda live: live is None)
    await world.member.until(
        SERVICE_IMPORTS, "web", world.namespace, lambda live: live and "ips" not in live["spec"]
    )
    await world.member.until(
        ENDPOINT_SLICES,
        name,
        world.namespace,
        lambda live: live and SERVICE_NAME not in live["metadata"]["labels"],
    )


async def test_a_change_of_the_service_keeps_its_ip(world: World, importing: Importing) -> None:
    """I9."""
    await world.export("m1", trafficDistribution="PreferClose", labels={"tier": "front"})
    before = await world.ready()
    changed = [{"name": "https", "port": 443}, {"name": "http", "port": 8080}]
    await world.export("m1", ports=changed, sessionAffinity="ClientIP", revision=2)
    after = await world.member.until(
        SERVICE_IMPORTS,
        "web",
        world.namespace,
        lambda live: revision_of(live) == "2",
    )
    derived = await world.service()
    assert derived is not None
    assert after["spec"]["ips"] == before["spec"]["ips"] == derived["spec"]["clusterIPs"]
    assert {port["port"] for port in derived["spec"]["ports"]} == {443, 8080}
    assert derived["spec"]["sessionAffinity"] == "ClientIP"
    assert "trafficDistribution" not in after["spec"]
    assert "tier" not in after["metadata"]["labels"]


async def test_a_namespace_that_comes_later_gets_its_imports(
    world: World, importing: Importing, fleet: Fleet
) -> None:
    world.namespace += "-later"
    world.web = (world.namespace, "web")
    async with world.importing(fleet):
        await world.export("m1")
        await world.make_namespace()
        await world.ready()


async def test_a_namespace_on_its_way_out_is_left_alone(world: World, importing: Importing) -> None:
    await world.member.delete(NAMESPACES, world.namespace)
    await until(lambda: importing.locals.namespaces.get(("", world.namespace)) is False)
    await world.export("m1")
    await until(lambda: importing.records.set_of(world.web) is not None)
    await look(importing, world)
    assert not world.writes


# How much is written

COST = {
    "POST services": 1,
    "PATCH serviceimports": 2,
    "POST endpointslices": 1,
    "PATCH services": 1,
}
"""Of one that has one slice: the Service's owner and the status of the import come afterwards."""


async def test_a_new_import_costs_one_write_for_each_object_its_status_and_the_owner(
    world: World, importing: Importing
) -> None:
    await world.copy("m1", "10.1.0.1")
    await until(lambda: bool(importing.records.slices_of("m1", world.web)))
    await world.export("m1")
    await world.ready()
    await look(importing, world)
    assert world.writes == COST


async def test_what_was_written_is_known_before_the_watch_tells(world: World, prepared: Fleet) -> None:
    await world.copy("m1", "10.1.0.1")
    async with (
        through_proxy(prepared.members["m2"]) as (slow, proxy),
        world.importing(prepared, watched=slow) as running,
    ):
        await until(lambda: bool(running.records.slices_of("m1", world.web)))
        proxy.stall()
        await world.export("m1")
        await world.ready()
        await look(running, world)
        assert world.writes == COST


async def test_a_changed_endpoint_costs_one_write(world: World, importing: Importing) -> None:
    name = await world.copy("m1", "10.1.0.1")
    await world.export("m1")
    await world.ready()
    await importing.at_rest()
    world.writes.clear()
    await world.copy("m1", "10.1.0.2")
    await world.slice_with(name, "10.1.0.2")
    await look(importing, world)
    assert world.writes == {"PATCH endpointslices": 1}


@pytest.mark.parametrize("type_", ["ClusterSetIP", "Headless"])
async def test_a_restart_writes_nothing(world: World, fleet: Fleet, type_: str) -> None:
    """I7."""
    name = await world.copy("m1", "10.1.0.1")
    await world.local_slice("web-abc", "10.2.0.1")
    ports = [{"name": "https", "port": 443}, {"name": "http", "port": 80, "appProtocol": "http"}]
    async with world.importing(fleet):
        traits = {"type": type_, "sessionAffinity": "ClientIP", "sessionAffinitySeconds": 60}
        await world.export("m2", "m1", ports=ports[::-1], **traits)
        await world.ready()
        await world.export("m2", "m1", ports=ports, revision=2, **traits)
        await world.slice_with(name, "10.1.0.1")
        await world.member.until(SERVICE_IMPORTS, "web", world.namespace, is_told_of_revision_2)
    async with world.importing(fleet) as again:
        await look(again, world)
        assert not world.writes


# What others do in the member

Tampering = Callable[[World], tuple[Resource, str, Manifest]]

TAMPERINGS: dict[str, Tampering] = {
    "another port of the import": lambda w: (SERVICE_IMPORTS, "web", {"spec": {"ports": [{"port": 1}]}}),
    "another IP of the import": lambda w: (SERVICE_IMPORTS, "web", {"spec": {"ips": ["10.9.9.9"]}}),
    "a field that the import does not have": lambda w: (
        SERVICE_IMPORTS, "web", {"spec": {"trafficDistribution": "PreferClose"}},
    ),
    "a selector of the derived service": lambda w: (SERVICES, w.derived, {"spec": {"selector": {"a": "b"}}}),
    "one more port of the derived service": lambda w: (
        SERVICES, w.derived, {"spec": {"ports": [{"name": "a", "port": 81}, {"name": "http", "port": 80}]}},
    ),
    "no labels of the derived service": lambda w: (
        SERVICES, w.derived, {"metadata": {"labels": {MCS_SERVICE: None, IMPORTED_BY: None}}},
    ),
    "other endpoints": lambda w: (
        ENDPOINT_SLICES, f"{w.namespace}-m1-x", {"endpoints": [{"addresses": ["10.9.9.9"]}]},
    ),
    "the endpoints of another service": lambda w: (
        ENDPOINT_SLICES, f"{w.namespace}-m1-x", {"metadata": {"labels": {SERVICE_NAME: "other"}}},
    ),
    "a label that takes endpoints out": lambda w: (
        ENDPOINT_SLICES, f"{w.namespace}-m1-x", {"metadata": {"labels": {HEADLESS: ""}}},
    ),
}  # fmt: skip


def essence(manifest: Manifest) -> dict[str, Any]:
    """What a caller gets of an object: no versions, no times."""
    metadata = {name: manifest["metadata"].get(name) for name in ("uid", "labels", "annotations")}
    rest = {name: manifest.get(name) for name in ("spec", "endpoints", "ports")}
    return rest | metadata


@pytest.mark.parametrize("change", TAMPERINGS)
async def test_what_others_change_is_reverted(world: World, importing: Importing, change: str) -> None:
    """M9."""
    await world.state("m1", synced=True)
    await world.copy("m1", "10.1.0.1")
    await world.export("m1")
    await world.ready()
    resource, name, patch = TAMPERINGS[change](world)
    before = await world.member.get(resource, name, world.namespace)
    assert before is not None
    changed = await world.member.api.patch(resource, name, world.namespace, patch, manager=USER)
    assert essence(changed) != essence(before)
    await world.member.until(
        resource, name, world.namespace, lambda live: live is not None and essence(live) == essence(before)
    )


async def test_a_status_that_others_change_is_reverted(world: World, importing: Importing) -> None:
    await world.export("m1")
    await world.ready()
    changed = await world.member.api.patch(
        SERVICE_IMPORTS, "web", world.namespace, {"status": {"clusters": [{"cluster": "x"}]}},
        manager=USER, subresource="status",
    )  # fmt: skip
    assert changed["status"]["clusters"] == [{"cluster": "x"}]
    await world.member.until(
        SERVICE_IMPORTS,
        "web",
        world.namespace,
        lambda live: live and live["status"]["clusters"] == [{"cluster": "m1"}],
    )


@pytest.mark.parametrize("kind", ["import", "service", "slice"])
async def test_what_others_delete_comes_back(world: World, importing: Importing, kind: str) -> None:
    name = await world.copy("m1", "10.1.0.1")
    await world.export("m1")
    await world.ready()
    resource, lost = {
        "import": (SERVICE_IMPORTS, "web"),
        "service": (SERVICES, world.derived),
        "slice": (ENDPOINT_SLICES, name),
    }[kind]
    before = await world.member.get(resource, lost, world.namespace)
    assert before is not None
    await world.member.delete(resource, lost, world.namespace)
    await world.member.until(
        resource,
        lost,
        world.namespace,
        lambda live: live and live["metadata"]["uid"] != before["metadata"]["uid"],
    )
    service = await world.service()
    live = await world.ready()
    await until_equal(world, service, live)


async def until_equal(world: World, service: Manifest | None, live: Manifest) -> None:
    """Wait until the import has the IP of its Service, and the slice is its own."""
    assert service is not None
    await world.member.until(
        SERVICE_IMPORTS,
        "web",
        world.namespace,
        lambda found: found and found["spec"].get("ips") == service["spec"]["clusterIPs"],
    )
    await world.member.until(
        ENDPOINT_SLICES,
        f"{world.namespace}-m1-x",
        world.namespace,
        lambda found: (
            found
            and [each["uid"] for each in found["metadata"]["ownerReferences"]] == [live["metadata"]["uid"]]
        ),
    )


async def test_a_service_of_someone_else_with_the_derived_name_is_left_alone(
    world: World, importing: Importing
) -> None:
    """I18."""
    metadata = {"namespace": world.namespace, "name": world.derived, "labels": {MCS_SERVICE: "web"}}
    spec = {"selector": {"app": "x"}, "ports": [{"port": 1}]}
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    before = await world.member.apply(SERVICES, manifest)
    await until(lambda: importing.locals.derived(world.web) is not None)
    name = await world.copy("m1", "10.1.0.1")
    await world.export("m1")
    live = await world.ready("NameCollision")
    assert "ips" not in live["spec"]
    assert await world.service() == before
    assert await world.slice(name) is None
    await world.member.delete(SERVICES, world.derived, world.namespace)
    await world.ready()
    await world.slice_with(name, "10.1.0.1")


async def test_an_import_of_another_implementation_is_left_alone(
    world: World, importing: Importing, caplog: pytest.LogCaptureFixture
) -> None:
    """I18."""
    metadata = {"namespace": world.namespace, "name": "web"}
    manifest = {
        "apiVersion": SERVICE_IMPORTS.api_version, "kind": "ServiceImport", "metadata": metadata,
        "spec": {"type": "ClusterSetIP", "ports": [{"port": 1}]},
    }  # fmt: skip
    before = await world.member.apply(SERVICE_IMPORTS, manifest)
    await until(lambda: importing.locals.imports.get(world.web) is not None)
    await world.export("m1")
    await until(lambda: importing.records.set_of(world.web) is not None)
    await look(importing, world)
    await world.unexport()
    await world.state("m1", synced=True)
    await until(lambda: importing.records.set_of(world.web) is None and _is_synced(importing, "m1"))
    await look(importing, world)
    assert await world.member.get(SERVICE_IMPORTS, "web", world.namespace) == before
    assert not world.writes
    told = [
        record for record in caplog.records if "is not ours" in record.message or "not ours" in record.message
    ]
    assert len(told) == 1


async def test_a_slice_of_someone_else_with_our_name_is_left_alone(
    world: World, importing: Importing
) -> None:
    name = await world.copy("m1", "10.1.0.1")
    await world.local_slice(name, "10.9.9.9")
    await until(lambda: importing.locals.slices.get((world.namespace, name)) is not None)
    before = await world.slice(name)
    await world.export("m1")
    await world.ready()
    assert await world.slice(name) == before


async def test_an_import_without_a_family_in_common_says_so(world: World, importing: Importing) -> None:
    name = await world.copy("m1", "fd00::1")
    await world.export("m1", ipFamilies=["IPv6"])
    live = await world.ready("IPFamilyNotSupported")
    assert "IPv6" in live["status"]["conditions"][0]["message"]
    assert await world.service() is None
    assert await world.slice(name) is None


async def test_when_the_last_common_family_goes_so_do_ip_and_endpoints(
    world: World, importing: Importing
) -> None:
    name = await world.copy("m1", "10.1.0.1")
    await world.export("m1")
    await world.ready()
    await world.export("m1", ipFamilies=["IPv6"], revision=2)
    live = await world.ready("IPFamilyNotSupported")
    assert "ips" not in live["spec"]
    assert await world.service() is None
    await world.gone(name)
    await world.until_told("Warning IPFamilyNotSupported")


async def test_a_derived_service_that_is_refused_is_told_of(world: World, importing: Importing) -> None:
    await world.export("m1", trafficDistribution="ToTheMoon")
    live = await world.ready("Pending")
    assert "trafficDistribution" in live["status"]["conditions"][0]["message"]
    assert "ips" not in live["spec"]


# What goes, and what does not


async def test_endpoints_go_when_their_cluster_says_that_it_has_no_more(
    world: World, importing: Importing
) -> None:
    """M8 (c), I17."""
    name = await world.copy("m1", "10.1.0.1")
    await world.export("m1")
    await world.ready()
    await world.slice_with(name, "10.1.0.1")
    await world.host.delete(ENDPOINT_SLICES, name, "fed-m1")
    await until(lambda: not importing.records.slices_of("m1", world.web))
    await look(importing, world)
    assert await world.slice(name) is not None
    await world.state("m1", synced=True)
    await world.gone(name)


@pytest.mark.parametrize("said", ["synced", "left"])
async def test_an_import_goes_when_all_that_exported_it_say_so(
    world: World, importing: Importing, said: str
) -> None:
    name = await world.copy("m1", "10.1.0.1")
    await world.export("m1", "m3")
    await world.ready()
    await world.unexport()
    await world.state("m1", synced=True)
    await until(lambda: importing.records.set_of(world.web) is None and _is_synced(importing, "m1"))
    await look(importing, world)
    await world.ready()
    await world.state("m3", **{said: True})
    await world.member.until(SERVICE_IMPORTS, "web", world.namespace, lambda live: live is None)
    await world.gone(name)
    assert await world.service() is None


async def test_an_import_stays_while_a_cluster_exports_it_though_there_is_no_set(
    world: World, importing: Importing
) -> None:
    await world.export("m1")
    await world.ready()
    await world.cluster_export("m1")
    await until(lambda: bool(importing.records.exports_of(world.web)))
    await world.unexport()
    await world.state("m1", synced=True)
    await until(lambda: importing.records.set_of(world.web) is None and _is_synced(importing, "m1"))
    await importing.at_rest()
    world.writes.clear()
    await look(importing, world)
    assert not world.writes


async def test_a_host_that_lost_everything_takes_nothing_away(world: World, importing: Importing) -> None:
    """I17."""
    name = await world.copy("m1", "10.1.0.1")
    await world.state("m1", synced=True)
    await world.export("m1")
    await world.ready()
    await until(lambda: _is_synced(importing, "m1"))
    await importing.at_rest()
    world.writes.clear()
    await world.forget_states()
    await until(lambda: importing.records.source("m1") is None)
    await world.unexport()
    await world.host.delete(ENDPOINT_SLICES, name, "fed-m1")
    await until(lambda: world.web not in importing.records.services())
    await look(importing, world)
    assert not world.writes
    assert await world.slice(name) is not None


async def test_what_is_older_is_not_applied_after_what_is_newer(world: World, prepared: Fleet) -> None:
    """I22: another process was here first, with news that our watch does not have yet."""
    await world.export("m1")
    async with through_proxy(prepared.host) as (slow, proxy), world.importing(prepared, slow) as behind:
        await world.ready()
        behind.records.api = world.host.api  # a question is answered while the watch is silent
        proxy.stall()
        await world.export("m1", "m3", revision=2)
        async with world.importing(prepared):
            await until(lambda: revision_of(behind.locals.imports.get(world.web)) == "2")
        await behind.at_rest()
        world.writes.clear()
        assert await behind.importer(world.web) is not None
        assert not world.writes


async def test_a_restored_host_is_followed_though_its_revisions_are_older(
    world: World, importing: Importing
) -> None:
    await world.export("m1", revision=7)
    await world.ready()
    await world.export("m1", "m3", revision=3)
    await world.member.until(
        SERVICE_IMPORTS,
        "web",
        world.namespace,
        lambda live: revision_of(live) == "3",
    )


async def test_nothing_is_written_while_a_mirror_is_behind(world: World, fleet: Fleet) -> None:
    """M1."""
    await world.export("m1")
    importing = Importing(world.host.api, world.member.api, world.namespace)
    assert await importing.importer(world.web) is not None
    assert await world.member.get(SERVICE_IMPORTS, "web", world.namespace) is None


def revision_of(live: Manifest | None) -> str:
    """The revision of the ServiceSet that an import was made of."""
    return str(live["metadata"]["annotations"][SET_REVISION]).rpartition("/")[2] if live else ""


def is_told_of_revision_2(live: Manifest | None) -> bool:
    """Whether the status, which is written last, speaks of the import as revision 2 made it."""
    if live is None or revision_of(live) != "2":
        return False
    (ready,) = live["status"]["conditions"]
    return bool(ready["observedGeneration"] == live["metadata"]["generation"])


def _is_synced(importing: Importing, cluster: str) -> bool:
    state = importing.records.source(cluster)
    return state is not None and state.spec.synced
