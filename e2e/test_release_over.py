"""When a release is over nothing is written any more, on the host or in a member."""

from __future__ import annotations

import asyncio

import pytest

from bench.writes import Writes, read, without_leases
from e2e.fleet import Fleet
from e2e.releases import NEW, Web
from tests.federated import eventually

pytestmark = pytest.mark.timeout(300)

IDLE = 8.0
"""Seconds in which nothing may be written: longer than any pause between two looks at a release."""
QUIET = 3.0


async def test_nothing_is_written_when_a_release_is_over(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await web.begin(batches=3)
    await web.change(NEW)
    await web.reaches("Completed")
    before = await _settled(fleet)
    await asyncio.sleep(IDLE)  # the time is what is measured
    after = await _writes(fleet)
    assert {name: dict(after[name] - before[name]) for name in after} == {name: {} for name in after}


async def _settled(fleet: Fleet) -> dict[str, Writes]:
    """Wait until what was begun is written, then read the counts."""
    last = await _writes(fleet)

    async def quiet() -> bool:
        nonlocal last
        await asyncio.sleep(QUIET)
        before, last = last, await _writes(fleet)
        return before == last

    await eventually(quiet, lambda: str(last), 60)
    return last


async def _writes(fleet: Fleet) -> dict[str, Writes]:
    """Count all writes to the host; in the members, where nodes write too, those to workloads."""
    counts = {name: await read(member.api) for name, member in fleet.members.items()}
    ours = {
        name: Writes({write: n for write, n in writes.items() if write.resource in ("deployments", "pods")})
        for name, writes in counts.items()
    }
    return {"host": without_leases(await read(fleet.host.api)), **ours}
