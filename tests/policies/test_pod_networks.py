"""Whether the pods of two clusters can have the same address."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.api.cluster import Cluster
from policies.api.meta import API_VERSION
from policies.pod_networks import Overlap, of_nodes, overlap, overlapping


def cluster(name: str, *, said: list[str] | None = None, seen: list[str] | None = None) -> Cluster:
    spec: dict[str, Any] = {"podCIDRs": said} if said else {}
    return Cluster.model_validate(
        {
            "apiVersion": API_VERSION,
            "kind": "Cluster",
            "metadata": {"name": name},
            "spec": spec,
            "status": {"podCIDRs": seen or []},
        }
    )


def node(*cidrs: str) -> dict[str, Any]:
    return {"spec": {"podCIDRs": list(cidrs)}}


def test_the_networks_of_nodes_are_put_together() -> None:
    nodes = [node("10.1.3.0/24", "fd00:1::/64"), node("10.1.2.0/24"), {"spec": {"podCIDR": "10.9.0.0/24"}}]
    assert of_nodes(nodes) == ["10.1.2.0/23", "10.9.0.0/24", "fd00:1::/64"]


def test_nodes_may_know_of_none() -> None:
    assert of_nodes([{"spec": {}}, {}]) == []


@pytest.mark.parametrize(
    ("own", "others", "found"),
    [
        (["10.0.0.0/24"], {"c1": ["10.0.0.0/16"]}, Overlap("10.0.0.0/24", "10.0.0.0/16", "c1")),
        (["10.0.0.0/16"], {"c1": ["10.0.7.0/24"]}, Overlap("10.0.0.0/16", "10.0.7.0/24", "c1")),
        (["10.0.0.0/16"], {"c1": ["10.0.0.0/16"]}, Overlap("10.0.0.0/16", "10.0.0.0/16", "c1")),
        (
            ["10.1.0.0/16", "fd00::/48"],
            {"c1": ["10.2.0.0/16"], "c2": ["fd00:0:0:7::/64"]},
            Overlap("fd00::/48", "fd00:0:0:7::/64", "c2"),
        ),
        (["10.0.0.0/16"], {"c1": ["10.1.0.0/16"], "c2": ["10.255.0.0/16"]}, None),
        (["10.0.0.0/8"], {"c1": ["::/0"]}, None),
        (["10.0.0.0/16"], {"c1": [], "c2": ["10.1.0.0/16"], "c3": ["10.1.0.0/16"]}, None),
        ([], {"c1": ["10.0.0.0/8"]}, None),
        (["nothing"], {"c1": ["nothing"]}, None),
    ],
)
def test_networks_of_clusters(own: list[str], others: dict[str, list[str]], found: Overlap | None) -> None:
    assert overlap(own, others) == found


networks = st.lists(
    st.builds(
        lambda address, prefix: str(ip_network((address, prefix), strict=False)),
        st.integers(0, 255).map(lambda last: (10 << 24) + last),
        st.integers(26, 32),
    ),
    max_size=4,
)


@given(networks, st.dictionaries(st.sampled_from(["c1", "c2"]), networks))
def test_one_is_found_exactly_where_two_share_an_address(
    own: list[str], others: dict[str, list[str]]
) -> None:
    theirs = [ip_network(each) for cidrs in others.values() for each in cidrs]
    shared = any(ip_network(mine).overlaps(other) for mine in own for other in theirs)
    found = overlap(own, others)
    assert (found is not None) == shared
    if found is not None:
        assert found.cidr in own
        assert found.other_cidr in others[found.other]
        assert ip_network(found.cidr).overlaps(ip_network(found.other_cidr))


def test_a_cluster_is_told_which_other_has_its_addresses() -> None:
    both = [cluster("c1", seen=["10.0.0.0/16"]), cluster("c2", seen=["10.0.0.0/24"])]
    verdict = overlapping(both[1], both)
    assert verdict is not None
    assert verdict.reason == "PodCIDRsOverlap"
    assert verdict.message == (
        "pod CIDR 10.0.0.0/24 overlaps 10.0.0.0/16 of cluster c1: callers of exported Services can reach "
        "the wrong pods; give one of them another pod network, or set spec.podCIDRs of the Cluster whose "
        "Nodes say what is not so"
    )


def test_what_the_owner_says_comes_before_what_nodes_say() -> None:
    seen = cluster("c1", seen=["10.0.0.0/16"])
    assert overlapping(cluster("c2", said=["10.7.0.0/16"], seen=["10.0.0.0/16"]), [seen]) is None
    assert overlapping(cluster("c2", said=["10.0.0.0/16"], seen=["10.7.0.0/16"]), [seen]) is not None


def test_a_cluster_does_not_overlap_itself() -> None:
    alone = cluster("c1", seen=["10.0.0.0/16"])
    assert overlapping(alone, [alone]) is None
