"""Two controllers of one host: one leads, the other stands by and takes over, and never do both write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from e2e.beside import beside
from e2e.fleet import Fleet, fetch, metrics_port
from e2e.ledger import kept
from federation.sandbox import ports
from federation.sandbox.process import Process
from federation.sandbox.sandbox import CONTROLLER
from tests.federated import CONFIGMAPS, POLICIES, configmap, eventually, policy, selects

pytestmark = pytest.mark.timeout(300)

LEASE = 15.0
"""Seconds for which a lease holds that is not renewed."""
HANDOVER = 2.0
"""Seconds between two looks at a lease that others hold."""
START = 5.0
"""Seconds that a busy machine takes for what should take none."""


class Pair:
    """The sandbox's controller and a second one; `both_led` once both were seen to lead."""

    def __init__(self, fleet: Fleet) -> None:
        command = fleet.controller_command()
        (port,) = ports.free(1)
        own = [word for word in command if not word.startswith(("--metrics-port", "--webhook-"))]
        self.first, self.second = fleet.sandbox.controller, Process(fleet.sandbox.folder, "second")
        self.first_command, self.second_command = command, [*own, f"--metrics-port={port}"]
        self.both_led = False

    async def leads(self, command: list[str]) -> bool:
        return "atoll_leading 1.0" in await fetch(metrics_port(command), "/metrics")

    async def look(self) -> None:
        """Look at both until cancelled."""
        while True:
            led = [await self.leads(command) for command in (self.first_command, self.second_command)]
            self.both_led |= all(led)

    async def stands_by(self, command: list[str]) -> None:
        await self._until(command, "standing by", 30)

    async def reconciles(self, command: list[str], seconds: float) -> None:
        await self._until(command, "leading", seconds)

    async def _until(self, command: list[str], state: str, seconds: float) -> None:
        said = ""

        async def as_wanted() -> bool:
            nonlocal said
            said = await fetch(metrics_port(command), "/readyz")
            return said == state

        await eventually(as_wanted, lambda: said, seconds)


@pytest.fixture
async def pair(fleet: Fleet) -> AsyncIterator[Pair]:
    """Both run; in the end only the sandbox's own does, and leads."""
    pair = Pair(fleet)
    pair.second.start(pair.second_command)
    try:
        async with beside(pair.look()):
            await pair.stands_by(pair.second_command)
            yield pair
    finally:
        await asyncio.to_thread(pair.second.stop)
        await fleet.start(CONTROLLER)


async def test_the_second_controller_takes_over_from_a_killed_and_the_first_from_a_stopped_one(
    fleet: Fleet, namespace: str, pair: Pair
) -> None:
    await fleet.host.apply(POLICIES, policy("all", namespace, selects("v1", "ConfigMap", name="settings")))
    async with kept(fleet.members["m1"], (CONFIGMAPS,), namespace) as ledger:
        await _is_served(fleet, namespace, "1")
        fleet.kill_controller()
        await pair.reconciles(pair.second_command, LEASE + HANDOVER + START)
        await _is_served(fleet, namespace, "2")

        pair.first.start(pair.first_command)
        await pair.stands_by(pair.first_command)
        stopped = asyncio.create_task(asyncio.to_thread(pair.second.stop))
        await pair.reconciles(pair.first_command, HANDOVER + START)
        await stopped
        await _is_served(fleet, namespace, "3")
        assert len(ledger.contents) == 3
        assert await ledger.applies() == 3
    assert not pair.both_led


async def _is_served(fleet: Fleet, namespace: str, number: str) -> None:
    await fleet.host.apply(CONFIGMAPS, configmap("settings", namespace, round=number))
    await fleet.everywhere(
        CONFIGMAPS, "settings", namespace, lambda c: c is not None and c["data"]["round"] == number
    )
