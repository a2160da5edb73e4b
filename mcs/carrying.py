"""Carrying on: what nobody restarts from outside begins anew by itself, an agent above all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from federation.kube.api import Api
from federation.kube.controller import Observe
from mcs.agent import Agent
from mcs.records import Records

log = logging.getLogger(__name__)
RESTART_DELAY = 5.0


async def carry(
    cluster: str, member: Api, records: Records, observe: Observe | None, running: set[Agent]
) -> None:
    """Run an agent for a member until cancelled.

    :param running: where it is while it runs
    """

    async def run() -> None:
        agent = Agent(cluster, member, records, observe)
        running.add(agent)
        try:
            await agent.run()
        finally:
            running.discard(agent)

    await carry_on(cluster, run)


async def carry_on(cluster: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run again what ended, until cancelled; what goes wrong is logged."""
    while True:
        try:
            await run()
        except Exception:
            log.exception("cluster %s: its Services' tasks failed; they start anew", cluster,
                          extra={"cluster": cluster})  # fmt: skip
        await asyncio.sleep(RESTART_DELAY)
