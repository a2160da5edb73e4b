"""What the pods of a workload did, from the watches of the members: every state there was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from federation.kube.resources import Manifest, Resource
from tests.federated import Cluster

PODS = Resource("", "v1", "pods", "Pod")


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

    pods: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
    rolling: bool = False
    """The pods of all members were listed: what comes is news."""

    def take(self, cluster: str, event: str, pod: Manifest) -> None:
        held, name = self.pods.setdefault(cluster, {}), pod["metadata"]["name"]
        if event == "DELETED" or "deletionTimestamp" in pod["metadata"]:
            held.pop(name, None)
        else:
            held[name] = pod["spec"]["containers"][0]["image"], _is_ready(pod)
        if self.rolling:
            self.moments.append(self._moment())

    def _moment(self) -> Moment:
        there: dict[tuple[str, str], int] = {}
        for where, pods in self.pods.items():
            for image, _ in pods.values():
                there[where, image] = there.get((where, image), 0) + 1
        ready = sum(is_ready for pods in self.pods.values() for _, is_ready in pods.values())
        return Moment(there, ready)

    @property
    def fewest_ready(self) -> int:
        return min(moment.ready for moment in self.moments)


@asynccontextmanager
async def filmed(members: Mapping[str, Cluster], namespace: str) -> AsyncIterator[Footage]:
    """Watch the pods of a namespace in all members for the time of a block."""
    footage = Footage()
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
        await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks), "a watch ended early: the footage has a gap"


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


def _is_ready(pod: Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
