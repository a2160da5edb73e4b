"""Capacity: the nodes and pods of a member, mirrored only while some policy divides by what is free.

What is kept of them is what takes room. Replicas that were placed in the member count as taken until their
pods are seen, or until nobody believes any more that they will come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from federation.kube.api import Api
from federation.kube.informer import Informer
from federation.kube.resources import Key
from federation.resources import NODES, PODS
from policies.capacity import Ledger, Totals
from policies.nodes import Node, node_of
from policies.podneeds import Need
from policies.pods import Owner, Pod, pod_of

PATIENCE = 300.0
"""Seconds for which replicas that were placed count as taken though their pods are not seen."""
GROWTH_PERIOD = 1.0
"""Seconds for which room that comes up is gathered before it is told of."""
TOTALS_PERIOD = 10.0
"""Seconds between two totals that are told of."""
_NOT_ENDED = {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}


class Told(NamedTuple):
    """Who is told what."""

    known: Callable[[], None]
    """The capacity is known from now on, or it is known that it can't be for now."""
    grew: Callable[[], None]
    """Something may fit that did not."""
    counted: Callable[[], None]
    """`totals` changed."""


class Capacity:
    """The capacity of one member. `run` carries it while the member answers.

    - `totals`: the cluster in numbers as last told of, None while nobody wants them
    - `coming`: it is wanted, and it is not yet known whether it can be had
    """

    def __init__(self, api: Api, told: Told) -> None:
        self._api, self._told = api, told
        self._wanted, self._unwanted = asyncio.Event(), asyncio.Event()
        self._timers: dict[Owner | Callable[[], None], asyncio.TimerHandle] = {}
        self.totals: Totals | None = None
        self._forget_all()

    def _forget_all(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._ledger = Ledger()
        self.totals, self.coming = None, False
        self._nodes: Informer[Node] = Informer(self._api, NODES, node_of, self._node_changed)
        self._pods: Informer[Pod | None] = Informer(
            self._api, PODS, pod_of, self._pod_changed, selector=_NOT_ENDED
        )

    def want(self, wanted: bool) -> None:
        """Mirror from now on, or no more."""
        if wanted == self._wanted.is_set():
            return
        if wanted:
            self._unwanted.clear()
            self._wanted.set()
            self.coming = True
        else:
            self._wanted.clear()
            self._unwanted.set()
            self._forget_all()
            self._told.counted()

    async def run(self) -> None:
        while True:
            await self._wanted.wait()
            async with asyncio.TaskGroup() as group:
                mirroring = group.create_task(self._mirror())
                await self._unwanted.wait()
                mirroring.cancel()

    def room(self, need: Need) -> int | None:
        """Return how many more pods with this need fit; None while it is not known."""
        return self._ledger.room(need) if self._known() else None

    def expect(self, owner: Owner, need: Need, replicas: int) -> None:
        """Count replicas that were placed as taken until their pods are seen."""
        if not self._wanted.is_set():
            return
        if self._ledger.expect(owner, need, replicas):
            self._grew()
        if (timer := self._timers.pop(owner, None)) is not None:
            timer.cancel()
        if self._ledger.missing(owner):
            loop = asyncio.get_running_loop()
            self._timers[owner] = loop.call_later(PATIENCE, self.forget, owner)

    def forget(self, owner: Owner) -> None:
        """Expect nothing of a workload any more."""
        if (timer := self._timers.pop(owner, None)) is not None:
            timer.cancel()
        if self._ledger.forget(owner):
            self._grew()

    async def _mirror(self) -> None:
        nodes, pods = self._nodes, self._pods
        async with asyncio.TaskGroup() as group:
            group.create_task(nodes.run())
            group.create_task(pods.run())
            for informer in (nodes, pods):
                await informer.listed(lambda _: True)  # no one waits for a member that fails
            self.coming = False
            if not self._known():
                self._told.known()
            for informer in (nodes, pods):
                await informer.synced.wait()
            self._told.known()
            self._count()

    def _known(self) -> bool:
        return self._nodes.synced.is_set() and self._pods.synced.is_set()

    def _node_changed(self, key: Key) -> None:
        self._changed(self._ledger.node(key[1], self._nodes.get(key)))

    def _pod_changed(self, key: Key) -> None:
        self._changed(self._ledger.pod(key, self._pods.get(key)))

    def _changed(self, grew: bool) -> None:
        if grew:
            self._grew()
        self._later(self._count, TOTALS_PERIOD)

    def _grew(self) -> None:
        self._later(self._told.grew, GROWTH_PERIOD)

    def _count(self) -> None:
        totals = self._ledger.totals()
        if totals != self.totals:
            self.totals = totals
            self._told.counted()

    def _later(self, call: Callable[[], None], delay: float) -> None:
        """Call once for all that happens until then; what is not known yet is told of when it is."""

        def due() -> None:
            del self._timers[call]
            call()

        if call not in self._timers and self._known():
            self._timers[call] = asyncio.get_running_loop().call_later(delay, due)
