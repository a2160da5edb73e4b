"""An object without pods that is released cluster by cluster, as its user and its members' watches see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from e2e.beside import beside
from e2e.fleet import Fleet
from e2e.releases import DONE, ROLLOUT_POLICIES, ROLLOUTS
from federation.kube.resources import Manifest, Resource
from tests.federated import CONFIGMAPS, POLICIES, policy, rollout_policy, selects

Content = Callable[[Manifest], str]


@dataclass(frozen=True)
class Shape:
    """A kind of object, and the one field of it that these scenarios change."""

    resource: Resource
    manifest: Callable[[str], Manifest]
    """Makes one with a content, without names."""
    content: Content


CONFIGMAP = Shape(
    CONFIGMAPS, lambda content: {"data": {"color": content}}, lambda live: live["data"]["color"]
)


@dataclass
class Film:
    """What members held, from their watches."""

    permitted: Callable[[str], Any]
    """Asks the host whether the run permits a cluster the new content."""
    now: dict[str, str] = field(default_factory=dict)
    """Content by member."""
    beyond: list[str] = field(default_factory=list)
    """Members that held the new content and were not permitted it."""
    most: dict[str, int] = field(default_factory=dict)
    """By content, how many members held it at a time."""

    async def take(self, cluster: str, content: str, new: str) -> None:
        self.now[cluster] = content
        held = list(self.now.values())
        self.most[content] = max(self.most.get(content, 0), held.count(content))
        if content == new and not await self.permitted(cluster):
            self.beyond.append(cluster)


@dataclass(frozen=True)
class Settings:
    """The object `settings` in a namespace of its own."""

    fleet: Fleet
    namespace: str
    shape: Shape = CONFIGMAP

    @property
    def words(self) -> tuple[str, ...]:
        """How commands name it."""
        return f"{self.shape.resource.kind.lower()}/settings", "-n", self.namespace

    async def begin(self, content: str, **strategy: Any) -> None:
        """Have a content in all members, and changes of it released by a strategy."""
        resource = self.shape.resource
        selector = selects(resource.api_version, resource.kind)
        name = resource.plural
        await self.fleet.host.apply(POLICIES, policy(name, self.namespace, selector))
        governing = rollout_policy(name, self.namespace, selector, **strategy)
        await self.fleet.host.apply(ROLLOUT_POLICIES, governing)
        await self.change(content)
        await self.holds(content, *self.fleet.members)

    async def change(self, content: str, **labels: str) -> None:
        resource = self.shape.resource
        names = {"name": "settings", "namespace": self.namespace, "labels": labels}
        manifest = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": names}
        await self.fleet.host.apply(resource, manifest | self.shape.manifest(content))

    async def copy(self, cluster: str, holds: Callable[[Manifest], Any]) -> Manifest:
        """Wait until the copy in a member holds."""
        return await self.fleet.members[cluster].until(
            self.shape.resource, "settings", self.namespace, lambda d: d and holds(d), seconds=DONE
        )

    async def holds(self, content: str, *clusters: str) -> None:
        """Wait until members hold a content."""
        for name in clusters:
            await self.copy(name, lambda live: self.shape.content(live) == content)

    async def verb(self, verb: str, *options: str) -> str:
        return await self.fleet.atoll("rollout", verb, *self.words, *options)

    async def run(self, holds: Callable[[Manifest], Any], name: str = "settings-1") -> Manifest:
        """Wait until the status of a run holds; the status then."""
        run = await self.fleet.host.until(
            ROLLOUTS, name, self.namespace,
            lambda r: r and "status" in r and holds(r["status"]),
            seconds=DONE,
        )  # fmt: skip
        status: Manifest = run["status"]
        return status

    async def waits(self, step: int) -> Manifest:
        """Wait until the first run is at a step that is done and needs an approval."""
        return await self.run(lambda s: s["phase"] == "AwaitingApproval" and s["currentStep"] == step)

    async def reaches(self, phase: str, name: str = "settings-1") -> Manifest:
        return await self.run(lambda status: status["phase"] == phase, name)

    async def is_looked_at_again(self) -> None:
        """Have everything about it decided once more: a label reaches every member."""
        label = {"metadata": {"labels": {"looked-at": "again"}}}
        await self.fleet.host.api.patch(
            self.shape.resource, "settings", self.namespace, label, manager="person"
        )
        for name in self.fleet.members:
            await self.copy(name, lambda d: d["metadata"].get("labels", {}).get("looked-at") == "again")

    @asynccontextmanager
    async def filmed(self, new: str) -> AsyncIterator[Film]:
        """Watch the copies in all members; none may hold the new content that the first run denies it."""
        film = Film(self._is_permitted)
        following = []
        for name in self.fleet.members:
            live = await self.copy(name, bool)
            await film.take(name, self.shape.content(live), new)
            version = live["metadata"]["resourceVersion"]
            following.append(self._follow(name, version, film, new))
        async with beside(*following):
            yield film

    async def _follow(self, name: str, version: str, film: Film, new: str) -> None:
        resource, selector = self.shape.resource, {"fieldSelector": "metadata.name=settings"}
        while True:
            watch = self.fleet.members[name].api.watch(
                resource, version, namespace=self.namespace, selector=selector
            )
            async with watch as events:
                async for event in events:
                    version = event.manifest["metadata"]["resourceVersion"]
                    if event.type in ("ADDED", "MODIFIED"):
                        await film.take(name, self.shape.content(event.manifest), new)

    async def _is_permitted(self, cluster: str) -> bool:
        run = await self.fleet.host.get(ROLLOUTS, "settings-1", self.namespace)
        clusters = run.get("status", {}).get("clusters", []) if run else []
        return any(each["name"] == cluster and each.get("permitted", 0) >= 1 for each in clusters)
