"""When a release is over nothing is written any more, on the host or in a member."""

from __future__ import annotations

from functools import partial

import pytest

from bench.writes import Writes, read, without_leases
from e2e.fleet import Fleet
from e2e.releases import NEW, Web
from e2e.silence import nothing_is_written

pytestmark = pytest.mark.timeout(300)

IDLE = 8.0
"""Seconds in which nothing may be written: longer than any pause between two looks at a release."""


async def test_nothing_is_written_when_a_release_is_over(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await web.begin(batches=3)
    await web.change(NEW)
    await web.reaches("Completed")
    await nothing_is_written(partial(_writes, fleet), IDLE)


async def _writes(fleet: Fleet) -> dict[str, Writes]:
    """Count all writes to the host; in the members, where nodes write too, those to workloads."""
    counts = {name: await read(member.api) for name, member in fleet.members.items()}
    ours = {
        name: Writes({write: n for write, n in writes.items() if write.resource in ("deployments", "pods")})
        for name, writes in counts.items()
    }
    return {"host": without_leases(await read(fleet.host.api)), **ours}
