"""Capacity: how many more pods of a kind one cluster can take.

A Ledger is told of every node and pod of the cluster, and of the replicas that were placed there and are not
seen yet. Those, and pods without a node, are seated on nodes that could take them: which ones the cluster's
own scheduler will choose is not known, but pods that are alike are never promised the same room twice.
A change of one node costs a look at that node, and a question a look at the nodes changed since the last.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from cachetools import LRUCache

from policies.nodes import Node, fits
from policies.podneeds import PODS, Need
from policies.pods import Owner, Pod

_REMEMBERED = 256
"""For how many different needs the room on each node is kept."""
PodKey = tuple[str, str]


class Totals(NamedTuple):
    """A cluster in numbers, the amounts as in `quantities.amounts`."""

    nodes: int
    ready: int
    allocatable: Mapping[str, int]
    """Of the ready nodes."""
    requested: Mapping[str, int]
    """By the pods that have a node and have not ended."""


def totals(nodes: Iterable[Node], requested: Mapping[str, int] = MappingProxyType({})) -> Totals:
    known = list(nodes)
    ready = [node for node in known if node.ready]
    allocatable: Counter[str] = Counter()
    for node in ready:
        allocatable.update(node.allocatable)
    return Totals(len(known), len(ready), allocatable, dict(requested))


class _Rooms:
    """How many pods with one need each node takes; nodes that take none are left out."""

    __slots__ = ("by_node", "stale", "total")

    def __init__(self, stale: set[str]) -> None:
        self.by_node: dict[str, int] = {}
        self.stale, self.total = stale, 0


class _Claim:
    """Pods that have no node yet, and where they are seated."""

    __slots__ = ("need", "seats", "wanted")

    def __init__(self, need: Need) -> None:
        self.need, self.wanted = need, 0
        self.seats: Counter[str] = Counter()


class Ledger:
    """The capacity of one cluster. What returns a bool says whether something may fit now that did not."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._pods: dict[PodKey, Pod] = {}
        self._taken: dict[str, dict[str, int]] = {}  # by pods and by those that are seated
        self._requested: Counter[str] = Counter()  # by pods
        self._seen: Counter[Owner] = Counter()
        self._expected: dict[Owner, tuple[Need, int]] = {}
        self._claims: dict[Owner | PodKey, _Claim] = {}
        self._rooms: LRUCache[Need, _Rooms] = LRUCache(_REMEMBERED)
        self._seatable = False  # room came up since those without a seat were last offered one

    def room(self, need: Need) -> int:
        """Return how many more pods with this need fit, beside all that are there and expected."""
        if self._seatable:
            self._seatable = False
            for claim in self._claims.values():
                self._seat(claim)
        return self._fresh(need).total

    def totals(self) -> Totals:
        return totals(self._nodes.values(), self._requested)

    def node(self, name: str, node: Node | None) -> bool:
        """Take note of a node as it is now, or that it is gone."""
        if node is None:
            self._nodes.pop(name, None)
        else:
            self._nodes[name] = node
        self._changed(name)
        self._reseat(name)
        return node is not None

    def pod(self, key: PodKey, pod: Pod | None) -> bool:
        """Take note of a pod as it is now, or that it takes nothing any more."""
        before = self._pods.pop(key, None)
        if pod is not None:
            self._pods[key] = pod
        if before is not None:
            self._count(key, before, -1)
        if pod is not None:
            self._count(key, pod, 1)
        for each in (before, pod):
            if each is not None and each.owner in self._expected:
                self._await(each.owner)
        if pod is not None and pod.node and self._overfull(pod.node):
            self._reseat(pod.node)
        return before is not None and pod is None

    def expect(self, owner: Owner, need: Need, replicas: int) -> bool:
        """Count replicas as taken until so many pods of their workload are seen."""
        before = self._claims.get(owner)
        missing = before.wanted if before else 0
        self._expected[owner] = need, replicas
        self._await(owner)
        return missing > self.missing(owner)

    def forget(self, owner: Owner) -> bool:
        """Expect nothing of a workload any more."""
        self._expected.pop(owner, None)
        return self._claim(owner, None, 0)

    def missing(self, owner: Owner) -> int:
        """Return how many pods of a workload are expected and not seen."""
        claim = self._claims.get(owner)
        return claim.wanted if claim else 0

    def _await(self, owner: Owner) -> None:
        need, replicas = self._expected[owner]
        missing = replicas - self._seen[owner]
        if missing <= 0:
            del self._expected[owner]
        self._claim(owner, need, max(0, missing))

    def _count(self, key: PodKey, pod: Pod, times: int) -> None:
        if pod.owner is not None:
            self._seen[pod.owner] += times
            if not self._seen[pod.owner]:
                del self._seen[pod.owner]
        if not pod.node:
            self._claim(key, pod.need, max(0, times))
            return
        self._take(pod.node, pod.need, times)
        for resource, amount in pod.need.requests:
            self._requested[resource] += amount * times

    def _take(self, node: str, need: Need, times: int) -> None:
        """Take what so many pods need from a node, or give it back."""
        taken = self._taken.setdefault(node, {})
        for resource, amount in need.requests:
            taken[resource] = taken.get(resource, 0) + amount * times
        if not taken[PODS]:
            del self._taken[node]
        self._seatable = self._seatable or times < 0
        self._touch(node)

    # Room

    def _touch(self, node: str) -> None:
        for rooms in self._rooms.values():
            rooms.stale.add(node)

    def _changed(self, node: str) -> None:
        self._seatable = True
        self._touch(node)

    def _fresh(self, need: Need) -> _Rooms:
        """Return the rooms for a need after a look at the nodes that changed."""
        rooms = self._rooms.get(need)
        if rooms is None:
            rooms = self._rooms[need] = _Rooms(set(self._nodes))
        for name in rooms.stale:
            node = self._nodes.get(name)
            rooms.total -= rooms.by_node.pop(name, 0)
            if node is not None and (room := fits(need, node, self._taken.get(name, {}))):
                rooms.by_node[name] = room
                rooms.total += room
        rooms.stale.clear()
        return rooms

    # Seats of those that have no node yet

    def _claim(self, key: Owner | PodKey, need: Need | None, wanted: int) -> bool:
        """Claim room for so many pods; returns whether some was given back."""
        claim = self._claims.get(key)
        if claim is not None and (not wanted or claim.need != need):
            self._leave(claim, claim.seats)
            del self._claims[key]
        if not wanted or need is None:
            return claim is not None
        claim = self._claims.setdefault(key, _Claim(need))
        former, claim.wanted = claim.wanted, wanted
        for _ in range(claim.seats.total() - wanted):
            self._leave(claim, {next(iter(claim.seats)): 1})
        self._seat(claim)
        return former > wanted

    def _seat(self, claim: _Claim) -> None:
        """Seat those that have no seat, each where most of its kind fit; some may find none."""
        lacking = claim.wanted - claim.seats.total()
        if lacking <= 0:
            return
        queue = [(-room, name) for name, room in self._fresh(claim.need).by_node.items()]
        heapq.heapify(queue)
        seats: Counter[str] = Counter()
        for _ in range(min(lacking, self._fresh(claim.need).total)):
            room, name = queue[0]
            seats[name] += 1
            if room == -1:
                heapq.heappop(queue)
            else:
                heapq.heapreplace(queue, (room + 1, name))
        for name, count in seats.items():
            self._take(name, claim.need, count)
        claim.seats += seats

    def _leave(self, claim: _Claim, seats: Mapping[str, int]) -> None:
        for name, count in dict(seats).items():
            self._take(name, claim.need, -count)
            claim.seats[name] -= count
            if not claim.seats[name]:
                del claim.seats[name]

    def _reseat(self, node: str) -> None:
        """Have those leave that are seated on a node which may not take them any more."""
        leaving = [claim for claim in self._claims.values() if node in claim.seats]
        for claim in leaving:
            self._leave(claim, {node: claim.seats[node]})
        for claim in leaving:
            self._seat(claim)

    def _overfull(self, name: str) -> bool:
        node, taken = self._nodes.get(name), self._taken.get(name, {})
        return node is not None and any(
            amount > node.allocatable.get(resource, 0) for resource, amount in taken.items()
        )
