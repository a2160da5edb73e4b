"""A changing set of Informers over one API server: one for each resource in use.

Informers start when a resource is first needed and stop, store included, when nobody needs it any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from federation.kube.informer import Informer
from federation.kube.resources import Key, Resource

T = TypeVar("T")
Make = Callable[[Resource], Informer[T]]


class Mirrors(Generic[T]):
    """Informers by resource; `run` carries them and must be running before any of them syncs.

    `make(resource)` builds the Informer of a resource; `synced(resource)` is called each time one has its
    first list.
    """

    def __init__(self, make: Make[T], synced: Callable[[Resource], None] = lambda resource: None) -> None:
        self._make, self._synced = make, synced
        self._informers: dict[Resource, Informer[T]] = {}
        self._told: set[Informer[T]] = set()  # those whose first list was told of
        self._wanted = asyncio.Event()

    def __getitem__(self, resource: Resource) -> Informer[T] | None:
        return self._informers.get(resource)

    def __iter__(self) -> Iterator[tuple[Resource, Informer[T]]]:
        return iter(list(self._informers.items()))

    def get(self, resource: Resource, key: Key) -> T | None:
        informer = self._informers.get(resource)
        return informer.get(key) if informer else None

    def synced(self, resource: Resource) -> bool:
        """Return whether the resource has an Informer that holds a whole list, and that was told of."""
        return self._informers.get(resource) in self._told

    def all_synced(self) -> bool:
        return all(informer.synced.is_set() for informer in self._informers.values())

    def want(self, resources: Iterable[Resource]) -> None:
        """Mirror exactly these resources from now on."""
        wanted = frozenset(resources)
        if wanted == self._informers.keys():
            return
        for resource in self._informers.keys() - wanted:
            self._told.discard(self._informers.pop(resource))
        for resource in wanted - self._informers.keys():
            self._informers[resource] = self._make(resource)
        self._wanted.set()

    async def run(self) -> None:
        tasks: dict[Informer[T], asyncio.Task[Any]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                current = set(self._informers.values())
                for informer in tasks.keys() - current:
                    tasks.pop(informer).cancel()
                for resource, informer in self._informers.items():
                    if informer not in tasks:
                        tasks[informer] = group.create_task(self._carry(resource, informer))
                await self._wanted.wait()
                self._wanted.clear()

    async def _carry(self, resource: Resource, informer: Informer[T]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(informer.run(), name=f"mirror-{resource.plural}")
            await informer.synced.wait()
            self._told.add(informer)
            self._synced(resource)
