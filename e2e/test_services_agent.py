"""One member has an agent of its own, the others are carried by the host: nobody can tell them apart."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from e2e.agents import Agent, agent_in, epoch, speaks
from e2e.fleet import SETTLE, Fleet
from e2e.test_services import EXPORTING, Shop, shop
from federation.kube.lease import LEASES
from federation.kube.resources import Manifest
from federation.resources import CLUSTER, DEPLOYMENTS, PODS, SECRETS
from federation.sandbox.sandbox import CONTROLLER, HOST
from federation.settings import NAMESPACE
from mcs.names import (
    AGENT,
    FRESH_TIME,
    IMPORTED_BY,
    MANAGED_BY,
    MCS_SERVICE,
    SOURCE_CLUSTER,
    SOURCE_LEASE,
    WHOLE_TIME,
    host_namespace,
)
from mcs.names import CONTROLLER as MCS
from mcs.resources import ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICE_IMPORTS, SERVICES
from tests.federated import eventually

__all__ = ["shop"]

pytestmark = pytest.mark.timeout(300)

MEMBER, ELSEWHERE = "m2", "m1"
RENEW = 2
"""Seconds between two signs of life of the agent."""
SIGNS = f"--sign-of-life={RENEW}"
Versions = dict[tuple[str, str, str], str]
"""By cluster, kind and name, the resourceVersion of what is written for Services."""


@pytest.fixture
async def agent(shop: Shop) -> AsyncIterator[Agent]:
    """m1 and m2 export, and an agent in m2 carries m2; in the end the host does again."""
    await shop.export(*EXPORTING)
    await shop.is_one(*EXPORTING)
    fleet, before = shop.fleet, await epoch(shop.fleet, MEMBER)
    found = await agent_in(fleet, MEMBER)
    try:
        found.start(SIGNS)
        await found.ready()
        await speaks(fleet, MEMBER, before)
        yield found
    finally:
        found.process.stop()
        if await fleet.host.get(CLUSTER, MEMBER):
            await fleet.atoll("services", "agent", MEMBER, "--host")


async def test_both_export_and_import_and_nobody_writes_when_an_agent_begins(
    agent: Agent, shop: Shop
) -> None:
    fleet = agent.fleet
    await shop.is_one(*EXPORTING)
    for cluster in EXPORTING:
        await _flip(shop, cluster, ready=False)
        await shop.is_one(*EXPORTING)
    await _gives_signs(fleet)
    before, began = await _versions(shop), await epoch(fleet, MEMBER)
    await agent.kill()
    await _is_silent(fleet)
    agent.start(SIGNS)
    await speaks(fleet, MEMBER, began)
    await _flip(shop, ELSEWHERE, ready=True)  # who imports this has looked at all of it
    await shop.is_one(*EXPORTING)
    assert _changed(before, await _versions(shop)) == {f"EndpointSlice from {ELSEWHERE}"}
    before, began = await _versions(shop), await epoch(fleet, MEMBER)
    await fleet.atoll("services", "agent", MEMBER, "--host")
    await agent.ready("standing by")
    await speaks(fleet, MEMBER, began)
    await _flip(shop, ELSEWHERE, ready=False)
    await shop.is_one(*EXPORTING)
    assert _changed(before, await _versions(shop)) == {f"EndpointSlice from {ELSEWHERE}"}
    assert await fleet.members[MEMBER].get(DEPLOYMENTS, AGENT, NAMESPACE) is None


@pytest.mark.soak
async def test_own_endpoints_are_followed_while_the_host_is_away(agent: Agent, shop: Shop) -> None:
    """I6."""
    fleet = agent.fleet
    before = await _versions(shop)
    async with fleet.outage(HOST):
        for restarted, ready in ((False, False), (True, True)):
            if restarted:
                await agent.kill()
                agent.start(SIGNS)
            await _flip(shop, MEMBER, ready=ready)

            async def follows() -> bool:
                return await shop.imported(MEMBER, MEMBER) == await shop.own(MEMBER)

            await eventually(follows, lambda: agent.process.tail(), SETTLE)
        assert _changed(before, await _versions(shop)) == {f"EndpointSlice from {MEMBER}"}
    await fleet.start(CONTROLLER)
    await fleet.ready()
    await _flip(shop, MEMBER, ready=False)
    await shop.is_one(*EXPORTING)


@pytest.mark.soak
async def test_a_member_leaves_with_its_agent_and_comes_back_without(agent: Agent, shop: Shop) -> None:
    fleet = agent.fleet
    member = fleet.members[MEMBER]
    await fleet.unjoin(MEMBER)
    assert [await shop.imported(MEMBER, source) for source in EXPORTING] == [{}, {}]
    for kind in (SERVICE_IMPORTS, DEPLOYMENTS, SECRETS):
        name = {SERVICE_IMPORTS: "web", SECRETS: f"{AGENT}-host"}.get(kind, AGENT)
        namespace = shop.namespace if kind is SERVICE_IMPORTS else NAMESPACE
        assert await member.get(kind, name, namespace) is None
    await agent.ready("standing by")

    async def gone() -> bool:
        return await shop.imported(ELSEWHERE, MEMBER) == {}

    await eventually(gone, lambda: "m2 is still imported", SETTLE)
    await fleet.join(MEMBER)
    await shop.is_one(*EXPORTING)


async def _gives_signs(fleet: Fleet) -> None:
    """Wait for another sign of life, another word, and that m2 was reached again."""
    before = await _signs(fleet)
    await fleet.host.until(
        LEASES, SOURCE_LEASE, host_namespace(MEMBER),
        lambda live: not set(before) & set(_signs_of(live)), seconds=SETTLE,
    )  # fmt: skip


async def _is_silent(fleet: Fleet) -> None:
    """Nobody gives signs in place of an agent that was killed."""
    before, until = await _signs(fleet), time.monotonic() + 1.5 * RENEW

    async def is_over() -> bool:
        assert await _signs(fleet) == before
        return time.monotonic() > until

    await eventually(is_over, lambda: "", SETTLE)


async def _signs(fleet: Fleet) -> list[str]:
    return _signs_of(await fleet.host.get(LEASES, SOURCE_LEASE, host_namespace(MEMBER)))


def _signs_of(lease: Manifest | None) -> list[str]:
    """When an agent was there, reached its cluster and gave its word."""
    assert lease is not None
    annotations = lease["metadata"].get("annotations") or {}
    return [
        f"{name} {said}"
        for name, said in (
            ("renewed", lease["spec"]["renewTime"]),
            *((name, annotations.get(name, "")) for name in (FRESH_TIME, WHOLE_TIME)),
        )
    ]


async def _flip(shop: Shop, cluster: str, *, ready: bool) -> None:
    """One pod is ready, or not; wait until its own cluster says so."""
    member = shop.fleet.members[cluster]
    pods = [each async for page in member.api.list(PODS, namespace=shop.namespace) for each in page.items]
    pod = min(pods, key=lambda each: str(each["metadata"]["name"]))
    status = {"conditions": [{"type": "Ready", "status": str(ready)}]}
    await member.api.patch(
        PODS, pod["metadata"]["name"], shop.namespace, {"status": status},
        manager="kubelet", subresource="status",
    )  # fmt: skip

    async def told() -> bool:
        return (await shop.own(cluster))[pod["status"]["podIP"]] is ready

    await eventually(told, lambda: f"{cluster} does not say that {pod['status']['podIP']} is {ready}", SETTLE)


async def _versions(shop: Shop) -> Versions:
    found: Versions = {}
    for cluster, member in shop.fleet.members.items():
        for kind, labels in (
            (ENDPOINT_SLICES, f"{MANAGED_BY}={MCS},{MCS_SERVICE}"),
            (SERVICES, f"{IMPORTED_BY}={MCS}"),
            (SERVICE_IMPORTS, ""),
            (SERVICE_EXPORTS, ""),
        ):
            selector = {"labelSelector": labels} if labels else None
            pages = member.api.list(kind, namespace=shop.namespace, selector=selector)
            found |= {_title(cluster, each): each["metadata"]["resourceVersion"]
                      async for page in pages for each in page.items}  # fmt: skip
    return found


def _title(cluster: str, manifest: Manifest) -> tuple[str, str, str]:
    source = (manifest["metadata"].get("labels") or {}).get(SOURCE_CLUSTER)
    kind = f"{manifest['kind']} from {source}" if source else manifest["kind"]
    return cluster, kind, manifest["metadata"]["name"]


def _changed(before: Versions, after: Versions) -> set[str]:
    """The kinds of which something was written."""
    return {title[1] for title in before.keys() | after.keys() if before.get(title) != after.get(title)}
