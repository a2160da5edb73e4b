"""Endpoints that stay while nobody's word says that they are gone."""

from __future__ import annotations

from typing import Any

from mcs.holding import held
from mcs.slices import Slice
from policies.api.meta import Manifest
from tests.mcs.imports import addresses, piece


def slice_of(*found: str, **fields: Any) -> Slice:
    """A copy of m1's with these endpoints."""
    pieces = [piece(each, "m1", **fields) for each in found]
    endpoints = [endpoint for each in pieces for endpoint in each.content["endpoints"]]
    return pieces[0]._replace(content=pieces[0].content | {"endpoints": endpoints})


def kept(host: dict[str, Slice], here: dict[str, Slice]) -> dict[str, list[str]]:
    return {name: addresses(each.content) for name, each in held(host, here).items()}


def test_an_endpoint_that_the_host_lost_stays() -> None:
    here = {"x": slice_of("10.1.0.1", "10.1.0.2")}
    assert kept({"x": slice_of("10.1.0.1")}, here) == {"x": ["10.1.0.1", "10.1.0.2"]}


def test_one_that_came_is_there_and_one_that_changed_is_followed() -> None:
    unready: Manifest = {"conditions": {"ready": False}}
    host = {"x": slice_of("10.1.0.1", "10.1.0.3", **unready)}
    found = held(host, {"x": slice_of("10.1.0.1")})
    assert found == host


def test_one_that_moved_to_another_slice_is_not_held_in_the_old_one() -> None:
    host = {"x": slice_of("10.1.0.1"), "y": slice_of("10.1.0.2")}
    here = {"x": slice_of("10.1.0.1", "10.1.0.2")}
    assert held(host, here) == host


def test_a_slice_that_is_not_here_or_is_of_another_family_is_as_the_host_has_it() -> None:
    host = {"x": slice_of("10.1.0.1"), "y": slice_of("10.1.0.2")}
    assert held(host, {"x": slice_of("fd00::1")}) == host


def test_a_slice_that_the_host_lacks_is_no_matter_of_this() -> None:
    assert held({}, {"x": slice_of("10.1.0.1")}) == {}


def test_no_more_is_held_than_a_slice_can_have() -> None:
    host = {"x": slice_of(*(f"10.1.{i // 200}.{i % 200}" for i in range(600)))}
    here = {"x": slice_of(*(f"10.2.{i // 200}.{i % 200}" for i in range(600)))}
    assert len(kept(host, here)["x"]) == 1000
    assert kept(host, here)["x"][:600] == addresses(host["x"].content)
