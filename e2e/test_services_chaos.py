"""Users and accidents at once, by chance: in the end every member has what the users left, and on the way no
endpoint that was ready throughout was ever absent.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from e2e.accidents import Accidents
from e2e.beside import beside
from e2e.estate import Estate
from e2e.fleet import Fleet
from e2e.imports import WATCHED, Imports
from tests.federated import NAMESPACES, eventually

SERVICES = ("alpha", "beta", "gamma", "headless-delta")
SETTLED = 90.0
"""Seconds in which all is right again: a server that was away is asked again after up to 30."""
_QUIET = 1.5
"""Seconds for which all must be right: what was ended and begun again may look right before it is noticed."""
_ROUNDS, _ACTS = 2, 6


class Chaos:
    """One seed. `history` is what happened, in words."""

    def __init__(self, fleet: Fleet, namespace: str, seed: int) -> None:
        self._chance = random.Random(seed)
        self._estate = Estate(fleet, namespace, SERVICES, self._chance)
        self._imports = Imports(self._estate)
        self._accidents = Accidents(self._estate, self._imports, random.Random(seed + 1))
        self.history: list[str] = []

    async def run(self, rounds: int) -> None:
        """Play; each round ends when all is as the users left it."""
        for member in self._estate.fleet.members.values():
            metadata = {"name": self._estate.namespace}
            await member.apply(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        watches = (
            self._imports.follow(cluster, resource)
            for cluster in self._estate.fleet.members
            for resource in WATCHED
        )
        async with beside(*watches):
            await self._estate.begin()
            await self._settle()
            for _ in range(rounds):
                await self._round()
                await self._settle()

    async def _round(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._strike())
            group.create_task(self._act())

    async def _strike(self) -> None:
        self.history.append(await self._accidents.strike())

    async def _act(self) -> None:
        for _ in range(_ACTS):
            await asyncio.sleep(self._chance.uniform(0, 0.3))  # at any moment of what else happens
            self.history.append(await self._estate.act())

    async def _settle(self) -> None:
        since, loop = float("inf"), asyncio.get_running_loop()

        async def right() -> bool:
            nonlocal since
            since = min(since, loop.time()) if not self._imports.differences() else float("inf")
            return loop.time() > since + _QUIET

        def last() -> str:
            return "\n".join(["", *self._imports.differences(), "after:", *self.history[-20:]])

        await eventually(right, last, SETTLED)
        assert not self._imports.broken, "\n".join(
            ["", *sorted(set(self._imports.broken)), "after:", *self.history[-20:]]
        )
        self.history.append("all is right")
        self._estate.settled()
        self._imports.settled()


@pytest.mark.timeout(300)
async def test_whatever_happens_every_member_has_what_users_left(fleet: Fleet, namespace: str) -> None:
    """I1 to I4, I8 to I10, I16 to I18."""
    await Chaos(fleet, namespace, 1).run(_ROUNDS)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(100, 110))
async def test_services_in_long_chaos(fleet: Fleet, namespace: str, seed: int) -> None:
    await Chaos(fleet, namespace, seed).run(40)
