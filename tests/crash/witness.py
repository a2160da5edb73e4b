"""Witness: sees every deletion in the members, with watches of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from federation.kube.resources import Resource
from tests.crash.state import PAYLOAD
from tests.federated import Cluster


class Witness:
    """`deleted` holds (cluster, `plural/name`) of what was deleted in a namespace since `start`."""

    def __init__(self, members: Mapping[str, Cluster], namespace: str) -> None:
        self._members, self._namespace = members, namespace
        self._tasks: list[asyncio.Task[None]] = []
        self.deleted: set[tuple[str, str]] = set()

    async def start(self) -> None:
        for name, member in self._members.items():
            for resource in PAYLOAD:
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
                if event.type == "DELETED":
                    self.deleted.add((name, f"{resource.plural}/{event.manifest['metadata']['name']}"))
