"""A host whose list lacks what it had: nothing goes before the cluster gave its word since then (I17).

The list is not told from that of a store that was put back. m2 has the importer; m1 is played.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mcs.names import SOURCE_CLUSTER, SOURCE_LEASE, WHOLE_TIME, host_namespace
from mcs.resources import ENDPOINT_SLICES, LEASES
from tests.apiserver.clients import through_proxy
from tests.federation.kube.scripted import until
from tests.mcs.apiserver.importing import World, world_of
from tests.mcs.imports import addresses
from tests.servers import Fleet


@pytest.fixture
async def world(prepared: Fleet, namespace: str) -> AsyncIterator[World]:
    """A host and m2 with a namespace, nothing exported, no importer running."""
    async with world_of(prepared, namespace) as made:
        await made.make_namespace()
        yield made
        await made.host.delete(LEASES, SOURCE_LEASE, host_namespace("m1"))


async def renew(world: World, word: str) -> None:
    """The agent of m1 gives a sign of life, with a word."""
    metadata = {
        "namespace": host_namespace("m1"),
        "name": SOURCE_LEASE,
        "labels": {SOURCE_CLUSTER: "m1"},
        "annotations": {WHOLE_TIME: word},
    }
    await world.host.apply(
        LEASES, {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata}
    )


async def test_endpoints_that_only_a_list_lacks_stay_until_the_next_word_and_others_are_followed(
    world: World, prepared: Fleet
) -> None:
    async with through_proxy(prepared.host) as (way, proxy), world.importing(prepared, way) as running:
        await world.state("m1", synced=True)
        await renew(world, "1")
        changed, deleted = await world.copy("m1", "10.1.0.1"), await world.copy("m1", "10.1.0.2", of="y")
        await world.export("m1")
        await world.slice_with(changed, "10.1.0.1")
        await world.slice_with(deleted, "10.1.0.2")
        proxy.cut()
        await until(lambda: not running.records.connected)
        await world.host.delete(ENDPOINT_SLICES, deleted, host_namespace("m1"))
        await world.copy("m1", "10.1.0.3")
        running.records.relist()
        proxy.heal()
        await until(lambda: running.records.connected)
        await until(lambda: list(running.records.slices_of("m1", world.web)) == [changed])
        await world.member.until(
            ENDPOINT_SLICES,
            changed,
            world.namespace,
            lambda live: live and addresses(live) == ["10.1.0.3", "10.1.0.1"],
        )
        await running.at_rest()
        assert await world.slice(deleted) is not None
        await renew(world, "2")
        await world.gone(deleted)
        await world.member.until(
            ENDPOINT_SLICES, changed, world.namespace, lambda live: live and addresses(live) == ["10.1.0.3"]
        )
