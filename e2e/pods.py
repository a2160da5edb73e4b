"""What the pods of a workload did, from the watches of the members: every state there was, and whether its
Rollouts had permitted it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from e2e.beside import beside
from federation.kube.resources import Manifest, Resource
from tests.federated import Cluster

PODS = Resource("", "v1", "pods", "Pod")

_ANSWERED = 30.0
"""Seconds in which the host says what it permitted, on a busy machine too."""

_BEFORE, _AFTER = 20, 10
"""Moments that are shown around one that ought not to be."""

Permitted = Callable[[str, str], Awaitable[int | None]]
"""Asks the host how many pods of a cluster may be at an image; None when no Rollout speaks of it."""

Ready = Callable[[str], Awaitable[int]]
"""Asks a member how many of the pods are ready."""


@dataclass(frozen=True)
class Moment:
    """All clusters at one time: pods by cluster and image, and those of them that are ready."""

    there: Mapping[tuple[str, str], int]
    ready: Mapping[str, int]
    """By cluster."""
    excused: int
    """Pods that come back after an accident."""
    news: str
    """What made it, and when, in seconds of the test's clock."""

    @property
    def all_ready(self) -> int:
        """How many are ready, with those that come back after an accident."""
        return sum(self.ready.values()) + self.excused

    def at(self, image: str, cluster: str | None = None) -> int:
        return sum(n for (where, what), n in self.there.items()
                   if what == image and cluster in (None, where))  # fmt: skip


@dataclass
class Footage:
    """The moments of a block, in order."""

    permitted: Permitted
    ready: Ready
    pods: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
    rolling: bool = False
    """The pods of all members were listed: what comes is news."""
    questions: asyncio.Queue[Callable[[], Awaitable[None]]] = field(default_factory=asyncio.Queue)
    """What the servers have to be asked, to know whether a moment was as it ought to be."""
    known: dict[tuple[str, str], int] = field(default_factory=dict)
    """By cluster and image: the most pods that were ever permitted."""
    beyond: list[tuple[str, str, int, int]] = field(default_factory=list)
    """Cluster, image, pods and what was permitted, wherever there were more pods than that."""
    fewest: Moment | None = None
    """When the fewest pods were ready."""
    accidents: set[tuple[str, str]] = field(default_factory=set)
    """Cluster and name of pods that came to harm by no one's wish, until they are ready again."""

    def take(self, cluster: str, event: str, pod: Manifest) -> None:
        """Take what a watch tells, at once: what waits here would be seen after what came later elsewhere."""
        held, name = self.pods.setdefault(cluster, {}), pod["metadata"]["name"]
        leaves = not _stays(pod)
        if event == "DELETED" or leaves:
            held.pop(name, None)
        else:
            held[name] = pod["spec"]["containers"][0]["image"], _is_ready(pod)
        if event == "DELETED" and _is_accident(pod):
            self.accidents.add((cluster, name))
        elif held.get(name, ("", False))[1]:
            self.accidents.discard((cluster, name))
        if self.rolling:
            told = "leaves" if leaves and event != "DELETED" else event
            fared = f"{asyncio.get_running_loop().time():.3f} {cluster} {name} {told} {held.get(name, '')}"
            self.moments.append(self._moment(fared))
            self._ask(cluster, self.moments[-1])

    def _ask(self, cluster: str, moment: Moment) -> None:
        for (where, image), pods in moment.there.items():
            if where == cluster and pods > self.known.get((where, image), 0):
                self.questions.put_nowait(partial(self._compare, where, image, pods))
        if self.fewest is None or moment.all_ready < self.fewest.all_ready:
            self.questions.put_nowait(partial(self._count, moment))

    async def check(self) -> None:
        """Ask what there is to ask, for as long as it is filmed."""
        while True:
            await (await self.questions.get())()
            self.questions.task_done()

    async def _count(self, moment: Moment) -> None:
        """Take a moment for one with the fewest ready pods if the clusters say so when they are asked.

        On a busy machine, what one watch tells comes before what another tells of an earlier time.
        """
        if self.fewest is not None and moment.all_ready >= self.fewest.all_ready:
            return
        asked = await asyncio.gather(*map(self.ready, moment.ready))
        told = zip(moment.ready.items(), asked, strict=True)
        moment = replace(moment, ready={name: max(seen, said) for (name, seen), said in told})
        if self.fewest is None or moment.all_ready < self.fewest.all_ready:
            self.fewest = moment

    async def _compare(self, cluster: str, image: str, pods: int) -> None:
        if pods <= self.known.get((cluster, image), 0):
            return
        permitted = await self.permitted(cluster, image)
        if permitted is not None:
            self.known[cluster, image] = max(permitted, self.known.get((cluster, image), 0))
            if pods > self.known[cluster, image]:
                self.beyond.append((cluster, image, pods, self.known[cluster, image]))

    def _moment(self, news: str = "") -> Moment:
        there: dict[tuple[str, str], int] = {}
        for where, pods in self.pods.items():
            for image, _ in pods.values():
                there[where, image] = there.get((where, image), 0) + 1
        ready = {where: sum(is_ready for _, is_ready in pods.values()) for where, pods in self.pods.items()}
        return Moment(there, ready, len(self.accidents), news)

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
        assert self.fewest is not None, "no pod came or went"
        return self.fewest.all_ready

    @property
    def at_the_fewest(self) -> str:
        """What was seen around the time when the fewest were ready."""
        assert self.fewest is not None
        place = [moment.news for moment in self.moments].index(self.fewest.news)
        seen = self.moments[max(0, place - _BEFORE) : place + _AFTER]
        return "\n".join(f"{moment.all_ready} ready: {moment.news}" for moment in seen)


@asynccontextmanager
async def filmed(
    members: Mapping[str, Cluster], namespace: str, permitted: Permitted
) -> AsyncIterator[Footage]:
    """Watch the pods of a namespace in all members for the time of a block."""

    async def ready(name: str) -> int:
        pages = [page.items async for page in members[name].api.list(PODS, namespace=namespace)]
        return sum(_is_ready(pod) and _stays(pod) for page in pages for pod in page)

    footage = Footage(permitted, ready)
    versions = {name: await _listed(name, member, namespace, footage) for name, member in members.items()}
    footage.rolling = True
    following = [
        _follow(name, member, namespace, versions[name], footage) for name, member in members.items()
    ]
    async with beside(*following, *(footage.check() for _ in members)):
        yield footage
        async with asyncio.timeout(_ANSWERED):
            await footage.questions.join()


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


def _is_accident(deleted: Manifest) -> bool:
    """Whether a pod was to stay: kwok deletes at once and by name, and on a busy machine it hits the pod of a
    StatefulSet that took the place of the one it meant.
    """
    metadata = deleted["metadata"]
    named = any(owner["kind"] == "StatefulSet" for owner in metadata.get("ownerReferences", []))
    return named and _is_ready(deleted) and "deletionTimestamp" not in metadata


def _stays(pod: Manifest) -> bool:
    return "deletionTimestamp" not in pod["metadata"]


def _is_ready(pod: Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
