"""Spread constraints: which of the clusters that fit are used, to lie in enough groups and not too many.

A group is a region, a zone, a provider, or the clusters with one value of a label. Semantics as Karmada's,
but that every constraint selects (there only those on regions and clusters do), and that no maximum means
none. Targets that meet all constraints stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from policies.api.cluster import Cluster
from policies.api.propagation import SpreadConstraint
from policies.groups import Bounds, Candidate, Group, Need, choose, cover, preference, weight

_WIDEST_FIRST = ("provider", "region", "zone", None)
"""The order in which groups are chosen; labels come last."""

Where = Mapping[str, Mapping[str, str]]
"""By what makes a group, the group of each cluster."""


class Lack(NamedTuple):
    """Why no choice meets the constraints."""

    what: str
    """`cluster`, `region`, `zone`, `provider`, a label, or `replica`."""
    wanted: int
    found: int


def topology(constraint: SpreadConstraint) -> str:
    """Return what makes a group: a field's name or a label."""
    return constraint.spread_by_field or constraint.spread_by_label or ""


def group_of(constraint: SpreadConstraint, cluster: Cluster) -> str:
    """Return the group that a cluster is in; empty when it does not say.

    Clusters that span the same zones are one group.
    """
    match constraint.spread_by_field:
        case "cluster":
            return cluster.metadata.name
        case "region":
            return cluster.spec.region
        case "provider":
            return cluster.spec.provider
        case "zone":
            return ",".join(sorted(cluster.spec.zones))
        case _:
            return cluster.metadata.labels.get(topology(constraint), "")


def select(
    constraints: Sequence[SpreadConstraint], candidates: Iterable[Candidate], need: Need, where: Where
) -> tuple[Candidate, ...] | Lack:
    """Choose clusters by all constraints.

    :param candidates: each is in some group by every constraint.
    """
    ordered = sorted(candidates, key=preference)
    on_clusters = next((each for each in constraints if each.spread_by_field == "cluster"), None)
    clusters = _bounds(on_clusters) if on_clusters else Bounds(1)
    wider = [each for each in constraints if each is not on_clusters]
    wider.sort(key=lambda each: _WIDEST_FIRST.index(each.spread_by_field))
    if not wider:
        return _first(ordered, clusters, need)
    stayed = _stayed(ordered, wider, clusters, need, where)
    return stayed or _grouped(ordered, wider, clusters, need, where)


def _bounds(constraint: SpreadConstraint) -> Bounds:
    return Bounds(constraint.min_groups, constraint.max_groups)


def _first(ordered: Sequence[Candidate], clusters: Bounds, need: Need) -> tuple[Candidate, ...] | Lack:
    """Take the first ones; where they are too small, the last give way to the roomiest of the rest."""
    if len(ordered) < clusters.least:
        return Lack("cluster", clusters.least, len(ordered))
    chosen, rest = list(ordered[: clusters.most]), list(ordered[clusters.most :] if clusters.most else ())
    for place in reversed(range(len(chosen))):
        if holds(chosen, need) or not rest:
            break
        best = min(range(len(rest)), key=lambda n: (-(rest[n].room or 0), n))
        if (rest[best].room or 0) > (chosen[place].room or 0):
            chosen[place], rest[best] = rest[best], chosen[place]
    return tuple(chosen) if holds(chosen, need) else _too_small(chosen, need)


def holds(chosen: Sequence[Candidate], need: Need) -> bool:
    """Whether they hold all replicas together. What is duplicated goes wherever it is sent."""
    if need.duplicated or any(each.room is None for each in chosen):
        return True
    return sum(each.room or 0 for each in chosen) >= need.replicas


def _too_small(chosen: Sequence[Candidate], need: Need) -> Lack:
    return Lack("replica", need.replicas, sum(each.room or 0 for each in chosen))


def _stayed(
    ordered: Sequence[Candidate],
    wider: Sequence[SpreadConstraint],
    clusters: Bounds,
    need: Need,
    where: Where,
) -> tuple[Candidate, ...] | None:
    """Return the targets, filled up from the groups they are in; None if they don't meet the constraints."""
    targets = [each for each in ordered if each.score]
    used: dict[str, set[str]] = {}
    for constraint in wider:
        by = topology(constraint)
        used[by] = {where[by][each.name] for each in targets}
        if not _bounds(constraint).admits(len(used[by])):
            return None
    inside = [
        each
        for each in ordered
        if not each.score and all(where[by][each.name] in groups for by, groups in used.items())
    ]
    filled = (*targets, *inside)[: clusters.most]
    good = clusters.admits(len(filled)) and len(filled) >= len(targets) and holds(filled, need)
    return filled if good else None


def _grouped(
    ordered: Sequence[Candidate],
    wider: Sequence[SpreadConstraint],
    clusters: Bounds,
    need: Need,
    where: Where,
) -> tuple[Candidate, ...] | Lack:
    """Choose groups from the widest to the narrowest, each within those before, then clusters of the last."""
    pool, parents = list(ordered), dict.fromkeys((each.name for each in ordered), "")
    chosen: tuple[Group, ...] = ()
    for constraint in wider:
        bounds = _capped(_bounds(constraint), clusters)
        groups = _groups(pool, constraint, clusters, need, where)
        if chosen:
            found = cover(groups, bounds, clusters.least, parents)
        else:
            found = choose(groups, bounds, clusters.least)
        if found is None:
            return _missing(groups, constraint, clusters)
        chosen = found
        pool = [member for group in chosen for member in group.members]
        parents = {each.name: where[topology(constraint)][each.name] for each in pool}
    picked = _of_each(chosen, clusters, roomiest=False)
    if not holds(picked, need):
        picked = _of_each(chosen, clusters, roomiest=True)
    if not holds(picked, need):
        return _too_small(picked, need)
    for constraint in wider:
        count = len({where[topology(constraint)][each.name] for each in picked})
        if not _bounds(constraint).admits(count):
            return Lack(topology(constraint), constraint.min_groups, count)
    return picked


def _capped(bounds: Bounds, clusters: Bounds) -> Bounds:
    """No more groups than clusters may be used."""
    most = [each for each in (bounds.most, clusters.most) if each is not None]
    return Bounds(bounds.least, min(most, default=None))


def _groups(
    pool: Sequence[Candidate], constraint: SpreadConstraint, clusters: Bounds, need: Need, where: Where
) -> list[Group]:
    members: dict[str, list[Candidate]] = {}
    for each in sorted(pool, key=preference):
        members.setdefault(where[topology(constraint)][each.name], []).append(each)
    bounds = _bounds(constraint)
    return [Group(name, weight(all_, need, clusters, bounds), tuple(all_)) for name, all_ in members.items()]


def _missing(groups: Sequence[Group], constraint: SpreadConstraint, clusters: Bounds) -> Lack:
    if len(groups) < constraint.min_groups:
        return Lack(topology(constraint), constraint.min_groups, len(groups))
    most = sorted((len(each.members) for each in groups), reverse=True)[: constraint.max_groups]
    return Lack("cluster", clusters.least, sum(most))


def _of_each(chosen: Sequence[Group], clusters: Bounds, *, roomiest: bool) -> tuple[Candidate, ...]:
    """Take one cluster of each group, then fill up from the others to the most allowed."""

    def rank(each: Candidate) -> tuple[int, int, int, str]:
        tier, score, room, name = preference(each)
        return (room, tier, score, name) if roomiest else (tier, score, room, name)

    first = [min(each.members, key=rank) for each in chosen]
    rest = sorted((member for each in chosen for member in each.members if member not in first), key=rank)
    return (*first, *rest)[: clusters.most]
