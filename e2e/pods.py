"""What the pods of a workload did, from the watches of the members: every state there was, and whether its
Rollouts had permitted it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from federation.kube.resources import Manifest, Resource
from tests.federated import Cluster

PODS = Resource("", "v1", "pods", "Pod")

Permitted = Callable[[str, str], Awaitable[int | None]]
"""Asks the host how many pods of a cluster may be at an image; None when no Rollout speaks of it."""


@dataclass(frozen=True)
class Moment:
    """All clusters at one time: pods by cluster and image, and those of them that are ready."""

    there: Mapping[tuple[str, str], int]
    ready: int

    def at(self, image: str, cluster: str | None = None) -> int:
        return sum(n for (where, what), n in self.there.items()
                   if what == image and cluster in (None, where))  # fmt: skip


@dataclass
class Footage:
    """The moments of a block, in order."""

    permitted: Permitted
    pods: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
    rolling: bool = False
    """The pods of all members were listed: what comes is news."""
    known: dict[tuple[str, str], int] = field(default_factory=dict)
    """By cluster and image: the most pods that were ever permitted."""
    beyond: list[tuple[str, str, int, int]] = field(default_factory=list)
    """Cluster, image, pods and what was permitted, wherever there were more pods than that."""

    def take(self, cluster: str, event: str, pod: Manifest) -> None:
        held, name = self.pods.setdefault(cluster, {}), pod["metadata"]["name"]
        if event == "DELETED" or "deletionTimestamp" in pod["metadata"]:
            held.pop(name, None)
        else:
            held[name] = pod["spec"]["containers"][0]["image"], _is_ready(pod)
        if self.rolling:
            self.moments.append(self._moment())

    async def check(self, cluster: str) -> None:
        """Compare a cluster with what is permitted; the host is asked again when it seems too much."""
        for (where, image), pods in self._moment().there.items():
            if where != cluster or pods <= self.known.get((where, image), 0):
                continue
            permitted = await self.permitted(cluster, image)
            if permitted is not None:
                self.known[where, image] = max(permitted, self.known.get((where, image), 0))
                if pods > self.known[where, image]:
                    self.beyond.append((cluster, image, pods, self.known[where, image]))

    def _moment(self) -> Moment:
        there: dict[tuple[str, str], int] = {}
        for where, pods in self.pods.items():
            for image, _ in pods.values():
                there[where, image] = there.get((where, image), 0) + 1
        ready = sum(is_ready for pods in self.pods.values() for _, is_ready in pods.values())
        return Moment(there, ready)

    def now(self, image: str, cluster: str | None = None) -> int:
        """How many pods are at an image."""
        return self._moment().at(image, cluster)

    @property
    def pods_there(self) -> int:
        return sum(len(pods) for pods in self.pods.values())

    def most(self, image: str, cluster: str | None = None) -> int:
        """How many pods were at an image at a time."""
        return max((moment.at(image, cluster) for moment in self.moments), default=0)

    @property
    def fewest_ready(self) -> int:
        return min(moment.ready for moment in self.moments)


@asynccontextmanager
async def filmed(
    members: Mapping[str, Cluster], namespace: str, permitted: Permitted
) -> AsyncIterator[Footage]:
    """Watch the pods of a namespace in all members for the time of a block."""
    footage = Footage(permitted)
    versions = {name: await _listed(name, member, namespace, footage) for name, member in members.items()}
    footage.rolling = True
    tasks = [
        asyncio.create_task(_follow(name, member, namespace, versions[name], footage))
        for name, member in members.items()
    ]
    try:
        yield footage
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    early = [repr(end) for end in ends if not isinstance(end, asyncio.CancelledError)]
    assert not early, f"the footage has a gap: {early}"


async def _listed(name: str, member: Cluster, namespace: str, footage: Footage) -> str:
    version = ""
    async for page in member.api.list(PODS, namespace=namespace):
        version = page.resource_version
        for pod in page.items:
            footage.take(name, "ADDED", pod)
    return version


async def _follow(name: str, member: Cluster, namespace: str, version: str, footage: Footage) -> None:
    while True:
        async with member.api.watch(PODS, version, namespace=namespace) as events:
            async for event in events:
                version = event.manifest["metadata"]["resourceVersion"]
                if event.type in ("ADDED", "MODIFIED", "DELETED"):
                    footage.take(name, event.type, event.manifest)
                    await footage.check(name)


def _is_ready(pod: Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
