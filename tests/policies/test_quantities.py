"""Quantities are exact, and rounded up as kube-scheduler does."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.quantities import amount, amounts, quantity, written

UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60, "": 1, "k": 10**3}


@pytest.mark.parametrize(
    ("resource", "text", "counted"),
    [
        ("cpu", "1", 1000),
        ("cpu", "0.1", 100),
        ("cpu", "250m", 250),
        ("cpu", "1u", 1),
        ("cpu", 2, 2000),
        ("cpu", 0.5, 500),
        ("memory", "1.5Gi", 3 * 2**29),
        ("memory", "128974848", 128974848),
        ("memory", "129e6", 129_000_000),
        ("memory", "1E3", 1000),
        ("memory", "12E", 12 * 10**18),
        ("memory", "100m", 1),
        ("memory", ".5Ki", 512),
        ("memory", "5.", 5),
        ("pods", "110", 110),
        ("nvidia.com/gpu", "+4", 4),
    ],
)
def test_amounts_are_thousandths_of_a_cpu_and_whole_units_of_all_else(
    resource: str, text: str | float, counted: int
) -> None:
    assert amount(resource, text) == counted


@pytest.mark.parametrize("text", ["", "1.2.3", "Gi", "1ki", "1e", "1 Gi", "one", "1MM"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        quantity(text)


@given(st.integers(0, 10**9), st.integers(0, 999), st.sampled_from(sorted(UNITS)))
def test_decimals_are_exact(whole: int, thousandths: int, suffix: str) -> None:
    exact = (whole + Fraction(thousandths, 1000)) * UNITS[suffix]
    assert quantity(f"{whole}.{thousandths:03}{suffix}") == exact


@given(st.sampled_from(["cpu", "memory", "pods"]), st.integers(0, 10**15))
def test_what_is_written_reads_the_same(resource: str, count: int) -> None:
    assert amounts({resource: written(resource, count)}) == {resource: count}
