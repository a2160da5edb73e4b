"""Many Services that lose all endpoints of a cluster at once, on the host, between real API servers."""

from __future__ import annotations

import asyncio

from federation.kube.resources import Manifest
from federation.settings import NAMESPACE, Losses
from mcs.brake import BELIEVED
from mcs.names import (
    CONTROLLER,
    MANAGED_BY,
    MCS_SERVICE,
    SERVICE_NAMESPACE,
    SOURCE_CLUSTER,
    host_namespace,
    native_name,
    set_name,
)
from mcs.resources import ENDPOINT_SLICES, SERVICE_SETS
from policies.api.meta import API_VERSION
from tests.federated import NAMESPACES, eventually
from tests.federation.kube.scripted import until
from tests.mcs.apiserver.importing import World
from tests.mcs.imports import content, service_set
from tests.servers import Fleet

SOURCE = "m4"
"""Nobody else exports from it: what other tests leave in m2 does not count."""
MANY = BELIEVED + 2
SLOW = Losses(gather=300, window=300, hold=300)
QUICK = Losses(gather=1, window=300, hold=0.5)


def names(world: World) -> list[str]:
    """The slices of m4, each of a Service, with the same names on the host and in m2."""
    return [f"{world.namespace}-{number}" for number in range(MANY)]


async def put_slice(world: World, name: str) -> None:
    labels = {
        MANAGED_BY: CONTROLLER,
        MCS_SERVICE: name,
        SOURCE_CLUSTER: SOURCE,
        SERVICE_NAMESPACE: world.namespace,
    }
    metadata = {"namespace": host_namespace(SOURCE), "name": name, "labels": labels}
    manifest = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata}
    await world.host.apply(ENDPOINT_SLICES, manifest | content("10.1.0.1"))


async def export(world: World, name: str, mode: str) -> None:
    """Have m4 export a Service of a name."""
    found = service_set(SOURCE, namespace=world.namespace, type="Headless", mode=mode)
    manifest = {
        "apiVersion": API_VERSION,
        "kind": "ServiceSet",
        "metadata": {"namespace": NAMESPACE, "name": set_name((world.namespace, name))},
        "spec": found.model_copy(update={"name": name}).dump(),
    }
    await put_slice(world, name)
    await world.host.apply(SERVICE_SETS, manifest)


async def imported(world: World) -> dict[str, str]:
    """Return the UIDs of the slices that are in m2, by name."""
    pages = world.member.api.list(ENDPOINT_SLICES, namespace=world.namespace)
    found: list[Manifest] = [each async for page in pages for each in page.items]
    return {each["metadata"]["name"]: each["metadata"]["uid"] for each in found}


async def until_imported(world: World, *expected: str) -> dict[str, str]:
    found: dict[str, str] = {}

    async def are_there() -> bool:
        nonlocal found
        found = await imported(world)
        return found.keys() == {*expected}

    await eventually(are_there, lambda: f"{sorted(found)}")
    return found


async def test_what_many_services_lose_at_once_stays_until_the_host_was_asked_again(
    world: World, prepared: Fleet
) -> None:
    """The first one is under its plain name, too, and is put back. The importer begins anew in between."""
    metadata = {"name": host_namespace(SOURCE)}
    await world.host.apply(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    await world.state(SOURCE, synced=True)
    first, *others = names(world)
    modes = {first: "NativeName"}
    await asyncio.gather(*(export(world, name, modes.get(name, "ClusterSet")) for name in names(world)))
    async with world.importing(prepared, losses=SLOW) as running:
        before = await until_imported(world, first, native_name(first), *others)
        await world.word(SOURCE)
        await running.at_rest()
        await asyncio.gather(
            *(world.host.delete(ENDPOINT_SLICES, name, host_namespace(SOURCE)) for name in names(world))
        )
        await world.until_told("Warning EndpointsHeld")
        assert running.importer.braking.holds == {SOURCE: 1}
        await put_slice(world, first)
        await until(lambda: bool(running.records.slices_of(SOURCE, (world.namespace, first))))
        await running.at_rest()
        assert await imported(world) == before
    async with world.importing(prepared, losses=QUICK) as running:
        await world.word(SOURCE)
        left = await until_imported(world, first, native_name(first))
        assert left.items() <= before.items()
        assert running.importer.braking.holds == {SOURCE: 1}
