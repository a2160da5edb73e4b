"""Webster's division: the goldens, its laws, and a plain reading of its definition as the oracle."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.division import divide, divide_by_tiers, webster

WEIGHTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 300), min_size=1)
UIDS = st.sampled_from(["", "uid-1", "uid-2", "6f1c9c57-8f1a-4f0e-b7a8-3f2f3c8f3d10"])
ODD, EVEN = "uid-1", "uid-2"


@pytest.mark.parametrize(
    ("total", "weights", "uid", "shares"),
    [
        (12, (3, 2, 1), "", (6, 4, 2)),
        (13, (3, 2, 1), "", (7, 4, 2)),
        (14, (3, 2, 1), "", (7, 5, 2)),
        (9, (1, 2), "", (3, 6)),
        (9, (1, 3), "", (2, 7)),
        (1, (1, 1), "", (1, 0)),
        (2, (1, 1, 1), "", (1, 1, 0)),
        (5, (1, 1), "", (3, 2)),
        (5, (1, 1), ODD, (2, 3)),
        (5, (1, 1), EVEN, (3, 2)),
        (7, (1, 1, 1), "", (3, 2, 2)),
        (1, (2, 1), "", (1, 0)),
        (2, (2, 1), "", (1, 1)),
        (3, (2, 1), "", (2, 1)),
        (5, (2, 1), "", (3, 2)),
        (2, (3, 1), "", (1, 1)),
        (4, (3, 1), "", (3, 1)),
        (5, (170, 110, 60), "", (2, 2, 1)),
        (6, (170, 110, 60), "", (3, 2, 1)),
        (3, (10, 1, 1), "", (3, 0, 0)),
        (12, (1, 1, 1, 1, 1), "", (3, 3, 2, 2, 2)),
        (100, (7, 2, 1), "", (70, 20, 10)),
        (0, (1, 1), "", (0, 0)),
        (3, (0, 0), "", (0, 0)),
        (3, (0, 1), "", (0, 3)),
        (3, (), "", ()),
    ],
)
def test_golden(total: int, weights: tuple[int, ...], uid: str, shares: tuple[int, ...]) -> None:
    names = [f"m{n}" for n in range(1, len(weights) + 1)]
    assert webster(total, dict(zip(names, weights, strict=True)), uid) == dict(
        zip(names, shares, strict=True)
    )


def one_at_a_time(total: int, weights: dict[str, int], *, descending: bool) -> dict[str, int]:
    """The definition, read aloud."""
    seats = dict.fromkeys(weights, 0)
    order = sorted(weights, reverse=descending)
    for _ in range(total if any(weights.values()) else 0):
        best = min(
            order,
            key=lambda name: (-Fraction(weights[name], 2 * seats[name] + 1), seats[name], order.index(name)),
        )
        seats[best] += 1
    return seats


@given(st.integers(0, 200), WEIGHTS, st.booleans())
def test_it_gives_one_at_a_time_to_the_largest_bid(total: int, weights: dict[str, int], odd: bool) -> None:
    assert webster(total, weights, ODD if odd else EVEN) == one_at_a_time(total, weights, descending=odd)


def test_no_division_of_small_totals_is_fairer() -> None:
    """Webster's method minimizes the sum of (share - quota)² ÷ weight."""
    for total, weights in product(range(9), product(range(1, 6), repeat=3)):
        quotas = [Fraction(total * weight, sum(weights)) for weight in weights]

        def unfairness(shares: tuple[int, ...], weights=weights, quotas=quotas) -> Fraction:
            return sum(
                ((s - q) ** 2 / w for s, q, w in zip(shares, quotas, weights, strict=True)), Fraction(0)
            )

        divided = tuple(webster(total, dict(zip("abc", weights, strict=True))).values())
        others = [shares for shares in product(range(total + 1), repeat=3) if sum(shares) == total]
        assert unfairness(divided) == min(map(unfairness, others))


@given(st.integers(0, 100_000), WEIGHTS, UIDS)
def test_everything_is_given_and_only_to_those_with_weight(
    total: int, weights: dict[str, int], uid: str
) -> None:
    shares = webster(total, weights, uid)
    assert sum(shares.values()) == (total if any(weights.values()) else 0)
    assert list(shares) == sorted(weights)
    assert all(share >= 0 and (share == 0 or weights[name] > 0) for name, share in shares.items())


@given(st.integers(0, 500), WEIGHTS, UIDS)
def test_one_replica_more_takes_from_nobody(total: int, weights: dict[str, int], uid: str) -> None:
    before, after = webster(total, weights, uid), webster(total + 1, weights, uid)
    assert all(after[name] >= before[name] for name in weights)


@given(st.integers(0, 500), WEIGHTS, UIDS)
def test_who_weighs_more_gets_no_less(total: int, weights: dict[str, int], uid: str) -> None:
    shares = webster(total, weights, uid)
    assert all(shares[a] >= shares[b] for a in weights for b in weights if weights[a] > weights[b])


@given(st.integers(0, 500), WEIGHTS, UIDS, st.randoms(use_true_random=False))
def test_the_order_of_the_clusters_does_not_matter(
    total: int, weights: dict[str, int], uid: str, random
) -> None:
    names = list(weights)
    random.shuffle(names)
    assert webster(total, {name: weights[name] for name in names}, uid) == webster(total, weights, uid)


@given(st.integers(0, 500), WEIGHTS, st.integers(1, 50))
def test_only_ratios_of_weights_count(total: int, weights: dict[str, int], factor: int) -> None:
    assert webster(total, {name: weight * factor for name, weight in weights.items()}) == webster(
        total, weights
    )


def test_weights_that_floating_point_can_not_tell_apart_are_told_apart() -> None:
    assert webster(1, {"a": 2**60, "b": 2**60 + 1}) == {"a": 0, "b": 1}


def named(counts: tuple[int | None, ...]) -> dict[str, int]:
    """Of m1, m2, ...; None is a cluster that is no candidate."""
    return {f"m{n}": count for n, count in enumerate(counts, start=1) if count is not None}


@pytest.mark.parametrize(
    ("total", "previous", "free", "shares"),
    [
        (12, (0, 0, 0), (18, 12, 6), (6, 4, 2)),
        (12, (0, 0, 0), (20, 12, 6), (6, 4, 2)),
        (12, (0, 0, 0), (6, 12, 6), (3, 6, 3)),
        (12, (0, 0, 0), (6, 8, 10), (3, 4, 5)),
        (12, (0, 0, 0), (8, 8, 10), (4, 4, 4)),
        (12, (0, 0, 0), (3, 3, 3), None),
        (6, (2, 4, 6), (9, 9, 9), (1, 2, 3)),
        (24, (2, 4, 6), (10, 10, 10), (6, 8, 10)),
        (24, (2, 4, 6), (1, 1, 1), None),
        (12, (6, 0, 6), (3, 3, None), (9, 3)),
        (12, (2, 4, 6), (0, 0, 0), (2, 4, 6)),
        (0, (2, 4, 6), (1, 1, 1), (0, 0, 0)),
    ],
)
def test_golden_by_capacity(
    total: int, previous: tuple[int, ...], free: tuple[int | None, ...], shares: tuple[int, ...] | None
) -> None:
    expected = None if shares is None else named(shares)
    assert divide(total, named(free), named(previous)) == expected


@pytest.mark.parametrize(
    ("total", "previous", "free", "shares"),
    [
        (12, (0, 0, 0), (3, 3, 3), None),
        (12, (0, 0, 0), (6, 8, 10), (0, 5, 7)),
        (12, (0, 0, 0), (12, 8, 10), (12, 0, 0)),
        (12, (0, 0, 0), (6, 6, 6), (6, 6, 0)),
        (6, (4, 8), (9, 9), (0, 6)),
        (8, (4, 8), (9, 9), (0, 8)),
        (24, (4, 8, 0), (4, 6, 8), (7, 12, 5)),
        (24, (4, 8, 0), (6, 6, 20), (10, 14, 0)),
        (24, (4, 8, 0, 0), (4, None, 8, 12), {"m1": 7, "m3": 7, "m4": 10}),
    ],
)
def test_golden_aggregated(
    total: int,
    previous: tuple[int, ...],
    free: tuple[int | None, ...],
    shares: tuple[int, ...] | dict[str, int] | None,
) -> None:
    expected = named(shares) if isinstance(shares, tuple) else shares
    assert divide(total, named(free), named(previous), aggregated=True) == expected


def test_golden_rebalanced() -> None:
    previous, free = named((6, 6, 0)), named((6, 6, 24))
    assert divide(12, free, previous, rebalance=True) == named((3, 3, 6))
    assert divide(12, free, previous, rebalance=True, aggregated=True) == named((0, 0, 12))


SIZES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 20), min_size=1)


@given(st.integers(0, 80), SIZES, SIZES, st.booleans(), st.booleans(), UIDS)
def test_by_capacity_everything_is_placed_where_it_fits_or_nothing_is(
    total: int, free: dict[str, int], previous: dict[str, int], aggregated: bool, rebalance: bool, uid: str
) -> None:
    shares = divide(total, free, previous, aggregated=aggregated, rebalance=rebalance, uid=uid)
    held = {name: previous.get(name, 0) for name in free}
    if shares is None:
        assert total > sum(free.values()) + sum(held.values())
        return
    assert sum(shares.values()) == total
    assert list(shares) == sorted(free)
    assert all(0 <= share <= held[name] + free[name] for name, share in shares.items())


@given(st.integers(0, 80), SIZES, SIZES, st.booleans(), UIDS)
def test_what_is_placed_by_capacity_stays(
    total: int, free: dict[str, int], previous: dict[str, int], aggregated: bool, uid: str
) -> None:
    shares = divide(total, free, previous, aggregated=aggregated, uid=uid)
    if shares is None:
        return
    grown = sum(previous.get(name, 0) for name in free) <= total
    for name, share in shares.items():
        assert share >= previous.get(name, 0) if grown else share <= previous.get(name, 0)
    left = {name: max(0, room - shares[name] + previous.get(name, 0)) for name, room in free.items()}
    assert divide(total, left, shares, aggregated=aggregated, uid=uid) == shares


@given(st.integers(1, 40), st.dictionaries(st.sampled_from("abcd"), st.integers(0, 12), min_size=1))
def test_aggregated_uses_as_few_clusters_as_any_placement_could(total: int, free: dict[str, int]) -> None:
    shares = divide(total, free, {}, aggregated=True)
    if shares is None:
        return
    sizes = sorted(free.values(), reverse=True)
    fewest = next(count for count in range(len(sizes) + 1) if sum(sizes[:count]) >= total)
    assert sum(1 for share in shares.values() if share) <= fewest


def test_a_tier_is_filled_before_the_next_and_the_last_is_emptied_first() -> None:
    tiers = [{"a": 6, "b": 6}, {"c": 8}]
    assert divide_by_tiers(10, tiers, {}) == {"a": 5, "b": 5, "c": 0}
    assert divide_by_tiers(16, tiers, {}) == {"a": 6, "b": 6, "c": 4}
    assert divide_by_tiers(21, tiers, {}) is None
    full = [{"a": 0, "b": 0}, {"c": 4}]
    assert divide_by_tiers(18, full, {"a": 6, "b": 6, "c": 4}) == {"a": 6, "b": 6, "c": 6}
    assert divide_by_tiers(13, full, {"a": 6, "b": 6, "c": 4}) == {"a": 6, "b": 6, "c": 1}
    assert divide_by_tiers(6, full, {"a": 6, "b": 6, "c": 4}) == {"a": 3, "b": 3, "c": 0}


def test_room_in_an_earlier_tier_is_used_when_more_is_placed_or_on_request() -> None:
    tiers, previous = [{"a": 5}, {"b": 5}], {"a": 1, "b": 3}
    assert divide_by_tiers(4, tiers, previous) == previous
    assert divide_by_tiers(6, tiers, previous) == {"a": 3, "b": 3}
    assert divide_by_tiers(6, tiers, previous, rebalance=True) == {"a": 6, "b": 0}


@given(st.integers(0, 60), SIZES, SIZES, SIZES, st.booleans(), st.booleans())
def test_tiers_lose_no_replica_and_overfill_no_cluster(
    total: int,
    first: dict[str, int],
    second: dict[str, int],
    previous: dict[str, int],
    aggregated: bool,
    rebalance: bool,
) -> None:
    second = {name: room for name, room in second.items() if name not in first}
    shares = divide_by_tiers(total, [first, second], previous, aggregated=aggregated, rebalance=rebalance)
    free = first | second
    held = {name: previous.get(name, 0) for name in free}
    if shares is None:
        assert total > sum(free.values()) + sum(held.values())
        return
    assert sum(shares.values()) == total
    assert all(0 <= share <= held[name] + free[name] for name, share in shares.items())
    if rebalance and any(shares[name] for name in second):
        assert all(shares[name] == held[name] + free[name] for name in first)
