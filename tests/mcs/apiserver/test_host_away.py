"""While the host is away, a member's own endpoints are imported on, and nothing else changes: I6."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from federation.kube.api import Api
from mcs.agent import Agent
from mcs.names import slice_name
from mcs.records import Records
from mcs.resources import ENDPOINT_SLICES, SERVICES
from tests.apiserver.clients import through_proxy
from tests.federation.kube.scripted import until
from tests.mcs.apiserver.importing import World, world_of
from tests.servers import Fleet


@pytest.fixture
async def world(prepared: Fleet, namespace: str) -> AsyncIterator[World]:
    """m1 and m2 export, each with an endpoint."""
    async with world_of(prepared, namespace) as made:
        await made.make_namespace()
        metadata = {"namespace": namespace, "name": "web"}
        spec = {"ports": [{"name": "http", "port": 80}]}
        await made.member.apply(
            SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
        )
        await made.local_slice("web-abc", "10.2.0.1")
        await made.copy("m1", "10.1.0.1")
        await made.export("m1", "m2")
        yield made
        await made.unexport()


async def test_own_endpoints_are_followed_and_the_others_stay(world: World, prepared: Fleet) -> None:
    own, extra = (slice_name("m2", world.web, name) for name in ("web-abc", "web-def"))
    async with through_proxy(prepared.host) as (way, proxy), world.importing(prepared, way) as running:
        await world.ready()
        await world.slice_with(own, "10.2.0.1")
        proxy.cut()
        await until(lambda: not running.records.connected)
        world.writes.clear()
        await world.local_slice("web-abc", "10.2.0.2")
        await world.slice_with(own, "10.2.0.2")
        await world.local_slice("web-def", "10.2.0.3")
        await world.slice_with(extra, "10.2.0.3")
        await world.member.delete(ENDPOINT_SLICES, "web-abc", world.namespace)
        await world.gone(own)
        assert set(world.writes) == {f"{verb} endpointslices" for verb in ("PATCH", "POST", "DELETE")}
        proxy.heal()
        await until(lambda: running.records.connected)
        await running.at_rest()
        assert world.writes.total() == 3, "the end of the outage is nothing to write of"


async def test_an_agent_that_starts_meanwhile_follows_them_too(world: World, prepared: Fleet) -> None:
    own = slice_name("m2", world.web, "web-abc")
    async with world.importing(prepared):
        await world.ready()
        await world.slice_with(own, "10.2.0.1")
    await world.local_slice("web-abc", "10.2.0.2")
    async with through_proxy(prepared.host) as (way, proxy):
        proxy.stall()
        async with _running(way, world):
            await world.slice_with(own, "10.2.0.2")
            await world.local_slice("web-abc", "10.2.0.3")
            await world.slice_with(own, "10.2.0.3")


@asynccontextmanager
async def _running(host: Api, world: World) -> AsyncIterator[None]:
    """Run the agent of m2 for the time of a block, with its own way to the host."""
    records = Records(host)
    agent = Agent("m2", world.member.api, records)
    tasks = [asyncio.create_task(each.run()) for each in (records, agent)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends
