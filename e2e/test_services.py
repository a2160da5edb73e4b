"""Services of several clusters are one: exports, endpoints, accidents, as callers in each of them see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from e2e.beside import beside
from e2e.fleet import SETTLE, Fleet
from federation.kube.resources import Manifest
from federation.resources import PODS
from federation.sandbox.sandbox import CONTROLLER
from mcs.names import MANAGED_BY, MCS_SERVICE, SERVICE_NAME, SOURCE_CLUSTER, derived_service
from mcs.resources import ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICE_IMPORTS
from tests.federated import (
    DEPLOYMENTS,
    NAMESPACES,
    POLICIES,
    SERVICES,
    condition,
    deployment,
    eventually,
    policy,
    selects,
)

pytestmark = pytest.mark.timeout(300)

EXPORTING, CALLING = ("m1", "m2"), "m3"


class Shop:
    """The Service `web` in a namespace of all members, with two pods in each of those that export it."""

    def __init__(self, fleet: Fleet, namespace: str) -> None:
        self.fleet, self.namespace = fleet, namespace

    async def begin(self) -> None:
        """Run pods behind a Service in two members; the third only calls."""
        selectors = [selects("apps/v1", "Deployment", name="web"), selects("v1", "Service", name="web")]
        placement = {"clusterAffinity": {"clusterNames": list(EXPORTING)}}
        await self.fleet.host.apply(POLICIES, policy("web", self.namespace, *selectors, placement=placement))
        await self.fleet.host.apply(DEPLOYMENTS, deployment("web", self.namespace))
        await self.fleet.host.apply(SERVICES, _service(self.namespace))
        for name in EXPORTING:
            await self.fleet.members[name].until(SERVICES, "web", self.namespace, bool, seconds=SETTLE)
        await self.fleet.members[CALLING].apply(NAMESPACES, _namespace(self.namespace))

    async def export(self, *clusters: str) -> None:
        for name in clusters:
            await self.fleet.members[name].apply(SERVICE_EXPORTS, _export(self.namespace))

    async def unexport(self, cluster: str) -> None:
        await self.fleet.members[cluster].delete(SERVICE_EXPORTS, "web", self.namespace)

    async def own(self, cluster: str) -> dict[str, bool]:
        """The endpoints that a cluster itself has: whether each address is ready."""
        return _endpoints(await self._slices(cluster, f"{SERVICE_NAME}=web"))

    async def imported(self, cluster: str, source: str) -> dict[str, bool]:
        selector = f"{MCS_SERVICE}=web,{SOURCE_CLUSTER}={source}"
        return _endpoints(await self._slices(cluster, selector))

    async def is_one(self, *sources: str) -> None:
        """Wait until each member has exactly the endpoints of these, two of each, as they are there."""
        last: dict[str, Any] = {}

        async def same() -> bool:
            own = {source: await self.own(source) for source in sources}
            there = {
                cluster: {source: await self.imported(cluster, source) for source in self.fleet.members}
                for cluster in self.fleet.members
            }
            wanted = {source: own.get(source, {}) for source in self.fleet.members}
            last.update(own=own, imported=there)
            return all(len(each) == 2 for each in own.values()) and all(
                found == wanted for found in there.values()
            )

        await eventually(same, lambda: str(last), SETTLE)

    async def _slices(self, cluster: str, selector: str) -> list[Manifest]:
        pages = self.fleet.members[cluster].api.list(
            ENDPOINT_SLICES, namespace=self.namespace, selector={"labelSelector": selector}
        )
        return [each async for page in pages for each in page.items]


@pytest.fixture
async def shop(fleet: Fleet, namespace: str) -> AsyncIterator[Shop]:
    shop = Shop(fleet, namespace)
    await shop.begin()
    yield shop
    for cluster in EXPORTING:
        await shop.unexport(cluster)
    await shop.is_one()  # a Service that is exported is not deleted
    await fleet.host.delete(SERVICES, "web", namespace)


async def test_endpoints_of_all_clusters_that_export_are_in_all_that_have_the_namespace(shop: Shop) -> None:
    await shop.export(*EXPORTING)
    await shop.is_one(*EXPORTING)
    for member in shop.fleet.members.values():
        found = await member.until(
            SERVICE_IMPORTS,
            "web",
            shop.namespace,
            lambda live: live is not None and condition(live, "Ready") == "True",
        )
        derived = await member.get(SERVICES, derived_service((shop.namespace, "web")), shop.namespace)
        assert derived is not None
        assert found["spec"]["type"] == "ClusterSetIP"
        assert found["spec"]["ips"] == derived["spec"]["clusterIPs"]
        assert [(port["name"], port["port"]) for port in found["spec"]["ports"]] == [("http", 80)]
        assert [each["cluster"] for each in found["status"]["clusters"]] == list(EXPORTING)
    for cluster in EXPORTING:
        export = await shop.fleet.members[cluster].get(SERVICE_EXPORTS, "web", shop.namespace)
        assert export is not None
        states = [condition(export, each) for each in ("Valid", "Ready", "Conflict")]
        assert states == ["True", "True", "False"]


async def test_an_export_that_ends_takes_its_endpoints_along_and_the_last_one_everything(shop: Shop) -> None:
    await shop.export(*EXPORTING)
    await shop.is_one(*EXPORTING)
    await shop.unexport("m2")
    await shop.is_one("m1")
    await shop.unexport("m1")
    await shop.is_one()
    for member in shop.fleet.members.values():
        await member.until(SERVICE_IMPORTS, "web", shop.namespace, lambda live: live is None)
        name = derived_service((shop.namespace, "web"))
        await member.until(SERVICES, name, shop.namespace, lambda live: live is None)


async def test_a_pod_that_is_not_ready_any_more_is_not_ready_anywhere(shop: Shop) -> None:
    await shop.export(*EXPORTING)
    await shop.is_one(*EXPORTING)
    member = shop.fleet.members["m1"]
    pods = [each async for page in member.api.list(PODS, namespace=shop.namespace) for each in page.items]
    status = {"conditions": [{"type": "Ready", "status": "False"}]}
    await member.api.patch(
        PODS, pods[0]["metadata"]["name"], shop.namespace, {"status": status},
        manager="kubelet", subresource="status",
    )  # fmt: skip
    expected = {pod["status"]["podIP"]: pod is not pods[0] for pod in pods}

    async def told() -> bool:
        return await shop.imported(CALLING, "m1") == expected

    await eventually(told, lambda: str(expected), SETTLE)
    await shop.is_one(*EXPORTING)


async def test_nothing_is_written_again_when_the_controller_is_killed_and_starts(shop: Shop) -> None:
    await shop.export(*EXPORTING)
    await shop.is_one(*EXPORTING)
    seen: set[str] = set()
    watches = [_noted(shop, cluster, seen) for cluster in shop.fleet.members]
    async with beside(*watches):
        shop.fleet.kill_controller()
        await shop.fleet.start(CONTROLLER)
        await shop.unexport("m2")  # whoever does this has looked at everything again
        await shop.is_one("m1")
    assert {event.split()[0] for event in seen} == {"DELETED"}
    assert len(seen) == len(shop.fleet.members), seen


async def test_what_a_cluster_exports_stays_while_its_server_is_away(shop: Shop) -> None:
    await shop.export(*EXPORTING)
    await shop.is_one(*EXPORTING)
    before = await shop.imported(CALLING, "m1")
    async with shop.fleet.outage("m1"):
        await shop.unexport("m2")
        member = shop.fleet.members[CALLING]
        await member.until(
            SERVICE_IMPORTS, "web", shop.namespace,
            lambda live: live is not None and live["status"]["clusters"] == [{"cluster": "m1"}],
            seconds=SETTLE,
        )  # fmt: skip
        assert await shop.imported(CALLING, "m1") == before
    await shop.is_one("m1")


@pytest.mark.soak
async def test_endpoints_of_a_cluster_whose_server_stays_away_go_and_come_back_with_it(shop: Shop) -> None:
    times = {"--sign-of-life": 1, "--silent-after": 4, "--frozen-after": 8}
    await shop.fleet.restart_controller(*(f"{flag}={seconds}" for flag, seconds in times.items()))
    try:
        await shop.export(*EXPORTING)
        await shop.is_one(*EXPORTING)
        async with shop.fleet.outage("m1"):
            found = await shop.fleet.members[CALLING].until(
                SERVICE_IMPORTS, "web", shop.namespace,
                lambda live: live is not None and condition(live, "SourcesAvailable") == "False",
                seconds=SETTLE,
            )  # fmt: skip
            assert [await shop.imported(CALLING, source) for source in EXPORTING] == [
                {},
                await shop.own("m2"),
            ]
            assert found["spec"]["ips"]
        await shop.is_one(*EXPORTING)
    finally:
        await shop.fleet.restart_controller(without=list(times))


async def test_a_cluster_that_leaves_takes_its_endpoints_along_and_loses_those_of_others(shop: Shop) -> None:
    await shop.export(*EXPORTING)
    await shop.is_one(*EXPORTING)
    await shop.fleet.unjoin("m2")
    member, derived = shop.fleet.members["m2"], derived_service((shop.namespace, "web"))
    assert await member.get(SERVICE_IMPORTS, "web", shop.namespace) is None
    assert await member.get(SERVICES, derived, shop.namespace) is None
    assert [await shop.imported("m2", source) for source in EXPORTING] == [{}, {}]

    async def gone() -> bool:
        return await shop.imported(CALLING, "m2") == {}

    await eventually(gone, lambda: "m2 is still imported", SETTLE)
    assert len(await shop.imported(CALLING, "m1")) == 2
    await shop.fleet.join("m2")
    await shop.is_one(*EXPORTING)


async def _noted(shop: Shop, cluster: str, seen: set[str]) -> None:
    """Note what happens to slices of ours in a member."""
    api = shop.fleet.members[cluster].api
    selector = {"labelSelector": f"{MANAGED_BY},{MCS_SERVICE}"}
    version = await api.latest(ENDPOINT_SLICES)
    async with api.watch(ENDPOINT_SLICES, version, namespace=shop.namespace, selector=selector) as events:
        async for event in events:
            if event.type != "BOOKMARK":
                seen.add(f"{event.type} {cluster}/{event.manifest['metadata']['name']}")


def _endpoints(slices: list[Manifest]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for each in slices:
        for endpoint in each.get("endpoints") or ():
            for address in endpoint["addresses"]:
                assert address not in found, f"{address} twice"
                found[address] = endpoint["conditions"]["ready"]
    return found


def _namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _service(namespace: str) -> Manifest:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": {"app": "web"}, "ports": ports},
    }


def _export(namespace: str) -> Manifest:
    metadata = {"name": "web", "namespace": namespace}
    return {"apiVersion": SERVICE_EXPORTS.api_version, "kind": SERVICE_EXPORTS.kind, "metadata": metadata}
