"""A federation in memory: a host with one Rollout, members that are heard late or not at all, and accidents.

It does what the controllers do: the status of the run is stored before any member is written, and a member
is written what the stored status permits. A crash may come before or after each of these.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from policies.api.rollout import RolloutCluster, RolloutSpec, RolloutStatus
from policies.release.permission import heard, permitted
from policies.release.run import advance
from policies.release.state import Sight, Wish, steps
from policies.release.telling import TERMINAL
from tests.policies.release.models import Member, Spec, Status

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Link:
    """The way to one member."""

    up: bool = True
    lag: int = 0
    """Seconds that news takes."""
    news: deque[tuple[float, Status]] = field(default_factory=deque)
    known: Status = field(default_factory=lambda: Status(None))


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
    scalings: dict[str, int] = field(default_factory=dict)
    """How often each member was scaled: a Deployment may round one pod up each time."""
    granted: dict[str, int] = field(default_factory=dict)
    """Pods that each member may have at the target revision until it has seen that it is told less."""

    def __post_init__(self) -> None:
        self.wanted = self.wanted or self.spec.target_revision
        for name, size in self.sizes.items():
            self.add(name, size, Spec(self.spec.stable_revision, size, None, echo=""))

    def add(self, name: str, size: int, spec: Spec | None) -> None:
        self.sizes[name] = size
        self.members[name] = Member(self.random, self.bad)
        self.links[name] = Link()
        if spec is not None:
            self.members[name].settle(spec)

    def scale(self, name: str, size: int) -> None:
        self.sizes[name] = size
        self.scalings[name] = self.scalings.get(name, 0) + 1

    def remove(self, name: str) -> None:
        for kept in (self.sizes, self.members, self.links):
            del kept[name]

    def supersede(self, spec: RolloutSpec) -> None:
        """Have the host at another revision: the run ends, and a new one begins."""
        self.wanted = spec.target_revision
        self.tick()
        assert self.status.phase == "Superseded"
        self.spec, self.status, self.granted = spec, RolloutStatus(), {}

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
        link.news.append((self.now + self.random.randint(0, link.lag), member.status(self.now)))
        while link.up and link.news and link.news[0][0] <= self.now:
            link.known = link.news.popleft()[1]

    def _reconcile(self, crashing: bool) -> None:
        """Decide, store, write."""
        scopes = [None] * len(steps(self.spec))
        time = BEGINNING + timedelta(seconds=self.now)
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

    def told(self, name: str) -> Spec:
        """What a member is to hold by the stored status."""
        cluster = next((cluster for cluster in self.status.clusters if cluster.name == name), None)
        if cluster is None:
            return Spec(self.spec.stable_revision, self.sizes[name], None, echo=self.spec.stable_revision)
        may = permitted(self.spec, cluster)
        replicas = self.sizes[name] if may.replicas is None else may.replicas
        return Spec(may.revision, replicas, may.updated, may.max_unavailable, may.echo)

    def _write(self, name: str) -> None:
        told, member, link = self.told(name), self.members[name], self.links[name]
        if not link.up or member.spec == told or not self._known(name):
            return
        untouched = member.spec is not None and not member.spec.echo
        if untouched and told.revision == self.spec.stable_revision and told.replicas == member.spec.replicas:
            return  # ordinary copies carry no echo
        member.spec = told
        self.writes += 1
        link.news.clear()  # the server's answer is known at once
        link.known = member.status(self.now)

    def _known(self, name: str) -> bool:
        return any(cluster.name == name for cluster in self.status.clusters)

    def _sight(self, name: str) -> Sight:
        known, told = self.links[name].known, self.told(name)
        if known.spec is None:
            return Sight(self.sizes[name], self.links[name].up)
        same = (known.spec.revision, known.spec.replicas, known.spec.updated) == (
            told.revision, told.replicas, told.updated,
        )  # fmt: skip
        return Sight(
            replicas=self.sizes[name],
            reachable=self.links[name].up,
            holds=heard(known.spec.echo),
            current=same and known.spec.max_unavailable == told.max_unavailable and known.observed,
            total=known.total,
            ready=known.ready,
            updated=known.updated,
            updated_ready=known.updated_ready,
        )

    # What must hold

    def violations(self) -> list[str]:
        """Return the bounds that are broken now."""
        permits = {cluster.name: cluster for cluster in self.status.clusters}
        found = []
        for name, member in self.members.items():
            updated, may = member.at(self.spec.target_revision), self._may(name, permits.get(name))
            if updated > may + self.scalings.get(name, 0):
                found.append(f"{name}: {updated} updated, {may} permitted")
        return found

    def down(self) -> list[str]:
        """Return by how much more than allowed is down because of the release."""
        out = {cluster.name for cluster in self.status.clusters if cluster.left_out}
        down = sum(m.down_by_us(self.now) for name, m in self.members.items() if name not in out)
        if self.status.phase == "RollingBack" or down <= self.status.max_unavailable:
            return []
        return [f"{down} down, {self.status.max_unavailable} allowed"]

    def _may(self, name: str, permit: RolloutCluster | None) -> int:
        """Permissions shrink only where a cluster is scaled in or goes back; until then the last stands."""
        member, may = self.members[name], 0
        if permit is not None:
            may = permit.replicas if permit.state == "Released" else permit.permitted
        if member.seen == self.told(name):
            self.granted[name] = may
        if permit is not None and permit.state in ("Restoring", "Restored"):
            return max(may, self.granted.get(name, 0), member.at(self.spec.target_revision))
        return max(may, self.granted.get(name, 0))
