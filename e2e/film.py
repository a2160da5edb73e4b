"""A film of Deployments that move: every placement that their bindings named, every write of a binding, and
whether at each moment a ready copy was anywhere.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from e2e.beside import beside
from e2e.fleet import Fleet, binding_of
from federation.kube.api import WatchEvent
from federation.kube.errors import ApiError
from federation.kube.resources import Manifest, Resource
from tests.federated import BINDINGS, CLUSTERS, DEPLOYMENTS, Cluster, condition

_SHOWN = 60
"""Pieces of news that are shown with what ought not to be."""
_AGAIN = 0.2
"""Seconds until a cluster that does not answer is asked again."""

T = TypeVar("T")
Placement = tuple[str, ...]


@dataclass
class Film:
    """What was seen since the block began. A cluster that can't be reached goes on running what it had."""

    fleet: Fleet
    namespace: str
    placements: dict[str, list[Placement]] = field(default_factory=dict)
    """By binding, the clusters that it named; each other than the one before."""
    governed: dict[str, list[str]] = field(default_factory=dict)
    """By binding, `policy: clusters`; each other than the one before."""
    writes: Counter[str] = field(default_factory=Counter)
    """By binding."""
    failures: Counter[str] = field(default_factory=Counter)
    """By cluster, how often it was found not ready."""
    ready: dict[str, dict[str, int]] = field(default_factory=dict)
    """By cluster and Deployment, ready replicas."""
    served: set[str] = field(default_factory=set)
    """Deployments that have had a ready copy."""
    dark: list[str] = field(default_factory=list)
    """Moments at which no cluster had a ready copy of one of these."""
    news: list[str] = field(default_factory=list)

    def of(self, name: str) -> list[Placement]:
        """Return the placements of a Deployment, one after another."""
        return self.placements[binding_of(DEPLOYMENTS, name)]

    def written(self, name: str) -> int:
        return self.writes[binding_of(DEPLOYMENTS, name)]

    def nothing_is_lost(self) -> None:
        """Nothing was ever placed nowhere, and everything was served at each moment."""
        nowhere = [name for name, placements in self.placements.items() if () in placements]
        assert not nowhere, f"placed nowhere: {nowhere}; {self}"
        assert not self.dark, f"without a ready copy: {self.dark}; {self}"

    def __str__(self) -> str:
        return "\n".join(["what was seen:", *self.news[-_SHOWN:]])

    # The host

    def see_binding(self, binding: Manifest, *, listed: bool = False) -> None:
        name, spec = binding["metadata"]["name"], binding["spec"]
        placement = tuple(each["name"] for each in spec.get("clusters", []))
        left = [each["fromCluster"] for each in spec.get("evictions", [])]
        policy = (spec.get("policy") or {}).get("name", "")
        self.writes[name] += not listed
        self._tell(f"host {name} of {policy}: in {', '.join(placement) or 'none'}, leaves {left}")
        _append(self.placements.setdefault(name, []), placement)
        _append(self.governed.setdefault(name, []), f"{policy}: {', '.join(placement)}")

    def see_cluster(self, before: str, cluster: Manifest) -> str:
        """Take what the host says of a cluster; return whether it is Ready."""
        name = cluster["metadata"]["name"]
        now = condition(cluster, "Ready") or ""
        taints = [f"{each['key']}:{each['effect']}" for each in cluster["spec"].get("taints", [])]
        self.failures[name] += before == "True" and now != "True"
        self._tell(f"host {name} Ready {now}, taints {taints}")
        return now

    # The members

    def see_all(self, cluster: str, copies: list[Manifest]) -> None:
        self.ready[cluster] = {each["metadata"]["name"]: _ready(each) for each in copies}
        self.served |= {name for name, ready in self.ready[cluster].items() if ready}
        self._tell(f"{cluster} has {self.ready[cluster]}")

    def see_copy(self, cluster: str, event: WatchEvent) -> str:
        name: str = event.manifest["metadata"]["name"]
        held = self.ready.setdefault(cluster, {})
        before = held.pop(name, None)
        if event.type != "DELETED":
            held[name] = _ready(event.manifest)
        if held.get(name):
            self.served.add(name)
        if held.get(name) != before:
            self._tell(f"{cluster} {name} {event.type}: {held.get(name)} ready")
        return name

    async def look(self, name: str) -> None:
        """Note a moment without a ready copy, if the clusters say so when they are asked.

        What one watch tells may come before what another tells of an earlier time.
        """
        if name not in self.served or any(held.get(name) for held in self.ready.values()):
            return
        for cluster, member in self.fleet.members.items():
            with suppress(ApiError):
                copy = await member.get(DEPLOYMENTS, name, self.namespace)
                if copy is not None and _ready(copy):
                    return
            self._tell(f"{cluster} was asked for {name}: no ready copy")
        self.dark.append(f"{name} at {_now():.1f}")

    def _tell(self, news: str) -> None:
        self.news.append(f"{_now():.1f} {news}")


@asynccontextmanager
async def filmed(fleet: Fleet, namespace: str) -> AsyncIterator[Film]:
    """Watch the bindings and Deployments of a namespace for the time of a block; all clusters serve now."""
    film = Film(fleet, namespace)
    version = ""
    async for page in fleet.host.api.list(BINDINGS, namespace=namespace):
        version = page.resource_version
        for binding in page.items:
            film.see_binding(binding, listed=True)
    versions = {name: await _listed(film, name) for name in fleet.members}
    async with beside(
        _follow_clusters(film),
        _follow_bindings(film, version),
        *(_follow(film, name, at) for name, at in versions.items()),
    ):
        yield film


async def _listed(film: Film, cluster: str) -> str:
    copies: list[Manifest] = []
    version = ""
    async for page in film.fleet.members[cluster].api.list(DEPLOYMENTS, namespace=film.namespace):
        version = page.resource_version
        copies += page.items
    film.see_all(cluster, copies)
    for name in sorted(film.served):
        await film.look(name)
    return version


async def _follow_bindings(film: Film, version: str) -> None:
    async for event in _events(film.fleet.host, BINDINGS, film.namespace, version):
        if event.type in ("ADDED", "MODIFIED"):
            film.see_binding(event.manifest)


async def _follow_clusters(film: Film) -> None:
    """All are Ready when it begins."""
    said: dict[str, str] = {}
    async for event in _events(film.fleet.host, CLUSTERS, None, await film.fleet.host.api.latest(CLUSTERS)):
        if event.type == "MODIFIED":
            name = event.manifest["metadata"]["name"]
            said[name] = film.see_cluster(said.get(name, "True"), event.manifest)


async def _follow(film: Film, cluster: str, version: str) -> None:
    """Follow a member through its outages: what it has when it is back is listed."""
    while True:
        with suppress(ApiError):
            at = version or await _listed(film, cluster)
            async for event in _events(film.fleet.members[cluster], DEPLOYMENTS, film.namespace, at):
                if event.type in ("ADDED", "MODIFIED", "DELETED"):
                    await film.look(film.see_copy(cluster, event))
        version = ""
        await asyncio.sleep(_AGAIN)


async def _events(
    cluster: Cluster, resource: Resource, namespace: str | None, version: str
) -> AsyncIterator[WatchEvent]:
    while True:
        async with cluster.api.watch(resource, version, namespace=namespace) as events:
            async for event in events:
                version = event.manifest["metadata"]["resourceVersion"]
                yield event


def _append(seen: list[T], what: T) -> None:
    if not seen or seen[-1] != what:
        seen.append(what)


def _ready(copy: Manifest) -> int:
    count: int = copy.get("status", {}).get("readyReplicas", 0)
    return 0 if "deletionTimestamp" in copy["metadata"] else count


def _now() -> float:
    return asyncio.get_running_loop().time()
