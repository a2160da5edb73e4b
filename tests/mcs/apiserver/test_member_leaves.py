"""A member leaves the federation, and comes back: what becomes of its Services, there and elsewhere.

The servers are this module's own: whatever Clusters others left on a host would be carried, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from federation.kube.lease import LEASES
from federation.members.join import detach, leave
from federation.resources import CLUSTER, NAMESPACES
from federation.settings import NAMESPACE
from mcs.app import Services
from mcs.install import CLUSTER_ID, CLUSTER_SET, install
from mcs.names import (
    AGENT,
    CONTROLLER,
    IMPORTED_BY,
    MANAGED_BY,
    MCS_SERVICE,
    SERVICE_NAME,
    SOURCE_CLUSTER,
    derived_service,
)
from mcs.resources import ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICE_IMPORTS, SERVICES
from policies.api.cluster import Removal, ServicesAgent
from policies.api.meta import Manifest
from tests.apiserver.clients import api_of
from tests.federated import Cluster, Federated, absent, eventually, federated, join_member
from tests.mcs.apiserver.test_member_setup import PROPERTIES
from tests.mcs.imports import content
from tests.servers import ApiServer, Fleet, running_fleet

HELD = "example.com/held"
ADDRESSES = {"m1": "10.1.0.1", "m2": "10.2.0.1"}


@pytest.fixture(scope="module")
def fleet(
    clusters_folder: Path, control_plane_binaries: Path, request: pytest.FixtureRequest
) -> Iterator[Fleet]:
    with running_fleet(clusters_folder, control_plane_binaries, request.config) as started:
        yield started


class Market:
    """The Service `web`, exported by m1 and m2, in a namespace that both have."""

    def __init__(self, running: Federated, services: Services, namespace: str) -> None:
        self.services = services
        self.host, self.members, self.namespace = running.host, dict(running.members), namespace

    async def open(self, cluster: str, member: Cluster) -> None:
        """Make Service, endpoints and ServiceExport in a member."""
        await member.apply(NAMESPACES, _manifest("v1", "Namespace", None, self.namespace))
        spec = {"ports": [{"name": "http", "port": 80}]}
        await member.apply(SERVICES, _manifest("v1", "Service", self.namespace, "web") | {"spec": spec})
        piece = _manifest("discovery.k8s.io/v1", "EndpointSlice", self.namespace, "web-1")
        piece["metadata"]["labels"] = {SERVICE_NAME: "web"}
        await member.apply(ENDPOINT_SLICES, piece | content(ADDRESSES[cluster]))
        export = _manifest(SERVICE_EXPORTS.api_version, "ServiceExport", self.namespace, "web")
        await member.apply(SERVICE_EXPORTS, export)

    async def join(self, name: str, server: ApiServer) -> None:
        async with api_of(server) as member:
            await join_member(self.host.api, member, name, server.kubeconfig)
            await install(member, name, "test")

    async def leave(self, removal: Removal) -> None:
        await leave(self.host.api, "m2", removal=removal)
        await self.host.until(CLUSTER, "m2", None, absent)

    async def assign(self, agent: ServicesAgent) -> None:
        """Say who carries m2."""
        await self.host.api.patch(CLUSTER, "m2", None, {"spec": {"servicesAgent": agent}}, manager="test")

    async def carried(self, *clusters: str) -> bool:
        """Whether these clusters, and no others, are carried by the host."""
        (count,) = [each for each in self.services.counts() if each.name == "atoll_imported_services"]
        return count.read().keys() == {(cluster,) for cluster in clusters}

    async def has(self, member: Cluster, address: str) -> bool:
        """Whether a member imports an address of m1."""
        selector = {"labelSelector": f"{MANAGED_BY}={CONTROLLER},{SOURCE_CLUSTER}=m1"}
        pages = member.api.list(ENDPOINT_SLICES, namespace=self.namespace, selector=selector)
        return any(
            [address in each["endpoints"][0]["addresses"] async for page in pages for each in page.items]
        )

    async def imported(self, member: Cluster) -> dict[str, str]:
        """What a member has of each cluster's endpoints: an address each."""
        selector = {"labelSelector": f"{MANAGED_BY}={CONTROLLER},{MCS_SERVICE}=web"}
        pages = member.api.list(ENDPOINT_SLICES, namespace=self.namespace, selector=selector)
        return {
            each["metadata"]["labels"][SOURCE_CLUSTER]: each["endpoints"][0]["addresses"][0]
            async for page in pages
            for each in page.items
        }

    async def until_imported(self, member: Cluster, *sources: str) -> None:
        wanted, last = {source: ADDRESSES[source] for source in sources}, {}

        async def same() -> bool:
            nonlocal last
            last = await self.imported(member)
            return last == wanted

        await eventually(same, lambda: f"{last}, not {wanted}")

    async def until_all_is_one(self) -> None:
        for member in self.members.values():
            await self.until_imported(member, "m1", "m2")
            await self.until_ready(member)

    async def until_ready(self, member: Cluster) -> None:
        for resource in (SERVICE_EXPORTS, SERVICE_IMPORTS):
            await member.until(
                resource, "web", self.namespace, lambda live: _conditions(live).get("Ready") == "True"
            )

    async def said_of(self, member: Cluster) -> list[Manifest | None]:
        return [await member.get(PROPERTIES, name) for name in (CLUSTER_ID, CLUSTER_SET)]


@pytest.fixture
async def market(fleet: Fleet, namespace: str) -> AsyncIterator[Market]:
    """Everything is exported and imported, and Ready."""
    async with federated(fleet) as running:
        services = Services(running.host.api)
        beside = [asyncio.create_task(each) for each in (services.run(), _end_namespaces(running.host))]
        await running.start(companion=services)
        try:
            found = Market(running, services, namespace)
            for name, server in fleet.members.items():
                await found.join(name, server)
                await found.open(name, running.members[name])
            await found.until_all_is_one()
            yield found
            for member in running.members.values():
                await member.delete(SERVICE_EXPORTS, "web", namespace)
        finally:
            await running.stop()
            for task in beside:
                task.cancel()
            ends = await asyncio.gather(*beside, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends


async def _end_namespaces(host: Cluster) -> None:
    """Play the controller that ends what clusters left on the host."""
    while True:
        async for page in host.api.list(NAMESPACES):
            for each in page.items:
                if "deletionTimestamp" in each["metadata"]:
                    body = each | {"spec": {"finalizers": []}}
                    path = NAMESPACES.path(None, each["metadata"]["name"])
                    await host.api.request("PUT", f"{path}/finalize", body=body)
        await asyncio.sleep(0.1)


async def test_a_member_that_leaves_is_rid_of_what_it_imported_and_all_others_of_what_it_exported(
    market: Market, fleet: Fleet
) -> None:
    m2, derived = market.members["m2"], derived_service((market.namespace, "web"))
    await market.leave("Delete")
    assert await market.imported(m2) == {}
    assert await m2.get(SERVICE_IMPORTS, "web", market.namespace) is None
    assert await m2.get(SERVICES, derived, market.namespace) is None
    assert await market.said_of(m2) == [None, None]
    for resource, name in ((SERVICES, "web"), (ENDPOINT_SLICES, "web-1"), (SERVICE_EXPORTS, "web")):
        left = await m2.get(resource, name, market.namespace)
        assert left is not None, f"{resource.plural} {name} is the user's"
        assert _conditions(left) == {}
    await market.until_imported(market.members["m1"], "m1")
    await _comes_back(market, fleet)


async def test_what_is_imported_stays_for_its_callers_where_it_is_to_be_kept(
    market: Market, fleet: Fleet
) -> None:
    m2, derived = market.members["m2"], derived_service((market.namespace, "web"))
    before = await m2.get(SERVICES, derived, market.namespace)
    await market.leave("Keep")
    assert await market.imported(m2) == ADDRESSES
    assert await m2.get(SERVICES, derived, market.namespace) == before
    kept = await m2.get(SERVICE_IMPORTS, "web", market.namespace)
    assert kept is not None
    assert kept["metadata"]["labels"][IMPORTED_BY] == CONTROLLER
    assert _conditions(kept) == {}
    assert await market.said_of(m2) == [None, None]
    await market.until_imported(market.members["m1"], "m1")
    await _comes_back(market, fleet)


@pytest.mark.soak
async def test_a_cluster_rebuilt_under_the_name_of_one_that_left_is_a_member_as_any(
    market: Market, apiserver: ApiServer
) -> None:
    await detach(market.host.api, "m2")
    await market.until_imported(market.members["m1"], "m1")
    async with api_of(apiserver) as rebuilt:
        market.members["m2"] = Cluster(rebuilt)
        await market.join("m2", apiserver)
        await market.open("m2", market.members["m2"])
        await market.until_all_is_one()
        await market.leave("Delete")


async def test_a_cluster_says_what_it_waits_for_and_goes_when_that_is_gone(market: Market) -> None:
    m2 = market.members["m2"]
    await _hold(m2, market.namespace, [HELD])
    await leave(market.host.api, "m2", removal="Delete")
    cluster = await market.host.until(
        CLUSTER, "m2", None, lambda live: "ServiceImport" in _leaving(live).get("message", "")
    )
    assert _leaving(cluster)["reason"] == "Removing"
    await market.until_imported(market.members["m1"], "m1")  # others need not wait
    await _hold(m2, market.namespace, None)
    await market.host.until(CLUSTER, "m2", None, absent)
    assert await m2.get(SERVICE_IMPORTS, "web", market.namespace) is None


# A member with an agent of its own


@pytest.mark.soak
async def test_it_is_not_carried_by_the_host_and_is_again_when_that_is_said(market: Market) -> None:
    await market.assign("Member")
    await eventually(lambda: market.carried("m1"), lambda: "m2 is carried")
    piece = _manifest("discovery.k8s.io/v1", "EndpointSlice", market.namespace, "web-2")
    piece["metadata"]["labels"] = {SERVICE_NAME: "web"}
    m1, m2 = market.members["m1"], market.members["m2"]
    before = await market.imported(m2)
    await m2.delete(ENDPOINT_SLICES, "web-1", market.namespace)
    await m1.apply(ENDPOINT_SLICES, piece | content("10.1.0.9"))
    await eventually(lambda: market.has(m1, "10.1.0.9"), lambda: "m1 does not import its own")
    assert await market.imported(m2) == before
    await market.assign("Host")
    await eventually(lambda: market.carried("m1", "m2"), lambda: "m2 is not carried")
    await eventually(lambda: market.has(m2, "10.1.0.9"), lambda: "m2 does not import")
    await m1.delete(ENDPOINT_SLICES, "web-2", market.namespace)


async def test_it_does_not_leave_before_its_agent_ended(market: Market, fleet: Fleet) -> None:
    m2 = market.members["m2"]
    await market.assign("Member")
    await eventually(lambda: market.carried("m1"), lambda: "m2 is carried")
    lease = _manifest(LEASES.api_version, LEASES.kind, NAMESPACE, AGENT)
    spec = {"holderIdentity": "its-agent", "leaseDurationSeconds": 3600}
    await m2.apply(LEASES, lease | {"spec": spec})
    await leave(market.host.api, "m2", removal="Delete")
    await market.host.until(
        CLUSTER, "m2", None, lambda live: f"Lease {NAMESPACE}/{AGENT}" in _leaving(live).get("message", "")
    )
    assert await m2.get(SERVICE_IMPORTS, "web", market.namespace) is not None
    await m2.apply(LEASES, lease | {"spec": spec | {"holderIdentity": ""}})
    await market.host.until(CLUSTER, "m2", None, absent)
    assert await m2.get(SERVICE_IMPORTS, "web", market.namespace) is None
    await m2.delete(LEASES, AGENT, NAMESPACE)
    await _comes_back(market, fleet)


async def _comes_back(market: Market, fleet: Fleet) -> None:
    await market.join("m2", fleet.members["m2"])
    await market.until_all_is_one()


async def _hold(member: Cluster, namespace: str, finalizers: list[str] | None) -> None:
    body = {"metadata": {"finalizers": finalizers}}
    await member.api.patch(SERVICE_IMPORTS, "web", namespace, body, manager="test")


def _manifest(api_version: str, kind: str, namespace: str | None, name: str) -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _conditions(live: Manifest | None) -> dict[str, str]:
    found = ((live or {}).get("status") or {}).get("conditions") or ()
    return {each["type"]: each["status"] for each in found}


def _leaving(cluster: Manifest | None) -> dict[str, Any]:
    conditions = (cluster or {}).get("status", {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == "Leaving"), {})
