"""atoll rollout status --watch: each change as it comes, and an end that scripts can act upon."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.cli.shop import Shop


@asynccontextmanager
async def watching(shop: Shop, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`atoll rollout status --watch`, as a process whose lines can be read as they come."""
    program = [sys.executable, "-c", "from federation.cli.main import app; app()", "rollout", "status"]
    process = await asyncio.create_subprocess_exec(
        *program, *words, "--watch", "--kubeconfig", str(shop.server.path), "-n", shop.namespace,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def next_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return (await process.stdout.readline()).decode().rstrip()


async def ended(process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(30):
        return await process.wait()


async def test_watching_prints_a_line_for_each_change_until_the_end(shop: Shop) -> None:
    await shop.run(phase="Releasing", updated=1, replicas=6)
    async with watching(shop, "deployment/web") as process:
        assert (await next_line(process)).startswith("Releasing 1/3: 1/6 updated")
        await shop.stands(phase="Releasing", updated=2, replicas=6)
        assert (await next_line(process)).startswith("Releasing 1/3: 2/6 updated")
        await shop.stands(phase="Completed", updated=6, replicas=6)
        assert (await next_line(process)).startswith("Completed")
        assert await ended(process) == 0


async def test_watching_ends_when_somebody_is_needed(shop: Shop) -> None:
    await shop.run(phase="Releasing")
    async with watching(shop, "deployment/web") as process:
        await next_line(process)
        await shop.stands(phase="Halted", message="pods failed")
        assert "pods failed" in await next_line(process)
        assert await ended(process) == 2


async def test_watching_a_workload_goes_on_with_the_run_that_supersedes(shop: Shop) -> None:
    await shop.revision(1, "web-c")
    await shop.run(1, target="web-b", phase="Releasing")
    async with watching(shop, "deployment/web") as process:
        await next_line(process)
        await shop.run(2, target="web-c", phase="Releasing", message="the second")
        await shop.stands(1, phase="Superseded")
        assert (await next_line(process)).startswith("Superseded")
        assert "the second" in await next_line(process)
        await shop.stands(2, phase="RolledBack")
        assert await ended(process) == 3


async def test_watching_waits_for_the_run_of_a_change_made_just_before(shop: Shop) -> None:
    await shop.revision(1, "web-a")
    await shop.run(1, target="web-a", phase="Completed")
    await shop.deploy("nginx:2")
    async with watching(shop, "deployment/web") as process:
        await shop.run(2, target="web-b", phase="Completed", message="the second")
        await shop.revision(2, "web-b")
        assert "the second" in await next_line(process)
        assert await ended(process) == 0


async def test_watching_gives_up_after_a_time_out(shop: Shop) -> None:
    await shop.run(phase="AwaitingApproval")
    said = await shop.atoll("status", "deployment/web", "--watch", "--timeout", "1s")
    assert said.code == 4
    assert "web-1" in said.err
    assert "AwaitingApproval" in said.err
