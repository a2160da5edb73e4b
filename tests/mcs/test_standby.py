"""Slices of other clusters that stand by: services.md 4.7 (49)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs.names import HEADLESS, MCS_SERVICE, NATIVE, SERVICE_NAME, SOURCE_CLUSTER, STANDBY_FOR, standby_name
from mcs.slices import Slice, service_at_home
from mcs.standby import SETTLE, Need, Standing, called, need, ready, standing, standing_by
from policies.api.meta import Manifest
from tests.mcs.imports import content, piece
from tests.mcs.kube_proxy import called as reached
from tests.mcs.test_native import of
from tests.mcs.test_native import service as users

ENOUGH, SOME, NONE = Need(True, False), Need(False, False), Need(False, True)


# What is ready


def test_a_slice_is_not_needed_where_enough_answer_for_each_of_its_ports() -> None:
    remote = content("10.1.0.1")
    local = ready([content("10.2.0.1"), content("10.2.0.2")])
    assert [need(remote, local, many) for many in (1, 2, 3)] == [ENOUGH, ENOUGH, SOME]


def test_it_is_needed_for_a_port_that_only_it_has() -> None:
    remote = content("10.1.0.1")
    remote["ports"] = [*remote["ports"], {"name": "admin", "protocol": "TCP", "port": 9000}]
    assert need(remote, ready([content("10.2.0.1")]), 1) == NONE


def test_it_is_needed_by_callers_of_an_ip_family_that_has_nobody_else() -> None:
    assert need(content("fd00::1"), ready([content("10.2.0.1")]), 1) == NONE


def test_who_is_not_ready_does_not_count_and_who_does_not_say_is_ready() -> None:
    assert need(content("a"), ready([content("b", conditions={"ready": False})]), 1) == NONE
    assert need(content("a"), ready([content("b", conditions={})]), 1) == ENOUGH


def test_an_endpoint_in_two_slices_is_one() -> None:
    assert need(content("a"), ready([content("b"), content("b")]), 2) == SOME


# When it changes


@pytest.mark.parametrize(
    ("now", "needed", "unlike", "verdict"),
    [
        (True, ENOUGH, 0.0, Standing(True)),
        (False, SOME, 0.0, Standing(False)),
        (True, NONE, 0.0, Standing(False)),
        (True, SOME, 0.0, Standing(True, SETTLE)),
        (True, SOME, 1.5, Standing(True, 0.5)),
        (True, SOME, SETTLE, Standing(False)),
        (False, ENOUGH, 0.0, Standing(False, SETTLE)),
        (False, ENOUGH, SETTLE, Standing(True)),
    ],
)
def test_only_who_is_without_any_endpoint_is_helped_at_once(
    now: bool, needed: Need, unlike: float, verdict: Standing
) -> None:
    assert standing(now, needed, unlike) == verdict


READY = st.lists(st.booleans(), max_size=4)


@given(READY, READY, st.integers(1, 3))
def test_when_it_has_settled_callers_get_their_own_cluster_or_all(
    own: list[bool], others: list[bool], min_local: int
) -> None:
    """Of slices under one name, as kube-proxy goes by it."""
    here = [content(f"10.2.0.{number}", conditions={"ready": one}) for number, one in enumerate(own)]
    there = [content(f"10.1.0.{number}", conditions={"ready": one}) for number, one in enumerate(others)]
    slices = [each for each in there if not standing(False, need(each, ready(here), min_local), SETTLE).by]
    expected = {address for each in here for address in reached([each])}
    if sum(own) < min_local:
        expected |= {address for each in there for address in reached([each])}
    assert reached([*here, *slices]) == expected


# What stands by


def attached() -> Manifest:
    return of(users(), adoptExisting=True).slices["web-m1-x-n"]


def test_what_stands_by_is_under_another_name_and_out_of_sight_of_kube_proxy() -> None:
    labels = standing_by(attached())["metadata"]["labels"]
    assert (labels[SERVICE_NAME], labels[STANDBY_FOR]) == ("web-mcs-standby", "web")
    assert HEADLESS in labels
    assert (labels[NATIVE], labels[SOURCE_CLUSTER]) == ("true", "m1")


def test_it_still_belongs_to_its_service() -> None:
    mirrored = Slice("u", standing_by(attached())["metadata"]["labels"], {})
    assert mirrored.stands_by
    assert service_at_home("shop", mirrored) == ("shop", "web")


def test_the_labels_of_the_standard_stay() -> None:
    manifest = {"metadata": {"labels": {**piece("a", "m1").labels, SERVICE_NAME: "derived-x"}}}
    labels = standing_by(manifest)["metadata"]["labels"]
    assert (labels[MCS_SERVICE], labels[SOURCE_CLUSTER]) == ("web", "m1")
    assert (labels[SERVICE_NAME], labels[STANDBY_FOR]) == ("derived-x-mcs-standby", "derived-x")


def test_what_is_called_again_is_as_it_was() -> None:
    before = attached()["metadata"]["labels"]
    assert called(standing_by(attached())["metadata"]["labels"]) == before == called(before)


@pytest.mark.parametrize("name", ["w", "w" * 51, "w" * 52, "w" * 63])
def test_the_name_is_a_label_value_however_long_the_services_is(name: str) -> None:
    assert len(standby_name(name)) <= 63
    assert standby_name(name).endswith("-mcs-standby")


def test_long_names_that_begin_alike_stay_apart() -> None:
    assert standby_name("w" * 62 + "a") != standby_name("w" * 62 + "b")
