"""A member whose ServiceImport is that of mcs-api v0.5.0, which has no `status.endpointSliceObjects`."""

from __future__ import annotations

from copy import deepcopy

from federation.kube.resources import Manifest
from federation.members.join import FIELD_MANAGER
from mcs.definitions import definitions
from mcs.install import install
from mcs.resources import SERVICE_IMPORTS
from tests.apiserver.clients import api_of
from tests.federated import CRDS, eventually
from tests.mcs.apiserver.importing import World, reason_of
from tests.servers import Fleet


def older() -> Manifest:
    """Our definition of ServiceImport as of v0.5.0."""
    definition = deepcopy(
        next(each for each in definitions() if each["spec"]["names"]["kind"] == "ServiceImport")
    )
    definition["metadata"]["labels"]["multicluster.x-k8s.io/release-version"] = "v0.5.0"
    for version in definition["spec"]["versions"]:
        del version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["endpointSliceObjects"]
    return definition


async def keeps(world: World) -> bool:
    """Whether the member's server stores the field."""
    name = "probe"
    spec = {"type": "ClusterSetIP", "ports": [{"port": 80}]}
    manifest = {"apiVersion": SERVICE_IMPORTS.api_version, "kind": "ServiceImport", "spec": spec}
    metadata = {"name": name, "namespace": world.namespace}
    await world.member.apply(SERVICE_IMPORTS, manifest | {"metadata": metadata})
    status = {"status": {"endpointSliceObjects": "Present"}}
    answer = await world.member.api.patch(
        SERVICE_IMPORTS, name, world.namespace, status, manager="test", subresource="status"
    )
    return "endpointSliceObjects" in (answer.get("status") or {})


async def have(world: World, definition: Manifest, *, kept: bool) -> None:
    """Replace the member's definition as joining does, and wait until its server goes by it."""
    await world.member.api.apply(CRDS, definition, manager=FIELD_MANAGER, force=True)

    async def goes_by_it() -> bool:
        return await keeps(world) is kept

    await eventually(goes_by_it, lambda: "the server goes by the former definition")


async def test_an_older_definition_is_no_reason_to_write_and_is_replaced_by_joining(
    world: World, prepared: Fleet
) -> None:
    await have(world, older(), kept=False)
    try:
        name = await world.copy("m1", "10.1.0.1")
        await world.export("m1")
        async with world.importing(prepared) as running:
            await world.ready()
            await world.slice_with(name, "10.1.0.1")
            await running.at_rest()
            world.writes.clear()
            for _ in range(2):
                await running.importer(world.web)
            assert dict(world.writes) == {}
    finally:
        async with api_of(prepared.members["m2"]) as member:
            await install(member, "m2", "set")

            async def replaced() -> bool:
                return await keeps(world)

            await eventually(replaced, lambda: "joining left the older definition")
    async with world.importing(prepared):
        await world.member.until(
            SERVICE_IMPORTS,
            "web",
            world.namespace,
            lambda live: (
                live is not None
                and live["status"].get("endpointSliceObjects") == "Present"
                and reason_of(live) == "Ready"
            ),
        )
