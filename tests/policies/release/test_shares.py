"""How pods are shared out among clusters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.release.shares import ordered, per_cluster, proportional, round_down, round_up

SIZES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 40), min_size=1)


def share(sizes: dict[str, int], total: int, floors: dict[str, int] | None = None) -> dict[str, int]:
    return proportional(sizes, total, floors or {}, sorted(sizes))


@pytest.mark.parametrize(
    ("sizes", "totals", "shares"),
    [
        ((50, 30, 20), (10, 20), [(5, 3, 2), (10, 6, 4)]),
        ((2, 3), (1, 3, 5), [(0, 1), (1, 2), (2, 3)]),
        ((3, 3, 1), (1, 3, 4), [(1, 0, 0), (2, 1, 0), (2, 2, 0)]),
        ((150, 100, 10), (3, 13, 52), [(2, 1, 0), (8, 5, 0), (30, 20, 2)]),
    ],
)
def test_each_step_adds_to_the_shares_of_the_one_before(
    sizes: tuple[int, ...], totals: tuple[int, ...], shares: list[tuple[int, ...]]
) -> None:
    named = dict(zip("abc", sizes, strict=False))
    floors: dict[str, int] = {}
    for total, expected in zip(totals, shares, strict=True):
        floors = share(named, total, floors)
        assert tuple(floors.values()) == expected


@given(SIZES, st.integers(0, 250))
def test_shares_sum_to_the_total_and_never_exceed_a_cluster(sizes: dict[str, int], total: int) -> None:
    shares = share(sizes, total)
    assert sum(shares.values()) == min(total, sum(sizes.values()))
    assert all(0 <= shares[name] <= sizes[name] for name in sizes)


@given(SIZES, st.integers(0, 250))
def test_a_greater_total_takes_no_pod_back(sizes: dict[str, int], total: int) -> None:
    fewer, more = share(sizes, total), share(sizes, total + 1)
    assert all(more[name] >= fewer[name] for name in sizes)


@given(SIZES, st.integers(0, 250))
def test_shares_do_not_depend_on_the_order_of_the_mapping(sizes: dict[str, int], total: int) -> None:
    backwards = dict(reversed(sizes.items()))
    assert share(backwards, total) == share(sizes, total)


@given(SIZES, st.integers(0, 250))
def test_a_share_is_hardly_off_its_quota(sizes: dict[str, int], total: int) -> None:
    pods = sum(sizes.values())
    for name, got in share(sizes, total).items():
        assert abs(got - min(total, pods) * sizes[name] / max(1, pods)) < 2


def test_a_floor_above_the_share_stands() -> None:
    assert share({"a": 10, "b": 10}, 10, {"a": 8}) == {"a": 8, "b": 2}


def test_in_order_a_cluster_is_full_before_the_next_one_begins() -> None:
    assert ordered({"a": 3, "b": 3, "c": 3}, 5, {}, ["b", "a", "c"]) == {"a": 2, "b": 3, "c": 0}


def test_per_cluster_each_gets_its_percentage_rounded_up() -> None:
    assert per_cluster("10%", {"a": 5, "b": 25, "c": 0}, {}) == {"a": 1, "b": 3, "c": 0}


@pytest.mark.parametrize(
    ("value", "total", "up", "down"), [("10%", 7, 1, 0), (3, 7, 3, 3), (9, 7, 7, 9), ("100%", 7, 7, 7)]
)
def test_counts_and_percentages(value: int | str, total: int, up: int, down: int) -> None:
    assert (round_up(value, total), round_down(value, total)) == (up, down)
