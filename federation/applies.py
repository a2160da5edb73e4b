"""Applies: workers of its own for each member, so that a slow one holds up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from federation.controllers.keys import Key
from federation.kube.controller import Controller, Observe
from federation.kube.ref import Ref


@dataclass(frozen=True, slots=True)
class _Crew:
    controller: Controller[Key]
    task: asyncio.Task[None]


class Applies:
    """The apply controllers by cluster. `reconcile` looks at one copy."""

    def __init__(
        self, reconcile: Callable[[Key], Awaitable[float | None]], *, workers: int, observe: Observe
    ) -> None:
        self._reconcile, self._workers, self._observe = reconcile, workers, observe
        self._crews: dict[str, _Crew] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Carry the workers; never returns."""
        async with asyncio.TaskGroup() as self._group:
            await asyncio.Event().wait()

    def start(self, cluster: str) -> None:
        """Give a cluster its workers, unless it has them."""
        if cluster in self._crews:
            return
        assert self._group is not None, "Applies.run is not running"
        controller = Controller(
            "apply",
            self._reconcile,
            workers=self._workers,
            observe=self._observe,
            fields=lambda key: {"object": str(key.ref), "cluster": key.cluster},
        )
        task = self._group.create_task(controller.run(), name=f"apply-{cluster}")
        self._crews[cluster] = _Crew(controller, task)

    def stop(self, cluster: str) -> None:
        """Take a cluster's workers away, and what they still had to do."""
        if (crew := self._crews.pop(cluster, None)) is not None:
            crew.task.cancel()

    def look(self, key: Key) -> None:
        """Have a copy looked at; a cluster that has no workers yet gets all its copies looked at later."""
        if (crew := self._crews.get(key.cluster)) is not None:
            crew.controller.queue.add(key)

    def waiting(self, cluster: str, ref: Ref) -> bool:
        """Whether a look at a copy is due."""
        crew = self._crews.get(cluster)
        return crew is not None and crew.controller.queue.waiting(Key(cluster, ref))

    def idle(self, cluster: str) -> bool:
        """Whether a cluster has workers and they have nothing to do."""
        crew = self._crews.get(cluster)
        return crew is not None and crew.controller.queue.idle()

    def running(self, ref: Ref) -> bool:
        """Whether any cluster's copy of a template is being looked at."""
        return any(crew.controller.queue.running(Key(name, ref)) for name, crew in self._crews.items())

    def __len__(self) -> int:
        """How many looks are due in all clusters."""
        return sum(len(crew.controller.queue) for crew in self._crews.values())
