"""When a member shows an object: the moment its watch event arrives here, whoever wrote it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress

from bench.fleet import Fleet
from bench.manifests import DEPLOYMENTS, image_of
from federation.kube.informer import Informer
from federation.kube.resources import Key

Moments = dict[tuple[str, str], float]
"""By member and name, seconds of the monotonic clock."""


class Sightings:
    """Watches the Deployments of every member."""

    def __init__(self, fleet: Fleet) -> None:
        self._mirrors = {
            name: Informer(fleet.apis[name], DEPLOYMENTS, image_of, self._changed(name))
            for name in fleet.members
        }
        self._expected: Expected | None = None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for mirror in self._mirrors.values():
                group.create_task(mirror.run())

    async def synced(self) -> None:
        for mirror in self._mirrors.values():
            await mirror.synced.wait()

    def expect(
        self, namespace: str, names: Collection[str], image: str, members: Collection[str] = ()
    ) -> Expected:
        """Wait, from now on, for each of the names with this image in some members, or in every one."""
        where = members or self._mirrors
        self._expected = Expected(namespace, image, {(member, name) for member in where for name in names})
        return self._expected

    def _changed(self, member: str) -> Callable[[Key], None]:
        def changed(key: Key) -> None:
            now = time.monotonic()
            if self._expected is not None:
                self._expected.note(member, key, self._mirrors[member].get(key), now)

        return changed


class Expected:
    """A set of sightings to come."""

    def __init__(self, namespace: str, image: str, missing: set[tuple[str, str]]) -> None:
        self._namespace, self._image, self._missing = namespace, image, missing
        self._moments: Moments = {}
        self._complete = asyncio.Event()

    def note(self, member: str, key: Key, image: str | None, now: float) -> None:
        namespace, name = key
        if namespace != self._namespace or image != self._image or (member, name) not in self._missing:
            return
        self._missing.remove((member, name))
        self._moments[member, name] = now
        if not self._missing:
            self._complete.set()

    async def all(self, seconds: float, check: Callable[[], object]) -> Moments:
        """Wait until every member has shown every object; `check` may raise once a second.

        :raises RuntimeError: not within `seconds`
        """
        until = time.monotonic() + seconds
        while not self._complete.is_set():
            check()
            if time.monotonic() > until:
                sample = ", ".join(f"{name} in {member}" for member, name in sorted(self._missing)[:5])
                raise RuntimeError(f"{len(self._missing)} objects not seen in {seconds:.0f} s: {sample}")
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._complete.wait()
        return self._moments


@asynccontextmanager
async def watching(fleet: Fleet) -> AsyncIterator[Sightings]:
    sightings = Sightings(fleet)
    task = asyncio.create_task(sightings.run())
    try:
        await sightings.synced()
        yield sightings
    finally:
        task.cancel()
        await asyncio.wait({task})
