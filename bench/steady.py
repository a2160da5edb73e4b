"""What a controller does when nothing is to be done: the same again, a touched status, silence, a restart."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

from bench.controller import Controller
from bench.stage import Stage, names
from bench.writes import Bill, Write, Writes


@dataclass
class Steady:
    """Bills of scenarios in which only the user's own writes, and Leases, are allowed."""

    reapply: Bill
    touch: Bill
    idle: Bill
    idle_seconds: float
    idle_cpu: float
    """Seconds of the controller's CPU."""
    restart: Bill
    ready: float
    """Seconds from the start of the process until it says that it is ready."""
    reacted: float
    """Seconds from the start of the process until a change made when it was ready is in every member."""
    memory: int
    """Bytes after the restart."""


async def steady(stage: Stage, controller: Controller, namespace: str) -> Steady:
    """Look at a controller whose objects, those of `namespace`, are all in place."""
    image = stage.next_image()
    await stage.order("update", namespace, names(stage.scale.objects), image, bare=False)
    await stage.ledger.settle(stage.scale.quiet)
    reapply = await _told(stage, "reapply", namespace, image, Write("APPLY", "deployments"))
    touch = await _told(stage, "touch", namespace, image, Write("PATCH", "deployments/status"))
    cpu = controller.cpu()
    idle = await _idle(stage)
    idle_cpu = controller.cpu() - cpu
    restart, ready, reacted = await _restart(stage, controller, namespace)
    return Steady(
        reapply, touch, idle, stage.scale.idle, idle_cpu, restart, ready, reacted, controller.memory()
    )


async def _told(stage: Stage, verb: str, namespace: str, image: str, own: Write) -> Bill:
    wanted = names(stage.scale.objects)
    await stage.ledger.open()
    await stage.tell(verb, namespace, wanted, image)
    await stage.ledger.settle(stage.scale.quiet)
    return Bill.of(await stage.ledger.close(), Counter({own: len(wanted)}))


async def _idle(stage: Stage) -> Bill:
    await stage.ledger.open()
    await asyncio.sleep(stage.scale.idle)
    return Bill.of(await stage.ledger.close(), Counter())


async def _restart(stage: Stage, controller: Controller, namespace: str) -> tuple[Bill, float, float]:
    """Start the controller anew over unchanged objects and change one; the bill is without that change."""
    await controller.stop()
    await stage.ledger.open()
    began = time.monotonic()
    ready = await controller.start()
    seen = await stage.order("update", namespace, names(1), stage.next_image(), bare=False)
    reacted = max(seen.moments.values()) - began
    await stage.ledger.settle(stage.scale.quiet)
    bill = Bill.of(await stage.ledger.close(), Counter({Write("PATCH", "deployments"): 1}))
    change: Writes = Counter({Write("APPLY", "deployments"): 1})
    members = {name: writes - change for name, writes in bill.members.items()}
    return bill._replace(members=members), ready, reacted
