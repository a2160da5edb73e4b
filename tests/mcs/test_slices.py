"""In which order slices are written: an endpoint that moves is always in one of them."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from mcs.slices import Slice, in_order
from policies.api.meta import Manifest

Addresses = dict[str, str]
"""By slice, a letter for each address."""


def _content(addresses: str) -> Manifest:
    return {"addressType": "IPv4", "ports": [], "endpoints": [{"addresses": [each]} for each in addresses]}


def _order(before: Addresses, after: Addresses) -> dict[str, set[str]]:
    held = {name: Slice("uid", {}, _content(addresses)) for name, addresses in before.items()}
    return in_order({name: _content(addresses) for name, addresses in after.items()}, held)


def test_a_slice_that_loses_an_endpoint_waits_for_the_one_that_gets_it() -> None:
    for names in itertools.permutations("ABC"):
        before, after = {"A": "x", "B": "y", "C": ""}, {"A": "", "B": "x", "C": "y"}
        order = _order(before, {name: after[name] for name in names})
        assert order == {"C": set(), "B": {"C"}, "A": {"B"}}
        assert list(order) == ["C", "B", "A"]


def test_a_slice_that_is_new_gets_its_endpoints_first() -> None:
    assert list(_order({"A": "xy"}, {"A": "x", "B": "y"})) == ["B", "A"]


def test_an_endpoint_that_goes_for_good_holds_up_nothing() -> None:
    assert _order({"A": "xy", "B": "z"}, {"A": "x", "B": "z"}) == {"A": set(), "B": set()}


def test_endpoints_that_change_places_do_not_wait_for_each_other() -> None:
    assert _order({"A": "x", "B": "y"}, {"A": "y", "B": "x"}) == {"A": set(), "B": set()}


@given(st.permutations("ABCD"), st.randoms(use_true_random=False))
def test_endpoints_that_all_move_one_way_are_in_a_slice_at_any_time(
    names: list[str], chance: random.Random
) -> None:
    """One way, as when slices are filled up: to slices of a lower number, whatever their names."""
    places = {address: chance.randrange(4) for address in "stuvwxyz"}
    moved = {address: chance.randrange(place + 1) for address, place in places.items()}
    now = {name: "".join(a for a in places if places[a] == at) for at, name in enumerate(names)}
    after = {name: "".join(a for a in moved if moved[a] == at) for at, name in enumerate(names)}
    for name in _order(now, dict(sorted(after.items()))):
        now[name] = after[name]
        assert set("".join(now.values())) == set(places)
    assert now == after
