"""Quantities of Kubernetes (`resource.Quantity`) as exact whole numbers, counted as kube-scheduler does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from math import ceil

_BINARY = {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", start=1)}
_DECIMAL = {letter: 1000**power for power, letter in enumerate("kMGTPE", start=1)}
_SMALL = {letter: Fraction(1, 1000**power) for power, letter in enumerate("mun", start=1)}
_SUFFIXES: Mapping[str, int | Fraction] = {"": 1, **_BINARY, **_DECIMAL, **_SMALL}
_SYNTAX = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))"
    r"(?:[eE](?P<exponent>[+-]?[0-9]{1,2})|(?P<suffix>[A-Za-z]{0,2}))"
)
CPU = "cpu"


@lru_cache(maxsize=16384)
def quantity(text: str | int | float) -> Fraction:
    """Return the exact value of a quantity.

    :raises ValueError: for what is none
    """
    match = _SYNTAX.fullmatch(str(text))
    suffix = match["suffix"] or "" if match else ""
    if match is None or suffix not in _SUFFIXES:
        raise ValueError(f"{text!r} is no quantity; write a number with a suffix such as m, k, Ki or Gi")
    return Fraction(match["number"]) * _SUFFIXES[suffix] * Fraction(10) ** int(match["exponent"] or 0)


def amount(resource: str, text: str | int | float) -> int:
    """Return how much of a resource a quantity is: thousandths of a CPU, whole units of all else, rounded up
    (`Quantity.MilliValue`, `Quantity.Value`).
    """
    return ceil(quantity(text) * (1000 if resource == CPU else 1))


def amounts(quantities: Mapping[str, str | int | float]) -> dict[str, int]:
    """Return how much there is of each resource."""
    return {resource: amount(resource, text) for resource, text in quantities.items()}


def written(resource: str, amount: int) -> str:
    """Return an amount as a quantity."""
    return f"{amount}m" if resource == CPU else str(amount)
