"""Beside: what runs for the time of a block, and must not end before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do all of it for the time of a block; what ended earlier has left a gap, and fails the test."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    early = [repr(end) for end in ends if not isinstance(end, asyncio.CancelledError)]
    assert not early, f"what was to go on for the whole block ended early: {early}"
