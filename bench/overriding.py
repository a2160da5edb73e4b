"""One override policy that changes many workloads in one of several clusters, beside applying them there."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from bench.load import Order
from bench.manifests import FIRST_IMAGE, OVERRIDES, override
from bench.stage import Stage, names
from bench.writes import Bill, Write

NAMESPACE, BARE = "atoll-overridden", "bare-overridden"
_FILLED = 1800.0
"""Seconds in which all workloads are in place."""


@dataclass
class Edit:
    """What an edit took. Seconds until the cluster showed the last of the workloads."""

    workloads: int
    members: int
    cluster: str
    """The cluster it was about."""
    seconds: float
    bare: float
    """The same by applying the workloads to that cluster alone, with no control layer."""
    bill: Bill


async def run(stage: Stage, workloads: int) -> Edit:
    """Place workloads everywhere through Atoll and override the tag in one cluster, twice."""
    cluster = stage.fleet.members[-1]
    bare = await _bare(stage, workloads, cluster)
    await stage.fleet.make_namespace(NAMESPACE)
    async with stage.leading():
        await stage.govern(NAMESPACE)
        began = time.monotonic()
        await stage.order("create", NAMESPACE, names(workloads), FIRST_IMAGE, bare=False, seconds=_FILLED)
        print(f"  {workloads} workloads everywhere after {time.monotonic() - began:.0f} s", flush=True)
        await _overridden(stage, workloads, cluster)  # the first one makes the namespace's mirror
        await stage.ledger.settle(stage.scale.quiet)
        await stage.ledger.open()
        seconds = await _overridden(stage, workloads, cluster)
        await stage.ledger.settle(stage.scale.quiet)
        bill = Bill.of(await stage.ledger.close(), Counter({Write("APPLY", "overridepolicies"): 1}))
    return Edit(workloads, len(stage.fleet.members), cluster, seconds, bare, bill)


async def _bare(stage: Stage, workloads: int, cluster: str) -> float:
    """Have the load apply a new image to one cluster alone."""
    await stage.fleet.make_namespace(BARE)
    await _applied(stage, workloads, cluster, FIRST_IMAGE)
    return await _applied(stage, workloads, cluster, stage.next_image())


async def _applied(stage: Stage, workloads: int, cluster: str, image: str) -> float:
    expected = stage.sightings.expect(BARE, names(workloads), image, [cluster])
    order = Order("pass", BARE, tuple(names(workloads)), image, stage.concurrency, (cluster,))
    answer = await stage.loader.order(order)
    return max((await expected.all(_FILLED, stage.check)).values()) - answer.began


async def _overridden(stage: Stage, workloads: int, cluster: str) -> float:
    image = stage.next_image()
    expected = stage.sightings.expect(NAMESPACE, names(workloads), image, [cluster])
    manifest = override(NAMESPACE, cluster, image.rpartition(":")[2])
    began = time.monotonic()
    await stage.fleet.host.apply(OVERRIDES, manifest, manager="bench")
    return max((await expected.all(_FILLED, stage.check)).values()) - began
