"""Silence: what is written while nothing happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bench.writes import Writes
from tests.federated import eventually

Count = Callable[[], Awaitable[dict[str, Writes]]]
"""Reads by cluster how often each kind of write was made since its API server started."""
QUIET = 3.0
"""Seconds without a write after which what was begun is done."""


async def nothing_is_written(count: Count, seconds: float) -> None:
    """Wait until what was begun is written, then say that nothing more is, for so many seconds."""
    before = await _settled(count)
    await asyncio.sleep(seconds)  # the time is what is measured
    after = await count()
    assert {name: dict(after[name] - before[name]) for name in after} == {name: {} for name in after}


async def _settled(count: Count) -> dict[str, Writes]:
    last = await count()

    async def quiet() -> bool:
        nonlocal last
        await asyncio.sleep(QUIET)
        before, last = last, await count()
        return before == last

    await eventually(quiet, lambda: str(last), 60)
    return last
