"""The host loses its store, or gets one from a backup; for a sandbox whose host may."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from e2e.accidents import Accidents, Menu
from e2e.fleet import Fleet
from federation.sandbox.plane import Role
from federation.sandbox.sandbox import CONTROLLER, HOST


async def store_is_lost(scene: Accidents, cluster: str, service: str) -> None:
    """A person sets the host up again. Until all clusters have said what they export, nothing goes (I17)."""
    fleet = scene.fleet
    await fleet.stop(HOST)
    fleet.lose_store()
    await fleet.start(HOST)
    await asyncio.sleep(scene.chance.uniform(0, 3))  # so long, there is an empty host
    await _set_up_again(fleet)


async def store_is_restored(scene: Accidents, cluster: str, service: str) -> None:
    """It is as it was a moment ago; what users did since then it does not know."""
    fleet = scene.fleet
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "store"
        async with fleet.outage(HOST):
            await asyncio.to_thread(fleet.copy_store, copy)
        await fleet.start(CONTROLLER)
        await asyncio.sleep(scene.chance.uniform(0, 5))  # so old is the backup
        async with fleet.outage(HOST):
            await asyncio.to_thread(fleet.restore_store, copy)
    await fleet.start(CONTROLLER)


async def _set_up_again(fleet: Fleet) -> None:
    await fleet.stop(CONTROLLER)
    await asyncio.to_thread(fleet.sandbox.up, len(fleet.members), Role.API_ONLY, "binaries")


MENU: Menu = {store_is_lost: 4, store_is_restored: 4}
