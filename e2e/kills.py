"""kill -9 of the controller, again and again, at moments that the pods of a workload choose."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from e2e.fleet import Fleet
from e2e.pods import Footage
from federation.sandbox.sandbox import CONTROLLER

_SEED = 20


@asynccontextmanager
async def kills_of(fleet: Fleet, footage: Footage, image: str) -> AsyncIterator[list[int]]:
    """kill -9 the controller at some point after pods went to or from an image, again and again for the time
    of a block; how many pods were at the image at each kill.
    """
    points, over, begun = random.Random(_SEED), asyncio.Event(), footage.now(image)
    kills: list[int] = []

    async def kill() -> None:
        while not over.is_set():
            if footage.now(image) == (kills[-1] if kills else begun):
                await asyncio.sleep(0.01)
                continue
            await asyncio.sleep(points.uniform(0, 0.3))  # anywhere in what follows
            kills.append(footage.now(image))
            fleet.kill_controller()
            await fleet.start(CONTROLLER)

    killing = asyncio.create_task(kill())
    try:
        yield kills
    finally:
        over.set()
        await killing
