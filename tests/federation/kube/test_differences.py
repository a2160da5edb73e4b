"""What changed between two states of an object, as people are told, and what they are not told of Secrets."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.kube.differences import AFTER, BEFORE, differences, masked, masked_difference
from federation.kube.resources import Manifest

WEB, LOG = {"name": "web", "image": "nginx:1"}, {"name": "log", "image": "log:1"}


def changed(before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    """Compare two values of one field."""
    found = differences({"f": before}, {"f": after})
    return [(each.field, each.before, each.after) for each in found]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("f.a.b", 1, 2)]),
        (None, {"a": {"b": 1}, "c": 2}, [("f.a.b", None, 1), ("f.c", None, 2)]),
        ({"a": 1}, None, [("f.a", 1, None)]),
        (None, {}, [("f", None, {})]),
        ({"a": 1}, "text", [("f", {"a": 1}, "text")]),
        (["-v"], ["-v", "-x"], [("f", ["-v"], ["-v", "-x"])]),
        ([], [WEB], [("f[name=web]", None, WEB)]),
    ],
)
def test_fields_are_told_by_name_and_lists_of_values_whole(before: Any, after: Any, told: list[Any]) -> None:
    assert changed(before, after) == told


def test_an_element_of_a_list_is_known_by_its_name_wherever_it_stands() -> None:
    newer = WEB | {"image": "nginx:2", "tty": True}
    assert changed([WEB], [LOG, newer]) == [
        ("f[name=web].image", "nginx:1", "nginx:2"),
        ("f[name=web].tty", None, True),
        ("f[name=log]", None, LOG),
    ]
    assert changed([LOG, WEB], [WEB]) == [("f[name=log]", LOG, None)]


def test_another_order_is_a_difference_of_the_whole_list() -> None:
    assert changed([WEB, LOG], [LOG, WEB]) == [("f", [WEB, LOG], [LOG, WEB])]


def test_a_list_with_namesakes_is_one_value() -> None:
    assert changed([WEB, WEB], [WEB]) == [("f", [WEB, WEB], [WEB])]


def test_the_path_leads_to_what_was_there_before() -> None:
    (found,) = differences({"c": [LOG, WEB]}, {"c": [LOG, WEB | {"image": "nginx:2"}]})
    assert found.path == ("c", 1, "image")


VALUES = st.recursive(
    st.booleans() | st.integers(0, 3) | st.sampled_from("ab"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "x"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("fg"), VALUES), st.dictionaries(st.sampled_from("fg"), VALUES))
def test_whatever_differs_is_told_and_nothing_else(before: Manifest, after: Manifest) -> None:
    kept = deepcopy((before, after))
    assert bool(differences(before, after)) == (before != after)
    assert (before, after) == kept


SECRET = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"password": "aGVsbG8="}}


def test_the_values_of_a_secret_are_not_shown() -> None:
    assert masked(SECRET) == SECRET | {"data": {"password": "***"}}
    assert masked({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}})["data"] == {"a": "b"}


def test_that_a_value_of_a_secret_differs_is_shown_without_it() -> None:
    later = SECRET | {
        "type": "Other",
        "data": {"password": "d29ybGQ=", "token": "YQ=="},
        "stringData": {"x": "y"},
    }
    found = [masked_difference(SECRET, each) for each in differences(SECRET, later)]
    assert [(each.field, each.before, each.after) for each in found] == [
        ("type", "Opaque", "Other"),
        ("data.password", BEFORE, AFTER),
        ("data.token", None, AFTER),
        ("stringData.x", None, AFTER),
    ]
