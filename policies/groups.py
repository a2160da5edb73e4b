"""Groups of clusters, and the best choice among them: as few as are enough, the weightiest.

The rule is Karmada's; what there is a search through all choices is a knapsack here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

_UNIT = 1000
"""What one more cluster that can hold the workload weighs against any score."""


class Candidate(NamedTuple):
    """A cluster that passed the filters."""

    name: str
    tier: int
    """The overflow tier it belongs to; 0 is used first."""
    score: int
    """100 if it is a target already, else 0: it is better to stay."""
    room: int | None
    """How many replicas it could hold in all. None where that is not asked: it can hold any number."""


class Group(NamedTuple):
    """Clusters of one topology, best first."""

    name: str
    weight: int
    members: tuple[Candidate, ...]


class Bounds(NamedTuple):
    """How many are used at least, and at most; None is any number."""

    least: int
    most: int | None = None

    def admits(self, count: int) -> bool:
        return self.least <= count and (self.most is None or count <= self.most)


class Need(NamedTuple):
    """What the chosen clusters must hold."""

    replicas: int
    duplicated: bool
    """Each of them, rather than all together."""


def preference(each: Candidate) -> tuple[int, int, int, str]:
    """The better, the less: earlier tiers, then targets, then the roomiest, then by name."""
    return each.tier, -each.score, -(each.room or 0), each.name


def weight(members: Sequence[Candidate], need: Need, clusters: Bounds, groups: Bounds) -> int:
    """Weigh a group by how well its clusters, given best first, can hold the workload."""
    if need.duplicated:
        able = [each for each in members if each.room is None or each.room >= need.replicas]
        return len(able) * _UNIT + sum(each.score for each in able) // len(able) if able else 0
    share = -(-need.replicas // max(groups.least, 1))
    enough = max(clusters.least, groups.least)
    room = score = 0
    for count, each in enumerate(members, start=1):
        room += share if each.room is None else each.room
        score += each.score
        if count >= enough and room >= share:
            return share * _UNIT + score // count
    return room * _UNIT + (score // len(members) if members else 0)


def choose(groups: Sequence[Group], bounds: Bounds, clusters: int) -> tuple[Group, ...] | None:
    """Choose groups that have so many clusters together: the greatest sum of weights, then of clusters.

    A choice is not extended once it has enough, groups of few clusters being tried first; and if the
    weightiest groups of the best choice are enough by themselves, the others are left out. The work grows
    with clusters times the square of groups at most, not with the number of choices.

    :return: in descending order of weight; None if no choice meets the bounds.
    """
    ends: dict[tuple[int, int], _Choice] = {(0, 0): _Choice(0, 0, ())}
    best: _Choice | None = None
    for each in sorted(groups, key=lambda each: (len(each.members), -each.weight, each.name)):
        for (count, size), choice in list(ends.items()):
            if count == bounds.most:
                continue
            longer = choice.with_(each)
            key = count + 1, size + len(each.members)
            if key[0] >= bounds.least and key[1] >= clusters:
                best = longer if best is None else min(best, longer, key=_Choice.rank)
            elif key not in ends or longer.rank() < ends[key].rank():
                ends[key] = longer
    return _enough(best.groups, bounds.least, clusters) if best else None


def _enough(groups: Sequence[Group], least: int, clusters: int) -> tuple[Group, ...]:
    ordered = sorted(groups, key=lambda each: (-each.weight, each.name))
    count = size = 0
    for each in ordered:
        count, size = count + 1, size + len(each.members)
        if count >= least and size >= clusters:
            break
    return tuple(ordered[:count])


class _Choice(NamedTuple):
    weight: int
    size: int
    groups: tuple[Group, ...]

    def with_(self, each: Group) -> _Choice:
        return _Choice(self.weight + each.weight, self.size + len(each.members), (*self.groups, each))

    def rank(self) -> tuple[int, int, list[str]]:
        """The better, the less. Of two that are extended alike, the better one stays the better."""
        return -self.weight, -self.size, sorted(each.name for each in self.groups)


def cover(
    groups: Sequence[Group], bounds: Bounds, clusters: int, parents: Mapping[str, str]
) -> tuple[Group, ...] | None:
    """Choose groups that lie in each of the wider groups chosen before, the weightiest first.

    :param parents: the wider group that a cluster is in, by its name.
    """
    ordered = sorted(groups, key=lambda each: (-each.weight, each.name))
    chosen: list[Group] = []
    for parent in sorted(set(parents.values())):
        if not _touches(chosen, parent, parents):
            chosen.append(next(each for each in ordered if _touches([each], parent, parents)))
    for each in ordered:
        if len(chosen) >= bounds.least and sum(len(one.members) for one in chosen) >= clusters:
            break
        if each not in chosen:
            chosen.append(each)
    enough = bounds.admits(len(chosen)) and sum(len(each.members) for each in chosen) >= clusters
    return tuple(chosen) if enough else None


def _touches(groups: Collection[Group], parent: str, parents: Mapping[str, str]) -> bool:
    return any(parents[member.name] == parent for each in groups for member in each.members)
