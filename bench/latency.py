"""One update in a quiet system: from the host's response to the watch event in a member."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from bench.manifests import FIRST_IMAGE
from bench.stage import Stage, names

_BLOCKS = 4
_PAUSE = (0.1, 0.25)
"""Seconds between two samples: whatever an update is followed by is over, and no rhythm is hit."""


@dataclass
class Latency:
    """Seconds, one for each sample: in every member, and by member."""

    everywhere: list[float] = field(default_factory=list)
    by_member: dict[str, list[float]] = field(default_factory=dict)


@dataclass
class Latencies:
    bare: Latency = field(default_factory=Latency)
    atoll: Latency = field(default_factory=Latency)


async def run(stage: Stage) -> Latencies:
    """Take the samples in blocks, the sides in turn."""
    latencies = Latencies()
    blocks = _BLOCKS if stage.scale.samples > _BLOCKS**2 else 1
    wanted = names(-(-stage.scale.samples // blocks))
    for block in range(blocks):
        await _bare(stage, f"bare-single-{block}", wanted, latencies.bare)
        async with stage.leading():
            namespace = f"atoll-single-{block}"
            await stage.fleet.make_namespace(namespace)
            await stage.govern(namespace)
            await _sample(stage, namespace, wanted, latencies.atoll, bare=False)
        await stage.clear(namespace)
    return latencies


async def _bare(stage: Stage, namespace: str, wanted: list[str], latency: Latency) -> None:
    await stage.fleet.make_namespace(namespace)
    await _sample(stage, namespace, wanted, latency, bare=True)
    await stage.clear(namespace)


async def _sample(stage: Stage, namespace: str, wanted: list[str], latency: Latency, *, bare: bool) -> None:
    await stage.order("create", namespace, wanted, FIRST_IMAGE, bare=bare)
    await stage.ledger.settle(stage.scale.quiet)
    image = stage.next_image()
    for name in wanted:
        await asyncio.sleep(random.uniform(*_PAUSE))
        seen = await stage.order("update", namespace, [name], image, bare=bare)
        answered = seen.answer.answered[name]
        latency.everywhere.append(max(seen.moments.values()) - answered)
        for (member, _), moment in seen.moments.items():
            latency.by_member.setdefault(member, []).append(moment - answered)
