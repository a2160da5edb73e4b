"""Bursts: many new Deployments at once, then a new image for all of them; bare and through Atoll, in turn."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from bench import cpu
from bench.controller import Controller
from bench.manifests import FIRST_IMAGE
from bench.stage import Stage, names
from bench.steady import Steady, steady
from bench.writes import Bill, Write

_CANDIDATES = (4, 8, 16, 32, 64)
_TUNING_OBJECTS = 80
_TUNING_PASSES = 3


class Burst(NamedTuple):
    """One order for all objects."""

    seconds: float
    """From the first request to the last watch event."""
    cpu: cpu.Spent
    """In that time."""


class Round(NamedTuple):
    """One round of one side."""

    create: Burst
    update: Burst


class Use(NamedTuple):
    """What Atoll writes and uses for a burst, until all is quiet."""

    bill: Bill
    cpu: float
    """Seconds of the controller."""


class Toll(NamedTuple):
    """What one round of Atoll costs."""

    create: Use
    update: Use
    memory: int
    """Bytes the controller holds at the end of it."""


@dataclass
class Bursts:
    """All rounds on one fleet."""

    members: int
    objects: int
    concurrency: int = 0
    tuning: dict[int, float] = field(default_factory=dict)
    """Objects per second of the bare loop by concurrency."""
    bare: list[Round] = field(default_factory=list)
    atoll: list[Round] = field(default_factory=list)
    tolls: list[Toll] = field(default_factory=list)
    steady: Steady | None = None


async def run(stage: Stage, *, tune: bool, calm: bool = False) -> Bursts:
    """Alternate the sides. `calm` has the last controller looked at when nothing happens, too."""
    bursts = Bursts(len(stage.fleet.members), stage.scale.objects)
    if tune:
        bursts.tuning = await _tune(stage)
        stage.concurrency = max(bursts.tuning, key=lambda width: bursts.tuning[width])
        print(f"  concurrency {stage.concurrency} serves the bare loop best", flush=True)
    bursts.concurrency = stage.concurrency
    for number in range(stage.scale.rounds):
        bursts.bare.append(await _bare(stage, f"bare-{number}"))
        _tell(stage, number, "bare", bursts.bare[-1])
        async with stage.leading() as controller:
            namespace = f"atoll-{number}"
            measured, toll = await _atoll(stage, controller, namespace)
            bursts.atoll.append(measured)
            bursts.tolls.append(toll)
            _tell(stage, number, "Atoll", measured)
            if calm and number == stage.scale.rounds - 1:
                bursts.steady = await steady(stage, controller, namespace)
        await stage.clear(namespace)
    return bursts


async def _tune(stage: Stage) -> dict[int, float]:
    """Find the concurrency that serves the bare loop best; the first pass warms up, uncounted."""
    seconds: dict[int, list[float]] = {width: [] for width in _CANDIDATES}
    for number in range(_TUNING_PASSES):
        for width in _CANDIDATES:
            seconds[width].append(await _tuning_pass(stage, width, f"tuning-{number}-{width}"))
    wanted = min(_TUNING_OBJECTS, stage.scale.objects)
    return {width: 2 * wanted / min(passes[1:]) for width, passes in seconds.items()}


async def _tuning_pass(stage: Stage, width: int, namespace: str) -> float:
    stage.concurrency = width
    await stage.fleet.make_namespace(namespace)
    wanted = names(min(_TUNING_OBJECTS, stage.scale.objects))
    created = await stage.order("create", namespace, wanted, FIRST_IMAGE, bare=True)
    updated = await stage.order("update", namespace, wanted, stage.next_image(), bare=True)
    await stage.clear(namespace)
    return created.seconds + updated.seconds


async def _bare(stage: Stage, namespace: str) -> Round:
    await stage.fleet.make_namespace(namespace)
    created = await _burst(stage, None, "create", namespace, FIRST_IMAGE)
    await stage.ledger.settle(1.0)
    updated = await _burst(stage, None, "update", namespace, stage.next_image())
    await stage.clear(namespace)
    return Round(created, updated)


async def _atoll(stage: Stage, controller: Controller, namespace: str) -> tuple[Round, Toll]:
    await stage.fleet.make_namespace(namespace)
    await stage.govern(namespace)
    create, creation = await _billed(stage, controller, "create", namespace, FIRST_IMAGE)
    update, updating = await _billed(stage, controller, "update", namespace, stage.next_image())
    return Round(create, update), Toll(creation, updating, controller.memory())


async def _billed(
    stage: Stage, controller: Controller, verb: str, namespace: str, image: str
) -> tuple[Burst, Use]:
    """Carry out a burst through Atoll and wait until nothing is written any more."""
    used = controller.cpu()
    await stage.ledger.open()
    burst = await _burst(stage, controller, verb, namespace, image)
    await stage.ledger.settle(stage.scale.quiet)
    own = Write("POST" if verb == "create" else "PATCH", "deployments")
    bill = Bill.of(await stage.ledger.close(), Counter({own: stage.scale.objects}))
    return burst, Use(bill, controller.cpu() - used)


async def _burst(stage: Stage, controller: Controller | None, verb: str, namespace: str, image: str) -> Burst:
    """Order all objects; without a controller the load serves the members, too."""
    pids = stage.loader.pid, controller.pid if controller else None
    before = cpu.read(stage.fleet, *pids)
    seen = await stage.order(verb, namespace, names(stage.scale.objects), image, bare=controller is None)
    return Burst(seen.seconds, cpu.difference(before, cpu.read(stage.fleet, *pids)))


def _tell(stage: Stage, number: int, side: str, measured: Round) -> None:
    count, now = stage.scale.objects, time.strftime("%H:%M:%S")
    create, update = (count / burst.seconds for burst in measured)
    print(f"  {now} round {number + 1}, {side}: {create:.1f} created/s, {update:.1f} updated/s", flush=True)
