"""A federation in memory: a host with one Rollout, members that are heard late or not at all, and accidents.

It does what the controllers do: the status of the run is stored before any member is written, and a member
is written what the stored status permits. A crash may come before or after each of these.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

from policies.api.meta import Manifest
from policies.api.rollout import RolloutCluster, RolloutSpec, RolloutStatus
from policies.release.permission import Permission, heard, permitted
from policies.release.run import advance
from policies.release.state import Sight, Wish, steps
from policies.release.telling import TERMINAL
from policies.workloads import drivers
from policies.workloads.driver import Driver, Part
from tests.policies.release.models import MODELS
from tests.policies.release.models.common import Member, Spec

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class News(NamedTuple):
    """What a member told of itself."""

    spec: Spec | None
    """What the copy holds; None where there is none."""
    live: Manifest
    outliers: int | None
    """As last counted among its pods."""
    ready: int
    """Pods of the present template that were ready then, where pods are listed."""


@dataclass
class Link:
    """The way to one member."""

    up: bool = True
    lag: int = 0
    """Seconds that news takes."""
    news: deque[tuple[float, News]] = field(default_factory=deque)
    known: News | None = None


@dataclass
class Federation:
    """`tick` is one second."""

    random: Random
    spec: RolloutSpec
    sizes: dict[str, int]
    bad: frozenset[str] = frozenset()
    now: float = 0
    status: RolloutStatus = field(default_factory=RolloutStatus)
    members: dict[str, Member] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    wanted: str = ""
    """The revision of the workload on the host."""
    writes: int = 0
    statuses: int = 0
    scaled_there: bool = False
    """Autoscalers in the members decide how many replicas there are."""
    scalings: dict[str, int] = field(default_factory=dict)
    """How often each member was scaled: some kinds may round one pod up each time."""
    counted: dict[str, int] = field(default_factory=dict)
    """Of the pods that came to the target revision uninvited in each member, those that were counted."""
    excused: dict[str, int] = field(default_factory=dict)
    """Pods that were down in a member while it was left out, and still are since it was taken in again."""
    granted: dict[str, int] = field(default_factory=dict)
    """Pods that each member may have at the target revision until it has seen that it is told less."""

    def __post_init__(self) -> None:
        self.wanted = self.wanted or self.spec.target_revision
        for name, size in self.sizes.items():
            self.add(name, size, Spec(self.spec.stable_revision, size))

    @property
    def model(self) -> type[Member]:
        ref = self.spec.workload_ref
        named = ref.api_version, ref.kind, ref.plural
        return next(model for model in MODELS.values() if named == model.KIND)

    @property
    def driver(self) -> Driver:
        group, _, _ = self.spec.workload_ref.api_version.rpartition("/")
        return drivers.required(group, self.spec.workload_ref.kind)

    def add(self, name: str, size: int, spec: Spec | None) -> None:
        self.sizes[name] = size
        self.members[name] = self.model(self.random, self.bad)
        self.links[name] = Link()
        if spec is not None:
            self.members[name].settle(spec)

    def scale(self, name: str, size: int) -> None:
        self.sizes[name] = size
        self.members[name].resize(size)
        if self.scaled_there:
            self.members[name].scale(size)
        self.scalings[name] = self.scalings.get(name, 0) + 1

    def remove(self, name: str) -> None:
        for kept in (self.sizes, self.members, self.links):
            del kept[name]

    def supersede(self, spec: RolloutSpec) -> None:
        """Have the host at another revision: the run ends, and a new one begins."""
        self.wanted = spec.target_revision
        self.tick()
        assert self.status.phase == "Superseded"
        self.spec, self.status, self.granted, self.counted = spec, RolloutStatus(), {}, {}

    def forget(self) -> None:
        """Lose the status of the run, as with a host that was restored from a backup."""
        self.status = RolloutStatus()

    @property
    def over(self) -> bool:
        return self.status.phase in TERMINAL

    def tick(self, crashing: bool = False) -> None:
        self.now += 1
        for name, member in self.members.items():
            if self.random.random() < 0.8:
                member.sync(self.now)
            self._hear(name, member)
        self._reconcile(crashing)

    def _hear(self, name: str, member: Member) -> None:
        link = self.links[name]
        link.news.append((self.now + self.random.randint(0, link.lag), self._news(name)))
        while link.up and link.news and link.news[0][0] <= self.now:
            link.known = link.news.popleft()[1]

    def _news(self, name: str) -> News:
        member, part = self.members[name], self._part(name)
        pods = [pod for pod in member.listing(self.now) if pod.newest]
        counted = part is not None and member.observed()
        live = member.live(self.now)
        outliers = self.driver.outliers(pods, part, live) if counted and part else None
        return News(member.spec, live, outliers, sum(pod.ready for pod in pods))

    def _part(self, name: str) -> Part | None:
        cluster = self.status.cluster(name)
        return permitted(self.spec, cluster).part if cluster is not None else None

    def _reconcile(self, crashing: bool) -> None:
        """Decide, store, write."""
        scopes = [None] * len(steps(self.spec))
        time = BEGINNING + timedelta(seconds=self.now)
        for name in self.sizes:
            self._clear(name)
        sights = {name: self._sight(name) for name in self.sizes}
        found = advance(self.spec, 1, self.status, Wish(self.wanted, scopes), sights, time)
        if crashing and self.random.random() < 0.1:
            return
        if found.status != self.status:
            self.status = found.status
            self.statuses += 1
        for name in self.sizes:
            if crashing and self.random.random() < 0.2:
                continue  # a write that comes later, or that a crash prevented
            self._write(name)

    def _clear(self, name: str) -> None:
        """Delete the pods that the kind's driver calls obstacles, by what is stored and written."""
        member, known, cluster = self.members[name], self.links[name].known, self.status.cluster(name)
        if not self.driver.DELETES or cluster is None or cluster.state in ("Released", "Restored"):
            return
        if cluster.left_out and cluster.state == "Releasing":
            return
        heard_of = known is not None and known.spec == self.told(name) and self._observed(known)
        if not heard_of or not self.links[name].up or self.random.random() < 0.3:
            return
        pods, part = member.listing(self.now), self._part(name)
        if cluster.state == "Stable":
            doomed = self.driver.leftovers(pods, part, known.live)
        else:
            doomed = self.driver.obstacles(pods, part, cluster.replicas)
        for pod in doomed:
            member.delete(pod)

    def told(self, name: str) -> Spec:
        """What a member is to hold by the stored status."""
        cluster = self.status.cluster(name)
        if cluster is None:
            return Spec(self.spec.stable_revision, self.sizes[name], echo=self.spec.stable_revision)
        may = permitted(self.spec, cluster)
        replicas = self.sizes[name] if may.replicas is None else may.replicas
        if self.scaled_there and (spec := self.members[name].spec) is not None:
            replicas = spec.replicas
        return Spec(may.revision, replicas, self._restraint(name, may, replicas), may.echo)

    def _restraint(self, name: str, may: Permission, replicas: int) -> Manifest:
        api_version, kind, _ = self.model.KIND
        said = {} if self.scaled_there else {"replicas": replicas}
        manifest = {"apiVersion": api_version, "kind": kind, "spec": self.members[name].said() | said}
        if may.part is not None:
            return self.driver.hold(manifest, may.part, may.replicas or 0)
        if may.max_unavailable is not None:
            return self.driver.return_to(manifest, may.max_unavailable)
        return {}

    def _write(self, name: str) -> None:
        told, member, link = self.told(name), self.members[name], self.links[name]
        if not link.up or member.spec == told or not self._known(name):
            return
        untouched = member.spec is not None and not member.spec.echo
        same = member.spec == replace(told, echo="")
        if untouched and told.revision == self.spec.stable_revision and same:
            return  # ordinary copies carry no echo
        member.spec = told
        self.writes += 1
        link.news.clear()  # the server's answer is known at once
        link.known = self._news(name)

    def _known(self, name: str) -> bool:
        return self.status.cluster(name) is not None

    def _observed(self, news: News) -> bool:
        return self.driver.progress(news.live).observed

    def _sight(self, name: str) -> Sight:
        known, told, up = self.links[name].known, self.told(name), self.links[name].up
        if known is None or known.spec is None:
            return Sight(self.driver.replicas(self.sizes[name], None), up)
        if self.scaled_there:
            told = replace(told, replicas=known.spec.replicas)
        seen, untouched = self.driver.progress(known.live), replace(told, echo="")
        placed = None if self.scaled_there else self.sizes[name]
        return Sight(
            replicas=self.driver.replicas(placed, known.live),
            reachable=up,
            holds=heard(known.spec.echo),
            current=known.spec in (told, untouched) and seen.observed,
            total=seen.total,
            ready=seen.ready,
            updated=seen.updated,
            leaving=seen.leaving,
            updated_ready=max(seen.updated_ready, min(seen.updated, known.ready)),
            ordered=seen.ordered,
            outliers=known.outliers,
        )

    # What must hold

    def violations(self) -> list[str]:
        """Return the bounds that are broken now."""
        permits = {cluster.name: cluster for cluster in self.status.clusters}
        found = []
        for name, member in self.members.items():
            updated, may = member.at(self.spec.target_revision), self._may(name, permits.get(name))
            rounded = self.scalings.get(name, 0) if member.ROUNDS else 0
            if updated > may + rounded + self._uncounted(name, permits.get(name)):
                found.append(f"{name}: {updated} updated, {may} permitted")
        return found

    def _uncounted(self, name: str, permit: RolloutCluster | None) -> int:
        """Pods that came uninvited since all there were had been counted last."""
        member, target = self.members[name], self.spec.target_revision
        if permit is not None and permit.replicas == member.wanted == len(member.pods):
            exceeded = permit.state == "Releasing" and permit.permitted < member.at(target)
            self.counted[name] = self.counted.get(name, 0) if exceeded else member.uninvited[target]
        return member.uninvited[target] - self.counted.get(name, 0)

    def down(self) -> list[str]:
        """Return by how much more than allowed is down because of the release."""
        out = {cluster.name for cluster in self.status.clusters if cluster.left_out}
        by_us = {name: member.down_by_us(self.now) for name, member in self.members.items()}
        for name, count in by_us.items():
            self.excused[name] = count if name in out else min(count, self.excused.get(name, 0))
        down = sum(count - self.excused[name] for name, count in by_us.items())
        if self.status.phase == "RollingBack" or down <= self.status.max_unavailable:
            return []
        return [f"{down} down, {self.status.max_unavailable} allowed"]

    def _may(self, name: str, permit: RolloutCluster | None) -> int:
        """Permissions shrink only where a cluster is scaled in or goes back; until then the last stands."""
        member, may = self.members[name], 0
        if permit is not None:
            may = permit.replicas if permit.state == "Released" else permit.permitted
            if self.scaled_there and permit.replicas:  # a share of however many there are by now
                may = -(-may * member.wanted // permit.replicas)
        told_before = 0 if member.seen == self.told(name) else self.granted.get(name, 0)
        may = self.granted[name] = max(may, told_before)
        if permit is not None and permit.state in ("Restoring", "Restored"):
            return max(may, member.at(self.spec.target_revision))
        return may
