"""What befalls the ways between processes and API servers, and the agent of a member.

Nothing goes because of any of it that lasts less than `SILENT` seconds: no endpoint is exempt (I6, I8, I17).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from e2e.accidents import Accidents, Menu
from e2e.agents import Agent
from e2e.network import AGENT, RENEW, SILENT
from e2e.ways import Way
from federation.sandbox.sandbox import HOST
from tests.federated import eventually

_SHORT = SILENT / 4
_FOLLOWED = 30.0
"""Seconds in which an agent follows its own cluster, on a busy machine too."""
_SKEWS = (0.0, 3600.0, -3600.0)


# Ways: the controller's to the host or a member, the agent's to the host or its member


async def way_is_cut(scene: Accidents, cluster: str, service: str) -> None:
    async with _some_way(scene) as way:
        way.cut()


async def way_is_mute(scene: Accidents, cluster: str, service: str) -> None:
    """What is sent arrives late, when who sent it does not wait for it any more."""
    async with _some_way(scene) as way:
        way.mute()


async def way_is_deaf(scene: Accidents, cluster: str, service: str) -> None:
    """What is sent is carried out, and nobody knows."""
    async with _some_way(scene) as way:
        way.deafen()


async def way_is_rough(scene: Accidents, cluster: str, service: str) -> None:
    async with _some_way(scene) as way:
        way.fail(scene.chance)


async def watches_end(scene: Accidents, cluster: str, service: str) -> None:
    async with _some_way(scene) as way:
        way.end_watches()


async def watches_expire(scene: Accidents, cluster: str, service: str) -> None:
    async with _some_way(scene) as way:
        await way.expire()


async def all_ways_to_the_host_are_cut(scene: Accidents, cluster: str, service: str) -> None:
    for (_, to), way in scene.network.ways.items():
        if to == HOST:
            way.cut()
    await asyncio.sleep(scene.chance.uniform(0, _SHORT))  # the length of the outage
    scene.network.heal()


# The agent of a member


async def agent_dies(scene: Accidents, cluster: str, service: str) -> None:
    await scene.network.agent.kill()
    scene.network.start_agent(_skew(scene))


async def agent_ends(scene: Accidents, cluster: str, service: str) -> None:
    """As a pod that is told to."""
    await asyncio.to_thread(scene.network.agent.process.stop)
    scene.network.start_agent(_skew(scene))


async def agent_stands_still(scene: Accidents, cluster: str, service: str) -> None:
    """SIGSTOP, then SIGCONT: it does not know that time has passed."""
    running = scene.network.agent.process.running()
    assert running is not None, scene.network.agent.process.tail()
    running.suspend()
    await asyncio.sleep(scene.chance.uniform(0, SILENT / 2))  # so long, its Lease in the member may run out
    running.resume()


async def agent_begins_without_the_host(scene: Accidents, cluster: str, service: str) -> None:
    """I6: it follows the endpoints of its own cluster all the same, and touches nothing else."""
    agent, way = scene.network.agent, scene.network.ways[AGENT, HOST]
    way.cut()
    await agent.kill()
    scene.network.start_agent(_skew(scene))
    before = scene.imports.foreign(agent.member)
    await _follows(scene, agent)
    _is_unchanged(scene, agent.member, before)
    way.heal()


async def agent_falls_silent(scene: Accidents, cluster: str, service: str) -> None:
    """I5: the others do without its endpoints, and not before its time is up; then they have them again."""
    agent, way = scene.network.agent, scene.network.ways[AGENT, HOST]
    others = [each for each in scene.fleet.members if each != agent.member]
    loop = asyncio.get_running_loop()
    way.cut()
    began = loop.time()
    scene.imports.given_up = agent.member, began + SILENT - RENEW - 1.0  # its last sign was not just now

    async def left_out() -> bool:
        return not any(scene.imports.of_source(each, agent.member) for each in others)

    def last() -> str:
        return f"I5: {[scene.imports.of_source(each, agent.member) for each in others]}"

    try:
        await eventually(left_out, last, SILENT + 30.0)
        scene.details = f"left out after {loop.time() - began:.0f} s"
    finally:
        way.heal()


async def host_is_away_for_all(scene: Accidents, cluster: str, service: str) -> None:
    """I6: nothing of other clusters changes anywhere; the agent follows the endpoints of its own."""
    agent = scene.network.agent
    async with scene.fleet.outage(HOST):
        before = {each: await _at_rest(scene, each) for each in scene.fleet.members}
        await _follows(scene, agent)
        for each, foreign in before.items():
            _is_unchanged(scene, each, foreign)


@asynccontextmanager
async def _some_way(scene: Accidents) -> AsyncIterator[Way]:
    """A way that is disturbed in the block, and healed some time after it."""
    (process, to), way = scene.chance.choice(sorted(scene.network.ways.items(), key=lambda each: each[0]))
    scene.details = f"from {process} to {to}"
    yield way
    await asyncio.sleep(scene.chance.uniform(0, _SHORT))  # the length of the outage
    way.heal()


def _skew(scene: Accidents) -> float:
    scene.details = f"with a clock {(skew := scene.chance.choice(_SKEWS)):+g} s wrong"
    return skew


async def _follows(scene: Accidents, agent: Agent) -> None:
    def last() -> str:
        return "\n".join([f"I6: {agent.member} does not follow its own endpoints:", *differences(),
                          agent.process.tail()])  # fmt: skip

    def differences() -> list[str]:
        return scene.imports.own_differences(agent.member)

    async def follows() -> bool:
        return not differences()

    await eventually(follows, last, _FOLLOWED)


async def _at_rest(scene: Accidents, cluster: str) -> object:
    """Wait until what was under way is done; return what is there of other clusters."""
    loop = asyncio.get_running_loop()
    last, since = scene.imports.foreign(cluster), loop.time()

    async def rests() -> bool:
        nonlocal last, since
        if (now := scene.imports.foreign(cluster)) != last:
            last, since = now, loop.time()
        return loop.time() > since + 1.0

    await eventually(rests, lambda: f"I6: {cluster} does not come to rest without the host", _FOLLOWED)
    return last


def _is_unchanged(scene: Accidents, cluster: str, before: object) -> None:
    if (after := scene.imports.foreign(cluster)) != before:
        scene.imports.broken.append(f"I6: {cluster} had {before} without the host, then {after}")


MENU: Menu = {
    way_is_cut: 2,
    way_is_mute: 2,
    way_is_deaf: 2,
    way_is_rough: 3,
    watches_end: 2,
    watches_expire: 2,
    all_ways_to_the_host_are_cut: 2,
    agent_dies: 2,
    agent_ends: 1,
    agent_stands_still: 2,
    agent_begins_without_the_host: 2,
    agent_falls_silent: 1,
    host_is_away_for_all: 2,
}
"""For a network with an agent."""
STILL: Menu = {accident: weight for accident, weight in MENU.items() if accident is not agent_falls_silent}
