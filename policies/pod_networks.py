"""Pod networks: whether the pods of two clusters can have the same address.

Services across clusters send callers to addresses of pods (KEP-1645 assumes one flat network). Where two
clusters give out the same ones, a caller reaches the wrong pod, and nothing else shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import NamedTuple

from policies.api.cluster import Cluster
from policies.api.meta import Manifest
from policies.verdicts import Verdict


class Overlap(NamedTuple):
    """A network of one cluster that has addresses of another's."""

    cidr: str
    other_cidr: str
    other: str
    """The name of the other cluster."""


def of_nodes(nodes: Iterable[Manifest]) -> list[str]:
    """Return the fewest networks that hold `spec.podCIDRs` of all nodes, in order.

    A cluster whose network plugin gives out addresses by itself may have none there.
    """
    given = [_network(cidr) for node in nodes for cidr in _of_node(node.get("spec") or {})]
    found = [network for network in given if network is not None]
    four = collapse_addresses(each for each in found if isinstance(each, IPv4Network))
    six = collapse_addresses(each for each in found if isinstance(each, IPv6Network))
    return [str(each) for each in (*four, *six)]


def of_cluster(cluster: Cluster) -> list[str]:
    """Return what is known of a cluster: what its owner says comes before what its nodes do."""
    return cluster.spec.pod_cidrs or cluster.status.pod_cidrs


def overlap(own: Iterable[str], others: Mapping[str, Iterable[str]]) -> Overlap | None:
    """Find the lowest network of another cluster's that shares addresses with one's own.

    :param others: the networks of other clusters, by name
    """
    theirs = (span for name, cidrs in others.items() for span in _spans(name, cidrs))
    spans = sorted([*_spans("", own), *theirs])
    farthest: dict[bool, _Span] = {}
    for span in spans:
        is_own = not span.cluster
        against = farthest.get(not is_own)
        if against is not None and against.last >= span.first:
            mine, other = (span, against) if is_own else (against, span)
            return Overlap(mine.cidr, other.cidr, other.cluster)
        present = farthest.get(is_own)
        if present is None or span.last > present.last:
            farthest[is_own] = span
    return None


def overlapping(cluster: Cluster, clusters: Iterable[Cluster]) -> Verdict | None:
    """Say that a cluster can't be told from another by the addresses of its pods.

    :param clusters: all there are, this one among them or not
    """
    name = cluster.metadata.name
    others = {each.metadata.name: of_cluster(each) for each in clusters if each.metadata.name != name}
    found = overlap(of_cluster(cluster), others)
    return Verdict("PodCIDRsOverlap", _sentence(found)) if found is not None else None


def _sentence(found: Overlap) -> str:
    return (
        f"pod CIDR {found.cidr} overlaps {found.other_cidr} of cluster {found.other}: callers of exported "
        "Services can reach the wrong pods; give one of them another pod network, or set spec.podCIDRs of "
        "the Cluster whose Nodes say what is not so"
    )


class _Span(NamedTuple):
    """A network as what sorts by its first address; the addresses of IPv6 come after all of IPv4."""

    first: tuple[int, int]
    last: tuple[int, int]
    cluster: str
    cidr: str


def _spans(cluster: str, cidrs: Iterable[str]) -> Iterator[_Span]:
    for cidr in cidrs:
        if (network := _network(cidr)) is not None:
            first, last = (
                (network.version, int(each)) for each in (network.network_address, network.broadcast_address)
            )
            yield _Span(first, last, cluster, cidr)


def _of_node(spec: Manifest) -> list[str]:
    single = spec.get("podCIDR")
    return spec.get("podCIDRs") or ([single] if single else [])


@lru_cache(maxsize=4096)
def _network(cidr: str) -> IPv4Network | IPv6Network | None:
    """Return a network; None for what is none, which the webhook refuses where it answers."""
    try:
        return ip_network(cidr, strict=False)
    except ValueError:
        return None
