"""Filters: why a cluster is no candidate for a template, whatever the others are like.

A cluster that already is a target stays one when it stops serving the kind, gets a taint, or another workload
comes or goes: only an eviction moves what runs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from policies.api.cluster import Cluster
from policies.api.propagation import ClusterAffinity, Placement
from policies.selectors import matches_affinity, untolerated
from policies.spreading import group_of, topology
from policies.verdicts import (
    Rejection,
    affinity_mismatch,
    apart_from_its_group,
    api_not_served,
    capacity_unknown,
    evicting,
    leaving,
    no_topology,
    untolerated_taint,
    with_its_rivals,
)


class Asked(NamedTuple):
    """What a cluster must offer."""

    group_version: str
    kind: str
    placement: Placement
    targets: Collection[str]
    """Names of the clusters that are targets already."""
    evicted_from: Collection[str]
    together: Collection[str]
    """Where the other workloads of its affinity group are; empty leaves it free."""
    apart: Collection[str]
    """Where the other workloads of its anti-affinity group are."""
    known: Collection[str] | None
    """Clusters whose capacity is known; None where that does not matter."""


def reject(asked: Asked, cluster: Cluster) -> Rejection | None:
    """Return why a cluster is no candidate, cluster affinity aside."""
    name = cluster.metadata.name
    if name in asked.evicted_from:
        return evicting(name)
    for constraint in asked.placement.spread_constraints:
        if not group_of(constraint, cluster):
            return no_topology(name, topology(constraint))
    if name in asked.targets:
        return None
    if not serves(cluster, asked.group_version, asked.kind):
        return api_not_served(name, asked.group_version, asked.kind)
    if taint := untolerated(cluster.spec.taints, asked.placement.cluster_tolerations):
        return untolerated_taint(name, taint)
    if asked.together and name not in asked.together:
        return apart_from_its_group(name)
    if name in asked.apart:
        return with_its_rivals(name)
    if asked.known is not None and name not in asked.known:
        return capacity_unknown(name)
    return None


def serves(cluster: Cluster, group_version: str, kind: str) -> bool:
    return any(
        served.group_version == group_version and kind in served.kinds for served in cluster.status.apis
    )


def tier(affinities: Sequence[ClusterAffinity | None], cluster: Cluster) -> int | Rejection:
    """Return the first tier that selects a cluster."""
    name = cluster.metadata.name
    if cluster.metadata.deletion_timestamp:
        return leaving(name)
    for place, affinity in enumerate(affinities):
        if affinity is None or matches_affinity(affinity, cluster):
            return place
    return affinity_mismatch(name)
