"""Memberships: what Clusters say that concerns Services, mirrored."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from federation.kube.api import Api
from federation.kube.informer import Informer
from federation.kube.resources import Key, Manifest
from federation.resources import CLUSTER
from mcs.assignment import Assignment, assignment_of


class Membership(NamedTuple):
    """What a Cluster says."""

    assignment: Assignment
    labels: dict[str, str]


class Memberships:
    """Mirrors the Clusters, or one; any number may listen for the names of those that changed.

    :param only: the name of the one that matters here; None: all do
    """

    def __init__(self, api: Api, *, only: str | None = None) -> None:
        self.listeners: set[Callable[[str], None]] = set()
        self.mirror: Informer[Membership] = Informer(
            api,
            CLUSTER,
            _membership,
            self._changed,
            selector={"fieldSelector": f"metadata.name={only}"} if only else None,
        )
        self._changes: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def assignment(self, cluster: str) -> Assignment | None:
        """Return who carries a cluster; None if there is no such Cluster."""
        found = self.mirror.get(("", cluster))
        return found.assignment if found is not None else None

    def labels(self, cluster: str) -> dict[str, str] | None:
        """Return the labels of a Cluster; None if it is not there."""
        found = self.mirror.get(("", cluster))
        return found.labels if found is not None else None

    def belongs(self, cluster: str) -> bool:
        """Whether there is a Cluster that is not being deleted."""
        found = self.assignment(cluster)
        return found is not None and not found.leaves

    async def until(self, cluster: str, holds: Callable[[], bool]) -> None:
        """Wait until something is so that depends on a Cluster."""
        while not holds():
            self._changes[cluster].clear()
            await self._changes[cluster].wait()

    def tell(self, cluster: str) -> None:
        """Have everybody look at a Cluster again."""
        self._changes[cluster].set()
        for listener in list(self.listeners):
            listener(cluster)

    def _changed(self, key: Key) -> None:
        self.tell(key[1])


def _membership(cluster: Manifest) -> Membership:
    return Membership(assignment_of(cluster), cluster["metadata"].get("labels") or {})
