"""Player: plays the Deployment's controller and kubelets of a member, whose API server has none.

Pods become ready after some seconds, or at once: then all the time there is, is Atoll's own.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from bench.manifests import DEPLOYMENTS
from federation.kube.api import Api
from federation.kube.errors import Conflict, NotFound
from federation.kube.resources import Manifest

FOR_EVER = 2**31 - 2
"""With this `minReadySeconds` no new pod ever counts as available."""
Seconds = tuple[float, float]


class Player:
    """`ready` says when the status of each Deployment was last written in each member (monotonic clock)."""

    def __init__(self, members: Mapping[str, Api], namespace: str, startup: Seconds) -> None:
        """`startup`: how long pods take, at least and at most."""
        self._members, self._namespace, self._startup = members, namespace, startup
        self.ready: dict[tuple[str, str], float] = {}
        self._updated: dict[tuple[str, str], tuple[str, int]] = {}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for name, api in self._members.items():
                group.create_task(self._play(name, api))

    async def _play(self, member: str, api: Api) -> None:
        version = await api.latest(DEPLOYMENTS)
        while True:
            async with asyncio.TaskGroup() as group:
                watching = api.watch(DEPLOYMENTS, version, namespace=self._namespace)
                async with watching as events:
                    async for event in events:
                        version = event.manifest["metadata"]["resourceVersion"]
                        if event.type in ("ADDED", "MODIFIED"):
                            group.create_task(self._settle(member, api, event.manifest))

    async def _settle(self, member: str, api: Api, live: Manifest) -> None:
        generation, name = live["metadata"]["generation"], live["metadata"]["name"]
        if live.get("status", {}).get("observedGeneration") == generation:
            return
        counts = self._counts((member, name), live["spec"])
        await asyncio.sleep(random.uniform(*self._startup) if (member, name) in self.ready else 0)
        body = {"metadata": {"resourceVersion": live["metadata"]["resourceVersion"]},
                "status": {"observedGeneration": generation, **counts}}  # fmt: skip
        try:
            await api.patch(DEPLOYMENTS, name, self._namespace, body, manager="player", subresource="status")
        except (Conflict, NotFound):
            return  # another version follows
        self.ready[member, name] = time.monotonic()

    def _counts(self, key: tuple[str, str], spec: Manifest) -> dict[str, int]:
        """Return what a Deployment's controller would have come to."""
        replicas, image = spec["replicas"], spec["template"]["spec"]["containers"][0]["image"]
        before, had = self._updated.get(key, (image, replicas))
        may = let_go(spec)
        updated = min(replicas, max(had if before == image else 0, may))
        self._updated[key] = image, updated
        available = replicas if may == replicas else replicas - updated
        return {
            "replicas": replicas,
            "readyReplicas": replicas,
            "updatedReplicas": updated,
            "availableReplicas": available,
        }


def let_go(spec: Manifest) -> int:
    """Return how many pods a Deployment brings to its template by what its spec says."""
    replicas: int = spec["replicas"]
    if spec.get("minReadySeconds") != FOR_EVER:
        return replicas
    limit: int | str = spec["strategy"]["rollingUpdate"]["maxUnavailable"]
    if isinstance(limit, str):
        limit = max(1, replicas * int(limit.removesuffix("%")) // 100)
    return min(replicas, limit)


@asynccontextmanager
async def playing(members: Mapping[str, Api], namespace: str, startup: Seconds) -> AsyncIterator[Player]:
    player = Player(members, namespace, startup)
    task = asyncio.create_task(player.run())
    try:
        yield player
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task  # raises what ended it before its time
