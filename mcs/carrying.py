"""carry: an agent for one member that begins anew whatever happens to it."""

from __future__ import annotations

import asyncio
import logging

from federation.kube.api import Api
from federation.kube.controller import Observe
from mcs.agent import Agent
from mcs.records import Records

log = logging.getLogger(__name__)
RESTART_DELAY = 5.0


async def carry(
    cluster: str, member: Api, records: Records, observe: Observe | None, running: set[Agent]
) -> None:
    """Run an agent until cancelled; what goes wrong is logged.

    :param running: where it is while it runs
    """
    while True:
        agent = Agent(cluster, member, records, observe)
        running.add(agent)
        try:
            await agent.run()
        except Exception:
            log.exception("cluster %s: its Services' tasks failed; they start anew", cluster,
                          extra={"cluster": cluster})  # fmt: skip
        finally:
            running.discard(agent)
        await asyncio.sleep(RESTART_DELAY)
