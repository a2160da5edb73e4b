"""Witness: sees every change in the members, with watches of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from federation.kube.resources import Manifest, Resource
from tests.federated import Cluster


class Seen(NamedTuple):
    """One event of a watch."""

    cluster: str
    type: str
    """ADDED, MODIFIED, or DELETED, which has the object as it was last."""
    manifest: Manifest


class Witness:
    """What it saw in a namespace since `start`.

    - `deleted`: (cluster, `plural/name`)
    - `seen`: everything; what is of one kind and in one cluster, in the order in which it happened
    """

    def __init__(self, members: Mapping[str, Cluster], namespace: str, payload: Sequence[Resource]) -> None:
        self._members, self._namespace, self._payload = members, namespace, payload
        self._tasks: list[asyncio.Task[None]] = []
        self.deleted: set[tuple[str, str]] = set()
        self.seen: list[Seen] = []

    async def start(self) -> None:
        for name, member in self._members.items():
            for resource in self._payload:
                version = await member.api.latest(resource)
                self._tasks.append(asyncio.create_task(self._watch(name, member, resource, version)))

    async def stop(self) -> None:
        """End the watches.

        :raises ApiError: one of them broke, so that it may have missed something
        """
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _watch(self, name: str, member: Cluster, resource: Resource, version: str) -> None:
        async with member.api.watch(resource, version, namespace=self._namespace) as events:
            async for event in events:
                self.seen.append(Seen(name, event.type, event.manifest))
                if event.type == "DELETED":
                    self.deleted.add((name, f"{resource.plural}/{event.manifest['metadata']['name']}"))
