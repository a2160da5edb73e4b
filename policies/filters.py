"""Filters: which clusters are candidates for the templates of a policy, and why the others are not.

What the clusters are like says the same of all templates of one kind and policy, so it is found once for
them and kept until a cluster changes. A cluster that already is a target stays one when it stops serving the
kind or gets a taint: only an eviction moves what runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from cachetools import LRUCache

from policies.api.cluster import Cluster
from policies.api.propagation import ClusterAffinity, Placement
from policies.selectors import matches_affinity, untolerated
from policies.spreading import Where, group_of, topology
from policies.verdicts import (
    Rejection,
    affinity_mismatch,
    api_not_served,
    leaving,
    no_topology,
    untolerated_taint,
)

_REMEMBERED = 1024
"""For how many pairs of a policy and a kind the answer is kept."""


class Term(NamedTuple):
    """What is found in one group of `clusterAffinities`; a placement without groups is one without a name."""

    name: str
    affinities: Sequence[ClusterAffinity | None]
    """The group itself, then its overflow tiers."""
    tiers: Mapping[str, int]
    """The tier of each cluster that is a candidate if it is a target already."""
    strangers: Mapping[str, int]
    """The tier of each cluster that is a candidate in any case."""
    rejections: Mapping[str, Rejection]
    """Why the others are none, among them those that would stay if they were targets."""


class Fit(NamedTuple):
    """What the clusters are like for the templates of one kind under one placement."""

    terms: tuple[Term, ...]
    where: Where
    """The group of each cluster by each spread constraint."""
    weights: Mapping[str, int]
    """The weight of each cluster that some rule of `staticWeightList` selects."""


class Clusters:
    """The clusters of a federation, as they are now. Make another one when one of them changes."""

    def __init__(self, clusters: Iterable[Cluster]) -> None:
        self.ordered = tuple(sorted(clusters, key=lambda cluster: cluster.metadata.name))
        self.by_name = {cluster.metadata.name: cluster for cluster in self.ordered}
        self.staying = frozenset(
            name for name, cluster in self.by_name.items() if not cluster.metadata.deletion_timestamp
        )
        self._found: LRUCache[tuple[int, str, str], tuple[Placement, Fit]] = LRUCache(_REMEMBERED)

    def fit(self, placement: Placement, group_version: str, kind: str) -> Fit:
        """Return which clusters fit. The placement is kept with the answer, so that no other has its id."""
        key = id(placement), group_version, kind
        if key not in self._found:
            self._found[key] = placement, self._fit(placement, group_version, kind)
        return self._found[key][1]

    def _fit(self, placement: Placement, group_version: str, kind: str) -> Fit:
        lasting: dict[str, Rejection] = {}
        passing: dict[str, Rejection] = {}
        for name, cluster in self.by_name.items():
            if rejection := _outside(placement, cluster):
                lasting[name] = rejection
            elif rejection := _unfit(placement, cluster, group_version, kind):
                passing[name] = rejection
        terms = tuple(self._term(*group, lasting, passing) for group in _groups(placement))
        where = {
            topology(each): {name: group_of(each, cluster) for name, cluster in self.by_name.items()}
            for each in placement.spread_constraints
        }
        return Fit(terms, where, dict(self._weights(placement)))

    def _weights(self, placement: Placement) -> Iterator[tuple[str, int]]:
        """Give a cluster the greatest weight of the rules that select it."""
        scheduling = placement.replica_scheduling
        preference = scheduling.weight_preference if scheduling else None
        rules = preference.static_weight_list if preference else ()
        for cluster in self.ordered:
            if matching := [rule.weight for rule in rules if matches_affinity(rule.target_cluster, cluster)]:
                yield cluster.metadata.name, max(matching)

    def _term(
        self,
        name: str,
        affinities: Sequence[ClusterAffinity | None],
        lasting: Mapping[str, Rejection],
        passing: Mapping[str, Rejection],
    ) -> Term:
        tiers: dict[str, int] = {}
        rejections: dict[str, Rejection] = {}
        for cluster in self.ordered:
            found, there = _tier(affinities, cluster), cluster.metadata.name
            if isinstance(found, Rejection):
                rejections[there] = found
            elif there in lasting:
                rejections[there] = lasting[there]
            else:
                tiers[there] = found
                if there in passing:
                    rejections[there] = passing[there]
        strangers = {there: tier for there, tier in tiers.items() if there not in rejections}
        return Term(name, affinities, tiers, strangers, rejections)


def _groups(placement: Placement) -> Iterator[tuple[str, Sequence[ClusterAffinity | None]]]:
    if not placement.cluster_affinities:
        yield "", (placement.cluster_affinity,)
    for group in placement.cluster_affinities:
        yield group.affinity_name, (group, *group.overflow_affinities)


def _tier(affinities: Sequence[ClusterAffinity | None], cluster: Cluster) -> int | Rejection:
    """Return the first tier that selects a cluster."""
    if cluster.metadata.deletion_timestamp:
        return leaving(cluster.metadata.name)
    for place, affinity in enumerate(affinities):
        if affinity is None or matches_affinity(affinity, cluster):
            return place
    return affinity_mismatch(cluster.metadata.name)


def _outside(placement: Placement, cluster: Cluster) -> Rejection | None:
    """Return which spread constraint can't place a cluster in a group."""
    for constraint in placement.spread_constraints:
        if not group_of(constraint, cluster):
            return no_topology(cluster.metadata.name, topology(constraint))
    return None


def _unfit(placement: Placement, cluster: Cluster, group_version: str, kind: str) -> Rejection | None:
    """Return why a cluster is no candidate if it is not a target already."""
    if not serves(cluster, group_version, kind):
        return api_not_served(cluster.metadata.name, group_version, kind)
    taint = untolerated(cluster.spec.taints, placement.cluster_tolerations)
    return untolerated_taint(cluster.metadata.name, taint) if taint else None


def serves(cluster: Cluster, group_version: str, kind: str) -> bool:
    return any(
        served.group_version == group_version and kind in served.kinds for served in cluster.status.apis
    )
