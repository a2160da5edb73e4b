"""Users and accidents at once, by chance: in the end every member has what the users left, and on the way no
endpoint that was ready throughout was ever absent.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import NamedTuple

import pytest

from e2e import accidents, disruptions, losses, meddlers
from e2e.accidents import Accidents, Menu
from e2e.beside import beside
from e2e.estate import Estate
from e2e.fleet import Fleet
from e2e.imports import WATCHED, Imports
from e2e.network import Network, network_of
from tests.federated import NAMESPACES, eventually

log = logging.getLogger(__name__)

SERVICES = ("alpha", "beta", "gamma", "headless-delta")
SETTLED = 90.0
"""Seconds in which all is right again: a server that was away is asked again after up to 30."""
_QUIET = 1.5
"""Seconds for which all must be right: what was ended and begun again may look right before it is noticed."""
_ROUNDS, _ACTS = 2, 6
_STILL = 3
"""In every third round nobody acts."""


class Faults(NamedTuple):
    """What may happen: while users act, and while they don't and nothing is to be written."""

    menu: Menu
    still: Menu


class Chaos:
    """One seed. `history` is what happened, in words."""

    def __init__(
        self, fleet: Fleet, namespace: str, seed: int, faults: Faults, network: Network | None = None
    ) -> None:
        self._chance, self._faults = random.Random(seed), faults
        self._estate = Estate(fleet, namespace, SERVICES, self._chance)
        self._imports = Imports(self._estate)
        self._accidents = Accidents(self._estate, self._imports, random.Random(seed + 1), network)
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
            for number in range(rounds):
                await (self._still_round() if number % _STILL == _STILL - 1 else self._round())
                await self._settle()

    async def _round(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._strike())
            group.create_task(self._act())

    def _note(self, text: str) -> None:
        self.history.append(text)
        log.info(text)

    async def _still_round(self) -> None:
        """I7: what begins anew looks at everything, and writes nothing.

        Who follows what users do then has looked at all of it.
        """
        before = self._imports.versions()
        self._note("nobody acts: " + await self._accidents.strike(self._faults.still))
        flipped = await self._estate.flip_everywhere()
        await self._all_is_right()
        after = self._imports.versions()
        written = sorted(
            f"{each.cluster}: {each.title}"
            for each in before ^ after
            if (each.service, each.source) not in flipped
        )
        assert not written, "\n".join(["", "I7: written:", *written, "after:", *self.history[-5:]])

    async def _strike(self) -> None:
        self._note(await self._accidents.strike(self._faults.menu))

    async def _act(self) -> None:
        for _ in range(_ACTS):
            await asyncio.sleep(self._chance.uniform(0, 0.3))  # at any moment of what else happens
            self._note(await self._estate.act())

    async def _settle(self) -> None:
        await self._all_is_right()
        self._note("all is right")
        self._estate.settled()
        self._imports.settled()

    async def _all_is_right(self) -> None:
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


@pytest.mark.timeout(300)
async def test_whatever_happens_every_member_has_what_users_left(fleet: Fleet, namespace: str) -> None:
    """I1 to I4, I8 to I10, I16 to I18."""
    await Chaos(fleet, namespace, 1, Faults(accidents.MENU, accidents.STILL)).run(_ROUNDS)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(100, 110))
async def test_services_in_long_chaos(fleet: Fleet, namespace: str, seed: int) -> None:
    """I5 to I7, too: one member has an agent of its own, and the ways to all API servers have faults."""
    faults = Faults(
        accidents.MENU | disruptions.MENU | meddlers.MENU,
        accidents.STILL | disruptions.STILL | meddlers.STILL,
    )
    async with network_of(fleet, "m2") as network:
        await Chaos(fleet, namespace, seed, faults, network).run(40)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(120, 124))
async def test_services_with_a_host_that_loses_its_store(
    fragile: Fleet, fragile_namespace: str, seed: int
) -> None:
    """I17."""
    faults = Faults(accidents.MENU | losses.MENU, accidents.STILL)
    await Chaos(fragile, fragile_namespace, seed, faults).run(20)
