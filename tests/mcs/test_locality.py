"""Hints for kube-proxy: services.md 4.7 (47, 48), with what kube-proxy makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs.api.service import Locality
from mcs.importing import imported
from mcs.locality import Slices, by_cluster, by_zone, hints_at_nodes, hints_can_prefer
from mcs.slices import Slice, abroad, content_of
from policies.api.meta import Manifest
from tests.mcs.imports import service_set
from tests.mcs.kube_proxy import called

PREFERRING = Locality(mode="PreferSameCluster")


def endpoint(address: str, *, zone: str = "z1", ready: bool = True, **more: object) -> Manifest:
    where = {"zone": zone} if zone else {}
    return {"addresses": [address], "conditions": {"ready": ready}, **where, **more}


def content(*endpoints: Manifest) -> Manifest:
    ports = [{"name": "http", "protocol": "TCP", "port": 8080}]
    return content_of({"addressType": "IPv4", "ports": ports, "endpoints": endpoints})


def plan(own: list[Manifest], *remote: list[Manifest]) -> Slices:
    """What m2 imports, before hints."""
    found = service_set("m2", *(f"r{number}" for number in range(len(remote))))
    there = {
        f"r{number}": {f"web-r{number}": Slice("u", {}, content(*each))} for number, each in enumerate(remote)
    }
    return imported("m2", found, ("IPv4",), there, {"web-abc": Slice("u", {}, content(*own))}).slices


def hints(slices: Slices) -> dict[str, object]:
    return {each["addresses"][0]: each.get("hints") for one in slices.values() for each in one["endpoints"]}


OWN, REMOTE = endpoint("10.2.0.1"), endpoint("10.1.0.1", zone="z2")

ADDRESSES = st.integers(0, 255).map(lambda number: f"10.0.0.{number}")
ENDPOINTS = st.lists(
    st.builds(endpoint, ADDRESSES, zone=st.sampled_from(["", "z1", "z2"]), ready=st.booleans()), max_size=4
)
ZONES = st.sets(st.sampled_from(["z1", "z2", "z3"]), min_size=1)


def apart(own: list[Manifest], remote: list[list[Manifest]]) -> tuple[set[str], set[str]]:
    """Give every cluster addresses of its own; return those that are ready here, and elsewhere."""
    for number, each in enumerate([own, *remote]):
        for index, one in enumerate(each):
            one["addresses"] = [f"10.{number}.0.{index}"]
    ready_own, *ready_remote = (
        {one["addresses"][0] for one in each if one["conditions"]["ready"]} for each in (own, *remote)
    )
    return ready_own, set[str]().union(*ready_remote)


# Spread


@pytest.mark.parametrize("distribution", ["PreferClose", "PreferSameZone", "PreferSameNode"])
def test_where_the_service_asks_for_it_each_endpoint_is_hinted_at_its_own_zone(distribution: str) -> None:
    found = by_zone("m2", plan([OWN], [REMOTE]), distribution)
    assert hints(found) == {
        "10.2.0.1": {"forZones": [{"name": "z1"}]},
        "10.1.0.1": {"forZones": [{"name": "z2"}]},
    }


@pytest.mark.parametrize("distribution", ["", "Whatever"])
def test_else_nothing_is_hinted_not_even_what_is_hinted_at_home(distribution: str) -> None:
    hinted = endpoint("10.2.0.1", hints={"forZones": [{"name": "z1"}]})
    assert hints(by_zone("m2", plan([hinted], [REMOTE]), distribution)) == {
        "10.2.0.1": None,
        "10.1.0.1": None,
    }


def test_an_endpoint_without_a_zone_does_not_end_the_preference_of_all() -> None:
    slices = by_zone("m2", plan([OWN], [endpoint("10.1.0.1", zone="")]), "PreferSameZone")
    assert called(slices.values(), zone="z1") == {"10.2.0.1"}
    assert called(slices.values(), zone="z2") == {"10.2.0.1", "10.1.0.1"}


def test_with_hints_at_nodes_callers_stay_on_their_node_and_remote_endpoints_are_on_none() -> None:
    own = [endpoint("10.2.0.1", nodeName="n1"), endpoint("10.2.0.2", nodeName="n2")]
    slices = by_zone("m2", plan(own, [REMOTE]), "PreferSameNode", by_node=True)
    assert called(slices.values(), node="n1") == {"10.2.0.1"}
    assert called(slices.values(), node="n3", zone="z2") == {"10.1.0.1"}
    assert called(slices.values(), node="n3", zone="z3") == {"10.2.0.1", "10.2.0.2", "10.1.0.1"}


@pytest.mark.parametrize("distribution", ["", "PreferSameZone"])
def test_nodes_are_hinted_at_only_for_a_service_that_asks_for_it(distribution: str) -> None:
    slices = by_zone("m2", plan([endpoint("10.2.0.1", nodeName="n1")], [REMOTE]), distribution, by_node=True)
    assert not hints_at_nodes(slices.values())


def test_a_cluster_that_hints_at_nodes_is_known_by_its_own_slices() -> None:
    assert hints_at_nodes([content(OWN), content(endpoint("a", hints={"forNodes": [{"name": "n1"}]}))])
    assert not hints_at_nodes([content(endpoint("a", hints={"forZones": [{"name": "z1"}]}))])


def test_what_others_learn_of_a_slice_has_no_hints() -> None:
    assert hints({"a": abroad(content(endpoint("a", hints={"forZones": [{"name": "z1"}]})))}) == {"a": None}


@given(ENDPOINTS, st.lists(ENDPOINTS, max_size=2), st.sampled_from(["", "PreferSameZone", "PreferSameNode"]))
def test_every_endpoint_has_hints_or_none_has(
    own: list[Manifest], remote: list[list[Manifest]], distribution: str
) -> None:
    apart(own, remote)
    found = set(map(bool, hints(by_zone("m2", plan(own, *remote), distribution)).values()))
    assert found <= {bool(distribution)}


@given(ENDPOINTS, st.lists(ENDPOINTS, max_size=2), st.sampled_from(["", "PreferSameZone"]))
def test_hints_never_leave_a_caller_without_an_endpoint(
    own: list[Manifest], remote: list[list[Manifest]], distribution: str
) -> None:
    here, elsewhere = apart(own, remote)
    slices = by_zone("m2", plan(own, *remote), distribution)
    assert bool(called(slices.values(), zone="z1")) == bool(here | elsewhere)


# PreferSameCluster


@given(ENDPOINTS, st.lists(ENDPOINTS, max_size=2), ZONES, st.data())
def test_callers_get_their_own_cluster_as_long_as_it_answers_and_all_others_else(
    own: list[Manifest], remote: list[list[Manifest]], zones: set[str], data: st.DataObject
) -> None:
    here, elsewhere = apart(own, remote)
    slices = by_cluster("m2", plan(own, *remote), zones)
    zone = data.draw(st.sampled_from(sorted(zones)))
    assert called(slices.values(), zone=zone) == (here or elsewhere)


def test_a_node_in_a_zone_that_is_not_known_yet_uses_all() -> None:
    slices = by_cluster("m2", plan([OWN], [REMOTE]), {"z1"})
    assert called(slices.values(), zone="new") == {"10.2.0.1", "10.1.0.1"}


@pytest.mark.parametrize(
    ("locality", "zones", "can"),
    [
        (PREFERRING, {"z1"}, True),
        (PREFERRING, {f"z{number}" for number in range(8)}, True),
        (PREFERRING, {f"z{number}" for number in range(9)}, False),
        (PREFERRING, set(), False),
        (PREFERRING, None, False),
        (Locality(mode="PreferSameCluster", min_local=2), {"z1"}, False),
    ],
)
def test_hints_do_where_all_nodes_have_one_of_few_zones_and_one_endpoint_is_enough(
    locality: Locality, zones: set[str] | None, can: bool
) -> None:
    assert hints_can_prefer(locality, zones) is can
