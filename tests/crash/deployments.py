"""Deployments: plays their controller in the members, whose API servers have none.

It does to pods what kube-controller-manager 1.36 does, only at once: every pod it makes is ready. What it
counted stands in the status itself, so that it may start anew at any time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping

from bench.player import FOR_EVER, let_go
from federation.kube.errors import Conflict, NotFound
from federation.kube.resources import Manifest
from tests.federated import DEPLOYMENTS, USER, Cluster

_PODS = "Pods"
"""The condition whose message says how many pods are at each image."""


class DeploymentController:
    """Tells `seen(cluster, deployment)` of each status that it wrote."""

    def __init__(
        self, members: Mapping[str, Cluster], namespace: str, seen: Callable[[str, Manifest], None]
    ) -> None:
        self._members, self._namespace, self._seen = members, namespace, seen
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        for name, member in self._members.items():
            self._tasks.append(asyncio.create_task(self._control(name, member)))

    async def stop(self) -> None:
        """End it.

        :raises ApiError: it broke before, so that Deployments may have been left alone
        """
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _control(self, name: str, member: Cluster) -> None:
        version = await member.api.latest(DEPLOYMENTS)
        async for page, _ in member.api.list(DEPLOYMENTS, namespace=self._namespace):
            for live in page:
                await self._sync(name, member, live)
        async with member.api.watch(DEPLOYMENTS, version, namespace=self._namespace) as events:
            async for event in events:
                if event.type in ("ADDED", "MODIFIED"):
                    await self._sync(name, member, event.manifest)

    async def _sync(self, name: str, member: Cluster, live: Manifest) -> None:
        """Write the status of what was not seen yet; after a version that was overtaken comes another."""
        if live.get("status", {}).get("observedGeneration") == live["metadata"]["generation"]:
            return
        metadata = live["metadata"] | {"managedFields": []}
        wanted = {"apiVersion": "apps/v1", "kind": "Deployment", **live, "metadata": metadata}
        wanted["status"] = status_of(live)
        try:
            answer = await member.api.replace(DEPLOYMENTS, wanted, manager=USER, subresource="status")
        except (Conflict, NotFound):
            return
        self._seen(name, answer)


def pods(live: Manifest) -> dict[str, int]:
    """Return how many pods are at each image, the oldest first, by what the status says."""
    conditions = live.get("status", {}).get("conditions", [])
    return next((dict(json.loads(c["message"])) for c in conditions if c["type"] == _PODS), {})


def image(live: Manifest) -> str:
    found: str = live["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def status_of(live: Manifest) -> Manifest:
    """Return the status of a Deployment once its controller has done all it may."""
    replicas, newest, before = live["spec"]["replicas"], image(live), pods(live)
    updated = min(replicas, max(before.get(newest, 0), let_go(live["spec"]))) if before else replicas
    after, rest = {}, replicas - updated
    for older, count in before.items():
        if older != newest:
            after[older] = min(count, rest)
            rest -= after[older]
    after = {older: count for older, count in after.items() if count} | {newest: updated}
    throttled = live["spec"].get("minReadySeconds") == FOR_EVER
    available = replicas - updated if throttled else replicas
    counts = {"replicas": replicas, "updatedReplicas": updated, "readyReplicas": replicas}
    told = {"type": _PODS, "status": "True", "reason": "Counted", "message": json.dumps(list(after.items()))}
    return {
        "observedGeneration": live["metadata"]["generation"],
        **counts,
        "availableReplicas": available,
        "unavailableReplicas": replicas - available,
        "conditions": [told],
    }
