"""Webster's division: the goldens, its laws, and a plain reading of its definition as the oracle."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.division import webster

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
