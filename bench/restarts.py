"""A controller that starts over many objects that are all in place: what it writes, and when it reacts."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

from bench.controller import Controller
from bench.manifests import CONFIG_MAPS, DEPLOYMENTS, FIRST_IMAGE, config_map
from bench.stage import Stage, names
from bench.writes import Bill, Write
from federation.kube.api import Api

NAMESPACE = "atoll-many"
_FILLED = 1800.0
"""Seconds in which everything is in place."""
_AT_ONCE = 16


@dataclass
class Restart:
    """One start over `deployments` and as many ConfigMaps. Seconds count from the start of the process."""

    deployments: int
    members: int
    bill: Bill
    """What was written, but for the change that was made meanwhile."""
    ready: float
    """Until it says that it leads and its mirrors are filled."""
    reacted: float
    """Until a change that was made at that moment was in all members."""
    drained: float
    """Until nothing waited for a worker any more."""
    memory: int
    """Bytes."""


async def run(stage: Stage, deployments: int) -> Restart:
    """Fill a fleet through Atoll, then start the controller anew."""
    await stage.fleet.make_namespace(NAMESPACE)
    async with stage.leading() as controller:
        await stage.govern(NAMESPACE, DEPLOYMENTS, CONFIG_MAPS)
        await _fill(stage, deployments)
        await stage.ledger.settle(stage.scale.quiet, deadline=_FILLED)
        await controller.stop()
        return await _again(stage, controller, deployments)


async def _fill(stage: Stage, count: int) -> None:
    """Create ConfigMaps and Deployments, and wait until the members have all of them."""
    began = time.monotonic()
    await _in_parallel(stage.fleet.host, names(count))
    await stage.order("create", NAMESPACE, names(count), FIRST_IMAGE, bare=False, seconds=_FILLED)
    for member in stage.fleet.members:
        while await _counted(stage.fleet.apis[member]) < count:
            stage.check()
            if time.monotonic() - began > _FILLED:
                raise RuntimeError(f"ConfigMaps are missing in {member} after {_FILLED:.0f} s")
            await asyncio.sleep(1.0)
    print(f"  {2 * count} objects in place after {time.monotonic() - began:.0f} s", flush=True)


async def _in_parallel(host: Api, wanted: list[str]) -> None:
    each = iter(wanted)

    async def work() -> None:
        for name in each:
            await host.create(CONFIG_MAPS, config_map(name, NAMESPACE), manager="bench")

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(work())


async def _counted(api: Api) -> int:
    count = 0
    async for page in api.list(CONFIG_MAPS, namespace=NAMESPACE, metadata_only=True):
        count += len(page.items)
    return count


async def _again(stage: Stage, controller: Controller, deployments: int) -> Restart:
    await stage.ledger.open()
    began = time.monotonic()
    ready = await controller.start()
    async with asyncio.TaskGroup() as group:
        drained = group.create_task(controller.drained())
        seen = await stage.order("update", NAMESPACE, names(1), stage.next_image(), bare=False)
    reacted = max(seen.moments.values()) - began
    await stage.ledger.settle(stage.scale.quiet)
    bill = Bill.of(await stage.ledger.close(), Counter({Write("PATCH", "deployments"): 1}))
    change = Counter({Write("APPLY", "deployments"): 1})
    members = {name: writes - change for name, writes in bill.members.items()}
    return Restart(
        deployments, len(stage.fleet.members), bill._replace(members=members), ready, reacted,
        drained.result() - began, controller.memory(),
    )  # fmt: skip
