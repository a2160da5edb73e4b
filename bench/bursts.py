"""Bursts: many new Deployments at once, then a new image for all of them; bare and through Atoll, in turn."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.controller import Controller, leading
from bench.manifests import FIRST_IMAGE
from bench.stage import Stage, names
from bench.steady import Steady, steady
from bench.writes import Bill, Write

_CANDIDATES = (4, 8, 16, 32, 64)
_TUNING_OBJECTS = 120


@dataclass
class Burst:
    """One round of one side: seconds each, from the first request to the last watch event."""

    create: float
    update: float


@dataclass
class AtollBurst(Burst):
    create_bill: Bill
    update_bill: Bill
    create_cpu: float
    """Seconds of the controller's CPU, until all was quiet."""
    update_cpu: float
    memory: int
    peak: int


@dataclass
class Bursts:
    """All rounds on one fleet."""

    members: int
    objects: int
    concurrency: int = 0
    tuning: dict[int, float] = field(default_factory=dict)
    """Objects per second of the bare loop by concurrency."""
    bare: list[Burst] = field(default_factory=list)
    atoll: list[AtollBurst] = field(default_factory=list)
    steady: Steady | None = None


async def run(stage: Stage, *, tune: bool, profile: Path | None = None, calm: bool = False) -> Bursts:
    """Alternate the sides. `calm` has the last controller looked at when nothing happens, too."""
    bursts = Bursts(len(stage.fleet.members), stage.scale.objects)
    if tune:
        bursts.tuning = await _tune(stage)
        stage.concurrency = max(bursts.tuning, key=lambda width: bursts.tuning[width])
    bursts.concurrency = stage.concurrency
    for number in range(stage.scale.rounds):
        bursts.bare.append(await _bare(stage, f"bare-{number}"))
        print(f"  round {number + 1}, bare: {_rates(stage, bursts.bare[-1])}", flush=True)
        last = number == stage.scale.rounds - 1
        async with leading(stage.fleet, profile) as controller:
            bursts.atoll.append(await _atoll(stage, controller, f"atoll-{number}"))
            print(f"  round {number + 1}, Atoll: {_rates(stage, bursts.atoll[-1])}", flush=True)
            if last and calm:
                bursts.steady = await steady(stage, controller, f"atoll-{number}")
        await stage.clear(f"atoll-{number}")
    return bursts


async def _tune(stage: Stage) -> dict[int, float]:
    """Find the concurrency that serves the bare loop best; a first, uncounted run warms the servers up."""
    rates: dict[int, float] = {}
    wanted = names(min(_TUNING_OBJECTS, stage.scale.objects))
    for number, width in enumerate((_CANDIDATES[0], *_CANDIDATES)):
        stage.concurrency, namespace = width, f"tuning-{number}"
        await stage.fleet.make_namespace(namespace)
        seen = await stage.order("create", namespace, wanted, FIRST_IMAGE, bare=True)
        updated = await stage.order("update", namespace, wanted, stage.next_image(), bare=True)
        rates[width] = 2 * len(wanted) / (seen.seconds + updated.seconds)
        await stage.clear(namespace)
    return rates


async def _bare(stage: Stage, namespace: str) -> Burst:
    await stage.fleet.make_namespace(namespace)
    wanted = names(stage.scale.objects)
    created = await stage.order("create", namespace, wanted, FIRST_IMAGE, bare=True)
    await stage.ledger.settle(1.0)
    updated = await stage.order("update", namespace, wanted, stage.next_image(), bare=True)
    await stage.clear(namespace)
    return Burst(created.seconds, updated.seconds)


async def _atoll(stage: Stage, controller: Controller, namespace: str) -> AtollBurst:
    await stage.fleet.make_namespace(namespace)
    await stage.govern(namespace)
    create, create_bill, create_cpu = await _billed(stage, controller, "create", namespace, FIRST_IMAGE)
    update, update_bill, update_cpu = await _billed(
        stage, controller, "update", namespace, stage.next_image()
    )
    return AtollBurst(
        create, update, create_bill, update_bill, create_cpu, update_cpu, controller.memory(), controller.peak
    )


async def _billed(
    stage: Stage, controller: Controller, verb: str, namespace: str, image: str
) -> tuple[float, Bill, float]:
    """Carry out a burst through Atoll and wait until nothing is written any more."""
    wanted, cpu = names(stage.scale.objects), controller.cpu()
    await stage.ledger.open()
    seen = await stage.order(verb, namespace, wanted, image, bare=False)
    controller.memory()
    await stage.ledger.settle(stage.scale.quiet)
    own = Write("POST" if verb == "create" else "PATCH", "deployments")
    bill = Bill.of(await stage.ledger.close(), Counter({own: len(wanted)}))
    return seen.seconds, bill, controller.cpu() - cpu


def _rates(stage: Stage, burst: Burst) -> str:
    count, now = stage.scale.objects, time.strftime("%H:%M:%S")
    return f"{count / burst.create:.1f} created/s, {count / burst.update:.1f} updated/s ({now})"
