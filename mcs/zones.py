"""Zones: in which zones a member has nodes; watched while some Service there prefers its own cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from federation.kube.api import Api
from federation.kube.errors import Forbidden
from federation.kube.informer import Informer
from federation.kube.resources import Key, Manifest
from federation.resources import NODES
from mcs.names import Service

_ZONE = "topology.kubernetes.io/zone"
GRACE = 60.0
"""Seconds that a node which joins has to get its zone: a cloud's controller labels it a little later."""


class Zones:
    """What one member's nodes say of their zones; `run` watches them while they are wanted.

    :param changed: called for each Service that wants them when they changed
    """

    def __init__(self, api: Api, changed: Callable[[Service], None], grace: float = GRACE) -> None:
        self._api, self._changed, self._grace = api, changed, grace
        self._wanted: set[Service] = set()
        self._turned = asyncio.Event()
        self._nodes: Informer[str] | None = None
        self._due: dict[Key, float] = {}
        """By node that joined without a zone, when that counts."""
        self._told: frozenset[str] | None = None
        self._telling = False

    def want(self, service: Service) -> None:
        if service not in self._wanted:
            self._wanted.add(service)
            self._turned.set()

    def forget(self, service: Service) -> None:
        if service in self._wanted:
            self._wanted.remove(service)
            self._turned.set()

    @property
    def known(self) -> bool:
        """Whether `all` has an answer: the nodes were listed, or this account may not do so."""
        nodes = self._nodes
        return nodes is not None and (nodes.synced.is_set() or isinstance(nodes.failure, Forbidden))

    def all(self) -> frozenset[str] | None:
        """Return the zones of the nodes; None if there are none, or some node has none."""
        nodes = self._nodes
        if nodes is None:
            return None
        now = asyncio.get_running_loop().time()
        found = {zone for key, zone in nodes.items() if zone or self._due.get(key, 0.0) <= now}
        return frozenset(found) if found and "" not in found else None

    async def run(self) -> None:
        while True:
            await self._until(wanted=True)
            self._due.clear()
            self._told = None
            self._nodes = Informer(self._api, NODES, _zone_of, self._node_changed, metadata_only=True)
            watching = asyncio.create_task(self._nodes.run(), name="mirror-nodes")
            try:
                await self._until(wanted=False)
            finally:
                self._nodes = None
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching

    async def _until(self, *, wanted: bool) -> None:
        while bool(self._wanted) is not wanted:
            self._turned.clear()
            await self._turned.wait()

    def _node_changed(self, key: Key) -> None:
        """A node that was there before this began had its time."""
        nodes, loop = self._nodes, asyncio.get_running_loop()
        zone = nodes.get(key) if nodes is not None else None
        if zone != "":
            self._due.pop(key, None)
        elif nodes is not None and nodes.synced.is_set() and key not in self._due:
            self._due[key] = loop.time() + self._grace
            loop.call_later(self._grace, self._tell)
        if not self._telling:
            self._telling = True
            loop.call_soon(self._tell)

    def _tell(self) -> None:
        """Tell at most once for each turn of the loop: a list names each of many nodes."""
        self._telling = False
        zones = self.all()
        if self._nodes is None or zones == self._told:
            return
        self._told = zones
        for service in list(self._wanted):
            self._changed(service)


def _zone_of(node: Manifest) -> str:
    return str((node["metadata"].get("labels") or {}).get(_ZONE, ""))
