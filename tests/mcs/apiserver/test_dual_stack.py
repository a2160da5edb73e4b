"""The importer in a cluster whose Services can have two IP families, IPv4 first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from federation.kube.resources import Manifest
from mcs.resources import SERVICE_IMPORTS
from tests.mcs.apiserver.importing import Importing, World, prepare
from tests.servers import Fleet, running_dual_stack


@pytest.fixture(scope="module")
def prepared(
    fleet: Fleet, clusters_folder: Path, control_plane_binaries: Path, request: pytest.FixtureRequest
) -> Iterator[Fleet]:
    """The host, and an m2 of two families; both serve the kinds."""
    with running_dual_stack(clusters_folder, control_plane_binaries, request.config) as server:
        found = Fleet(fleet.host, {"m2": server})
        asyncio.run(prepare(found))
        yield found


@pytest.mark.parametrize("families", [["IPv4", "IPv6"], ["IPv6"], ["IPv4"]], ids="-".join)
async def test_an_import_has_an_ip_of_each_family_that_is_exported(
    world: World, importing: Importing, families: list[str]
) -> None:
    await world.export("m1", ipFamilies=families)
    live = await world.ready()
    derived = await world.service()
    assert derived is not None
    assert derived["spec"]["ipFamilies"] == live["spec"]["ipFamilies"] == families
    assert derived["spec"]["clusterIPs"] == live["spec"]["ips"]
    assert [":" in ip for ip in live["spec"]["ips"]] == [family == "IPv6" for family in families]


async def test_endpoints_of_both_families_are_imported(world: World, importing: Importing) -> None:
    four = await world.copy("m1", "10.1.0.1", of="four")
    six = await world.copy("m1", "fd00::1", of="six")
    await world.export("m1", ipFamilies=["IPv4", "IPv6"])
    await world.slice_with(four, "10.1.0.1")
    await world.slice_with(six, "fd00::1")


async def test_a_family_that_comes_later_leaves_the_ip_that_was_there(
    world: World, importing: Importing
) -> None:
    """I9."""
    await world.export("m1", ipFamilies=["IPv4"])
    first = (await world.ready())["spec"]["ips"]
    await world.export("m1", ipFamilies=["IPv4", "IPv6"], revision=2)
    live = await _with_ips(world, 2)
    assert live["spec"]["ips"][:1] == first
    await world.export("m1", ipFamilies=["IPv4"], revision=3)
    live = await _with_ips(world, 1)
    assert live["spec"]["ips"] == first


async def _with_ips(world: World, number: int) -> Manifest:
    return await world.member.until(
        SERVICE_IMPORTS,
        "web",
        world.namespace,
        lambda live: len((live or {})["spec"].get("ips", ())) == number,
    )
