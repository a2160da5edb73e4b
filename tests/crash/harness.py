"""Crash at every write: run a scenario once to learn its writes and its end, then again with harm at each.

A run ends well when all clusters hold the same as after the unperturbed run and no object that the end state
has was deleted in a member on the way. Any scenario will do: see `Scenario`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from federation.kube.resources import Manifest
from tests.crash.deployments import DeploymentController
from tests.crash.incarnation import Incarnation, Violation
from tests.crash.state import PROPAGATION, Kinds, State, collect, difference
from tests.crash.tap import BEGINNING, Perturbation, Tap, Written
from tests.crash.witness import Seen, Witness
from tests.crash.world import World, clear
from tests.federated import condition

DEADLINE = 20.0
"""Seconds a perturbed run may take to come to its end."""
QUIET = 0.3
"""Seconds without a request after which a controller has nothing left to do."""
LONG_QUIET = 1.2
"""The same where nothing is known yet of what is to come."""
HOLD = 1.0
"""Seconds after which what was hidden is shown at the latest."""


Step = Callable[[World, str], Awaitable[None]]
"""What a user does in a namespace."""
Law = Callable[[Sequence[Written]], None]
"""Raises AssertionError when what was written, in this order, is not as it must be."""


@dataclass(frozen=True)
class Scenario:
    """`setup` is done and settles before the harm; `act` is done while the controller comes to harm.

    `meanwhile` is done right after the harm, or, if that does not come, when all has settled after `act`.
    Each of `then` waits for what it needs, and is done when all has settled; the harm may come there, too.
    `expect` raises AssertionError when a state is not what the scenario must end in. What the end has is
    never deleted on the way, save the (cluster, `plural/name`) of `passing`.
    """

    name: str
    setup: Step
    act: Step
    expect: Callable[[State], None]
    meanwhile: Step | None = None
    then: tuple[Step, ...] = ()
    passing: frozenset[tuple[str, str]] = frozenset()
    restore: Step | None = None
    """Puts back what outlives the namespace."""
    alike: bool = True
    """All runs end in the very same state, not only in one that is as expected."""
    law: Law | None = None
    """What holds on the way. Where there is a law, the controller of Deployments is played in the members."""
    witnessed: Callable[[Sequence[Seen]], None] | None = None
    """Raises AssertionError when what happened in the members on the way is not as it must be."""
    kinds: Kinds = PROPAGATION
    services: bool = False
    """The controller carries Services across clusters, too."""
    namespace: str = ""
    """One for all runs, where names of objects come of it."""


@dataclass(frozen=True)
class Recorded:
    """What the unperturbed run showed."""

    start: State
    end: State
    writes: tuple[str, ...]
    vain: frozenset[str]
    """Those that deleted what was gone already."""

    def points(self) -> list[tuple[str, Perturbation]]:
        """Return every harm at every write, and before the first.

        Events are told on the side of all that, and what deletes nothing need not come in another run.
        """
        writes = [write for write in self.writes if "/events #" not in write and write not in self.vain]
        everywhere = [(write, perturbation) for write in writes for perturbation in Perturbation]
        return [(BEGINNING, p) for p in Perturbation if p is not Perturbation.KILL_AFTER] + everywhere

    def sample(self, runs: int) -> list[tuple[str, Perturbation]]:
        """Return about so many points, spread evenly over writes and over perturbations."""
        points = self.points()
        stride = max(1, len(points) // runs)
        return points[:: stride + (stride % len(Perturbation) == 0)]


class Run:
    """One run of a scenario in a namespace of its own."""

    def __init__(
        self, world: World, scenario: Scenario, point: str = "", perturbation: Perturbation | None = None
    ) -> None:
        self._world, self._scenario = world, scenario
        self._what = f"{scenario.name}: {perturbation.value} {point}" if perturbation else scenario.name
        self._namespace = scenario.namespace or f"crash-{uuid4().hex[:10]}"
        self.tap = Tap(self._namespace, world.latest, point, perturbation)
        self._controller = Incarnation(world, self.tap, scenario.services)
        self._witness = Witness(world.members, self._namespace, scenario.kinds.payload)
        self._played = DeploymentController(world.members, self._namespace, self._play)

    async def record(self) -> Recorded:
        """Run undisturbed; then start a new controller, which must find nothing to do.

        What it says of its own start, in SourceStates on the host, is nothing of that.
        """
        try:
            start = await self._begin(None)
            await self._act()
            await self._meanwhile()
            await self._then()
            end = await self._settled(self._holds, LONG_QUIET)
            self._scenario.expect(end)
            self._check_way(end)
            writes, answers = tuple(self.tap.writes), len(self.tap.answers)
            vain = frozenset(self.tap.vain)
            await self._restart()
            self._compare(end, await self._settled(lambda state: True, LONG_QUIET))
            if again := [write for write in self.tap.writes[len(writes) :] if "/sourcestates/" not in write]:
                made = [written.manifest.get("status") for written in self.tap.answers[answers:]]
                raise Violation(f"{self._what}: a restart with nothing changed wrote {again}: {made}")
            return Recorded(start, end, writes, vain)
        finally:
            await self._end()

    async def perturb(self, recorded: Recorded) -> bool:
        """Run with harm; return whether the chosen write came at all.

        :raises Violation: the end is another one than recorded
        """
        try:
            await self._begin(recorded.start)
            await self._act()
            await self._meanwhile()
            await self._recover()
            await self._then()
            await self._end_as(recorded)
            return self.tap.reached
        finally:
            await self._end()

    async def _end_as(self, recorded: Recorded) -> None:
        """Wait for the end; tell how it is another one than it should be."""
        if self._scenario.alike:
            self._compare(recorded.end, await self._settled(lambda state: state == recorded.end, QUIET))
            self._check_way(recorded.end)
            return
        end = await self._settled(self._holds, QUIET)
        try:
            self._scenario.expect(end)
        except (AssertionError, KeyError) as other:
            raise Violation(f"{self._told()}\n{other!r}\n{difference(recorded.end, end)}") from other
        self._check_way(end)

    async def _begin(self, start: State | None) -> State:
        await self._world.make_namespace(self._namespace)
        await self._witness.start()
        if self._scenario.law is not None:
            await self._played.start()
        await self._controller.start()
        await self._scenario.setup(self._world, self._namespace)
        self.tap.touch()
        state = await self._settled(
            lambda state: _all_ready(state) if start is None else state == start,
            LONG_QUIET if start is None else QUIET / 2,
        )
        if start is not None:
            self._compare(start, state)
        self._witness.deleted.clear()
        await self.tap.arm()
        return state

    async def _act(self) -> None:
        await self._scenario.act(self._world, self._namespace)
        self.tap.touch()

    async def _meanwhile(self) -> None:
        if self._scenario.meanwhile is not None:
            await _until(lambda: self.tap.reached or self._quiet(QUIET))
            await self._scenario.meanwhile(self._world, self._namespace)
            self.tap.touch()

    async def _then(self) -> None:
        """Do the further steps; the harm may come while one is being done."""
        for step in self._scenario.then:
            mending = asyncio.create_task(self._mend_when_reached())
            try:
                await step(self._world, self._namespace)
            except AssertionError as never:
                raise Violation(f"{self._told()}\n{never}") from never
            finally:
                if not self.tap.reached:
                    mending.cancel()
                with suppress(asyncio.CancelledError):
                    await mending
            self.tap.touch()
            await self._recover()

    async def _mend_when_reached(self) -> None:
        await _until(lambda: self.tap.reached)
        await self._mend()

    async def _recover(self) -> None:
        """Wait for the harm, and mend it."""
        await _until(lambda: self.tap.reached or self._quiet(QUIET))
        await self._mend()

    async def _mend(self) -> None:
        """Start a killed controller anew; show it in the end what it did not see."""
        if self.tap.dead:
            await self._restart()
        if self.tap.holding:
            held = asyncio.get_running_loop().time()
            await _until(lambda: self._quiet(QUIET) or asyncio.get_running_loop().time() > held + HOLD)
            self.tap.release()
            self.tap.touch()

    async def _restart(self) -> None:
        await self._controller.kill()
        self.tap.revive()
        self.tap.touch()
        self._controller = Incarnation(self._world, self.tap, self._scenario.services)
        await self._controller.start()

    def _quiet(self, seconds: float) -> bool:
        self._controller.check()
        return asyncio.get_running_loop().time() > self.tap.touched + seconds

    def _holds(self, state: State) -> bool:
        try:
            self._scenario.expect(state)
        except (AssertionError, KeyError):
            return False
        return True

    async def _settled(self, wanted: Callable[[State], bool], quiet: float) -> State:
        """Wait until the controller rests and the state is as wanted; return the last state in any case."""
        state: State = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE):
                while True:
                    await _until(lambda: self._quiet(quiet))
                    state = await collect(self._world.clusters, self._namespace, self._scenario.kinds)
                    if wanted(state):
                        break
                    await asyncio.sleep(0.1)
        return state

    def _compare(self, expected: State, found: State) -> None:
        if found != expected:
            raise Violation(f"{self._told()}\n{difference(expected, found)}")

    def _play(self, cluster: str, live: Manifest) -> None:
        self.tap.answers.append(Written(cluster, live, by_us=False))
        self.tap.touch()

    def _check_way(self, end: State) -> None:
        staying = {(cluster, name) for cluster, objects in end.items() for name in objects}
        if lost := self._witness.deleted & staying - self._scenario.passing:
            raise Violation(f"{self._told()}\ndeleted on the way: {sorted(lost)}")
        try:
            if self._scenario.law is not None:
                self._scenario.law(self.tap.answers)
            if self._scenario.witnessed is not None:
                self._scenario.witnessed(self._witness.seen)
        except AssertionError as broken:
            raise Violation(f"{self._told()}\n{broken}") from broken

    def _told(self) -> str:
        last = "\n  ".join(self.tap.writes[-12:])
        return f"{self._what} (reached: {self.tap.reached})\nlast writes:\n  {last}"

    async def _end(self) -> None:
        await self._controller.kill()
        await self._witness.stop()
        await self._played.stop()
        if self._scenario.restore is not None:
            await self._scenario.restore(self._world, self._namespace)
        await clear(self._world, self._namespace, self._scenario.kinds)


def _all_ready(state: State) -> bool:
    clusters = [live for name, live in state["host"].items() if name.startswith("clusters/")]
    return all(condition(live, "Ready") == "True" for live in clusters)


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 (time without events is no event)
        await asyncio.sleep(0.01)
