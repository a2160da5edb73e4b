"""The world of the scenarios."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from federation.controllers import apply, observe, release, report, withdraw
from mcs import aggregator, carrying, copies, importer
from mcs.install import install
from tests.crash.world import World, clear_policies
from tests.federated import federated
from tests.servers import Fleet, running_fleet


@pytest.fixture(scope="session")
def fleet(
    clusters_folder: Path, control_plane_binaries: Path, request: pytest.FixtureRequest
) -> Iterator[Fleet]:
    """A fleet of their own: what other tests leave in members is reported, and leaves with a cluster."""
    with running_fleet(clusters_folder, control_plane_binaries, request.config) as started:
        yield started


@pytest.fixture
async def world(fleet: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """The fleet, cleared of what other tests left; the controller's pauses are short."""
    for module, name, seconds in (
        (apply, "UNSYNCED_RECHECK", 0.2),
        (observe, "DISTANCE", 0.05),
        (observe, "RELEASE_DISTANCE", 0.05),
        (observe, "PATIENCE", 0.5),
        (release, "DISTANCE", 0.1),
        (report, "SETTLE", 0.1),
        (report, "LONGEST", 0.5),
        (report, "RECHECK", 2.0),
        (withdraw, "ABSENCE_GRACE", 0.2),
        (withdraw, "NEEDLESS_RECHECK", 0.2),
        (carrying, "RESTART_DELAY", 0.2),
        (aggregator, "_UNTIL_CONNECTED", 0.2),
        (copies, "RETRY", 0.2),
        (importer, "_AGAIN", 0.2),
    ):
        monkeypatch.setattr(module, name, seconds)
    async with federated(fleet) as atoll:
        servers = {"host": fleet.host, **fleet.members}
        clusters = {"host": atoll.host, **atoll.members}
        world = World(clusters, {name: s.kubeconfig for name, s in servers.items()}, atoll.host_id)
        await clear_policies(world)
        yield world


@pytest.fixture
async def services_world(world: World) -> World:
    """The world, its members with the kinds of Services across clusters."""
    for name, member in world.members.items():
        await install(member.api, name, "crash")
    return world
