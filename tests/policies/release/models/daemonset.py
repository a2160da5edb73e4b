"""What a DaemonSet's controller does to pods, second by second.

The rules are those of kube-controller-manager 1.36 (daemon_controller.go, update.go), as confirmed on real
clusters: a pod is made at the present template, whoever deleted the one before; old pods that are not ready
are replaced without regard to the bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count as numbers

from policies.api.meta import Manifest
from policies.workloads.driver import Pod as Listed
from tests.policies.release.models.common import Member, Pod, Spec, projected


@dataclass
class Node:
    """A node and the pod on it."""

    name: str
    revision: str = ""
    pod: Pod | None = None
    leaves_at: float | None = None
    """When its pod, which is being deleted, is gone."""
    touched: bool = False
    """The pod before was taken down by the release."""

    @property
    def alive(self) -> bool:
        return self.pod is not None and self.leaves_at is None

    def ready(self, now: float) -> bool:
        return self.pod is not None and self.pod.ready_at <= now

    def lose(self, leaves_at: float, touched: bool) -> None:
        self.leaves_at, self.touched = leaves_at, touched

    def stands(self, now: float) -> bool:
        """Whether its pod is ready, or is not because of an accident."""
        if self.pod is None or self.leaves_at is not None:
            return not self.touched
        return self.pod.hit or self.pod.ready_at <= now


@dataclass
class DaemonSet(Member):
    """A cluster with one DaemonSet."""

    KIND = ("apps/v1", "DaemonSet", "daemonsets")

    nodes: list[Node] = field(default_factory=list)
    status: dict[str, int] = field(default_factory=dict)
    """What its controller counted last."""
    _now: float = 0
    _number: numbers[int] = field(default_factory=numbers)

    @property
    def wanted(self) -> int:
        return len(self.nodes)

    @property
    def pods(self) -> list[Pod]:
        return [node.pod for node in self.nodes if node.pod is not None and node.leaves_at is None]

    def settle(self, spec: Spec) -> None:
        self.spec = self.seen = spec
        self.resize(spec.replicas)
        for node in self.nodes:
            node.revision, node.pod = spec.revision, Pod(0)
        self._count(0)

    def resize(self, size: int) -> None:
        """Nodes come empty; any may go, and what was permitted shrinks as if its pod had been new."""
        while len(self.nodes) > size:
            gone = self.nodes.pop(self.random.randrange(len(self.nodes)))
            self._uninvited(gone)
        while len(self.nodes) < size:
            self.nodes.append(Node(f"node-{next(self._number)}"))

    def at(self, revision: str) -> int:
        return sum(node.alive and node.revision == revision for node in self.nodes)

    def live(self, now: float) -> Manifest:
        return projected(self.observed(), **self.status)

    def listing(self, now: float) -> list[Listed]:
        present = self.seen.revision if self.seen else ""
        return [
            Listed(
                name=node.name,
                uid=f"{node.name}/{node.revision}",
                newest=node.revision == present,
                ready=node.ready(now) and node.alive,
                leaving=not node.alive,
            )
            for node in self.nodes
            if node.pod is not None
        ]

    def delete(self, pod: Listed) -> None:
        node = next(node for node in self.nodes if node.name == pod.name)
        assert node.alive, "a pod is deleted once"
        node.lose(self._leaving(), touched=True)

    def evict(self, now: float) -> None:
        """It is made anew at the template that the DaemonSet has then."""
        there = [node for node in self.nodes if node.alive]
        if there:
            self.random.choice(there).lose(self._leaving(), touched=False)

    def down_by_us(self, now: float) -> int:
        return sum(not node.stands(now) for node in self.nodes)

    def _leaving(self) -> float:
        return self._now + self.random.randint(0, 3)

    # The DaemonSet's controller

    def sync(self, now: float) -> None:
        self._now = now
        if self.spec is None:
            return
        self.seen = spec = self.spec
        for node in self.nodes:
            if node.leaves_at is not None and node.leaves_at <= now:
                node.pod = node.leaves_at = None
        for node in self.nodes:
            if node.pod is None:
                self._make(node, spec, now)
        if not _is_held(spec):
            self._roll(spec, now)
        self._count(now)

    def _make(self, node: Node, spec: Spec, now: float) -> None:
        if not node.touched:
            self._uninvited(node)
        node.revision = spec.revision
        node.pod = self.new_pod(spec.revision, now, hit=not node.touched)

    def _uninvited(self, node: Node) -> None:
        revision = self.seen.revision if self.seen else ""
        self.uninvited[revision] += node.revision != revision

    def _roll(self, spec: Spec, now: float) -> None:
        bound, nodes = rules_of(spec), self.rolled(spec)
        down = sum(
            not node.alive or (node.revision == spec.revision and not node.ready(now)) for node in nodes
        )
        old = [node for node in nodes if node.alive and node.revision != spec.revision]
        ready = [node for node in old if node.ready(now)]
        room = max(0, self.count(bound.get("maxUnavailable", 1)) - down)
        for node in [*(node for node in old if not node.ready(now)), *ready[:room]]:
            node.lose(self._leaving(), touched=True)

    def count(self, bound: int | str) -> int:
        """Return a bound as a number of nodes."""
        return len(self.nodes) if bound == "100%" else int(bound)

    def rolled(self, spec: Spec) -> list[Node]:
        """Return the nodes to whose pods a rolling update comes, in the order in which it does."""
        return self.nodes

    def _count(self, now: float) -> None:
        updated = self.seen.revision if self.seen else ""
        with_pod = [node for node in self.nodes if node.pod is not None]
        self.status = {
            "desiredNumberScheduled": len(self.nodes),
            "currentNumberScheduled": len(with_pod),
            "numberReady": sum(node.ready(now) for node in with_pod),
            "updatedNumberScheduled": sum(node.revision == updated for node in with_pod),
        }


def rules_of(spec: Spec) -> Manifest:
    """Return the rules of a rolling update."""
    rules: Manifest = spec.restraint["updateStrategy"]["rollingUpdate"] if spec.restraint else {}
    return rules


def _is_held(spec: Spec) -> bool:
    return bool(spec.restraint) and spec.restraint["updateStrategy"]["type"] == "OnDelete"
