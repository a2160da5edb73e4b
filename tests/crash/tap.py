"""Tap: stands between a controller and all its API servers, and does it harm at one chosen write.

Every write of every verb passes here, one at a time, so that "right before" and "right after" mean the same
in each run. The harm is one of the three perturbations of Sieve (Sun et al., "Automatic Reliability Testing
for Cluster Management Controllers", OSDI 2022): a crash, a stale cache, events never seen.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any, NamedTuple

from federation.kube.api import APPLY, Api, WatchEvent
from federation.kube.config import Configuration
from federation.kube.errors import Gone, NotFound
from federation.kube.resources import Manifest, Resource, Selector, newer
from mcs.resources import LEASES

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
BEGINNING = "the beginning"
"""The point before the first write, and before the user does anything."""


class Perturbation(Enum):
    """What happens at the chosen write."""

    KILL_BEFORE = "killed right before"
    """The write is never sent."""
    KILL_AFTER = "killed right after"
    """The write is done, its answer is never read."""
    STALE = "stale since"
    """Lists and watches show the world as it was right before the write, until released."""
    REWOUND = "killed right after, then stale since right before"
    """A new controller is shown an old world: it talks to an API server that lags behind."""
    MISSED = "events missed since"
    """Watches break right before the write and the next list comes after the release."""


_DIGEST = re.compile(r"(?<=[a-z])-[0-9a-f]{10}\b")
"""The end of a ControllerRevision's name: another one in each run."""
_KILLS = {Perturbation.KILL_BEFORE, Perturbation.KILL_AFTER, Perturbation.REWOUND}
_FREEZES = {Perturbation.STALE, Perturbation.REWOUND}
Latest = Callable[[], Awaitable[Mapping[str, str]]]
"""Asks each cluster for the resourceVersion it is at."""


class Written(NamedTuple):
    """What a cluster held after a write."""

    cluster: str
    manifest: Manifest
    by_us: bool = True
    """The controller under test wrote it, not the one that is played in a member."""


class Tap:
    """The harm of one run. Names of writes are free of what differs from run to run, `namespace` above all.

    - `writes`: those since `arm`, by name, each with its number among its equals
    - `vain`: those of `writes` that deleted what was gone already: whether they come is chance
    - `answers`: what every write since the start made, in order; those that the controller never read, too
    - `reached`: the chosen write came, and with it the harm
    - `dead`: the controller is to be killed; nothing passes until `revive`
    - `holding`: what changes is hidden from the controller until `release`
    """

    def __init__(
        self, namespace: str, latest: Latest, point: str = "", perturbation: Perturbation | None = None
    ) -> None:
        self._namespace, self._latest = namespace, latest
        self._point, self._perturbation = point, perturbation
        self._armed = False
        self._numbers: Counter[str] = Counter()
        self._one_at_a_time = asyncio.Lock()
        self._cut, self._released = asyncio.Event(), asyncio.Event()
        self._frozen: Mapping[str, str] = {}
        self._incarnation = 0
        self.writes: list[str] = []
        self.vain: set[str] = set()
        self.answers: list[Written] = []
        self.reached = self.dead = False
        self.touched = 0.0
        """When the controller last asked for anything but its probes."""

    @property
    def holding(self) -> bool:
        return bool(self._frozen or self._cut.is_set()) and not self._released.is_set()

    @property
    def incarnation(self) -> int:
        return self._incarnation

    async def arm(self) -> None:
        """Count from now on; the first point is now."""
        self._armed = True
        if self._point == BEGINNING:
            await self._harm_before()
            self._harm_after()

    def revive(self) -> None:
        """A new controller takes over; whatever is left of the old one never gets an answer again."""
        self._incarnation += 1
        self.dead = False

    def release(self) -> None:
        """Let the controller see what it could not."""
        self._released.set()
        self._cut.clear()

    def touch(self) -> None:
        self.touched = asyncio.get_running_loop().time()

    async def alive(self, incarnation: int) -> None:
        """Return at once for a living controller, never for a dead one."""
        if self.dead or incarnation != self._incarnation:
            await asyncio.Event().wait()

    async def write(self, incarnation: int, name: str, send: Callable[[], Awaitable[Manifest]]) -> Manifest:
        """Send a write, if nothing is to happen before it; answer it, if nothing is to happen after it."""
        async with self._one_at_a_time:
            await self.alive(incarnation)
            cluster = name.partition(" ")[0]
            if not self._is_point(name):
                return self._noted(cluster, await self._sent(name, send))
            await self._harm_before()
            await self.alive(incarnation)
            try:
                return self._noted(cluster, await send())
            finally:
                self._harm_after()
                await self.alive(incarnation)

    async def _sent(self, name: str, send: Callable[[], Awaitable[Manifest]]) -> Manifest:
        try:
            return await send()
        except NotFound:
            if self._armed and " DELETE " in name:
                self.vain.add(self.writes[-1])
            raise

    def _noted(self, cluster: str, answer: Manifest) -> Manifest:
        self.answers.append(Written(cluster, answer))
        return answer

    def _is_point(self, name: str) -> bool:
        if not self._armed:
            return False
        name = _DIGEST.sub("-DIGEST", name.replace(self._namespace, "NS"))
        self._numbers[name] += 1
        self.writes.append(f"{name} #{self._numbers[name]}")
        return self._point == self.writes[-1]

    async def _harm_before(self) -> None:
        if self._perturbation is Perturbation.KILL_BEFORE:
            self.reached = self.dead = True
        if self._perturbation in _FREEZES:
            self._frozen = await self._latest()
        if self._perturbation is Perturbation.MISSED:
            self._cut.set()

    def _harm_after(self) -> None:
        self.reached, self.dead = True, self._perturbation in _KILLS

    # What the controller is shown

    async def list_query(self, cluster: str, query: Mapping[str, str]) -> Mapping[str, str]:
        """Return how a list is to be asked for; while watches are cut, it waits."""
        if self._cut.is_set():
            await self._released.wait()
        if self.holding and self._frozen and "continue" not in query:
            return {**query, "resourceVersion": self._frozen[cluster], "resourceVersionMatch": "Exact"}
        return query

    async def events(self, cluster: str, events: AsyncIterator[WatchEvent]) -> AsyncIterator[WatchEvent]:
        """Pass on events: late while the cache is stale, never when the watch is cut."""
        cut = asyncio.ensure_future(self._cut.wait())
        try:
            while (event := await _unless(cut, anext(events, None))) is not None:
                if self._hides(cluster, event):
                    await self._released.wait()
                yield event
        finally:
            cut.cancel()

    def _hides(self, cluster: str, event: WatchEvent) -> bool:
        if self._released.is_set() or cluster not in self._frozen:
            return False
        return newer(event.manifest["metadata"]["resourceVersion"], self._frozen[cluster])


async def _unless(cut: asyncio.Future[Any], coming: Awaitable[WatchEvent | None]) -> WatchEvent | None:
    """Await an event.

    :raises Gone: the watch was cut first
    """
    event = asyncio.ensure_future(coming)
    try:
        await asyncio.wait({event, cut}, return_when=asyncio.FIRST_COMPLETED)
        if cut.done():
            raise Gone(410, "Expired", "the watch was cut")
        return event.result()
    finally:
        event.cancel()
        await asyncio.wait({event})


class TappedApi(Api):
    """The Api of a controller under test."""

    def __init__(self, configuration: Configuration, cluster: str, tap: Tap) -> None:
        super().__init__(configuration)
        self._cluster, self._tap, self._incarnation = cluster, tap, tap.incarnation

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        resource: Resource | None = None,
        **options: Any,
    ) -> Manifest:
        await self._tap.alive(self._incarnation)
        if resource == LEASES and method in WRITES:  # signs of life come by the clock: they are no step of it
            return await super().request(
                method, path, query=query, content_type=content_type, resource=resource, **options
            )
        self._tap.touch()
        if query is not None and "limit" in query:
            query = await self._tap.list_query(self._cluster, query)

        async def send() -> Manifest:
            return await super(TappedApi, self).request(
                method, path, query=query, content_type=content_type, resource=resource, **options
            )

        if method not in WRITES:
            answer = await send()
        else:
            verb = "APPLY" if content_type == APPLY else method
            answer = await self._tap.write(self._incarnation, f"{self._cluster} {verb} {path}", send)
        await self._tap.alive(self._incarnation)
        self._tap.touch()
        return answer

    @asynccontextmanager
    async def watch(
        self,
        resource: Resource,
        resource_version: str,
        *,
        namespace: str | None = None,
        selector: Selector | None = None,
        metadata_only: bool = False,
    ) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        await self._tap.alive(self._incarnation)
        watching = super().watch(
            resource, resource_version, namespace=namespace, selector=selector, metadata_only=metadata_only
        )
        async with watching as events:
            yield self._living(self._tap.events(self._cluster, events))

    async def _living(self, events: AsyncIterator[WatchEvent]) -> AsyncIterator[WatchEvent]:
        async for event in events:
            await self._tap.alive(self._incarnation)
            yield event
