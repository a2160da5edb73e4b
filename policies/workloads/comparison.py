"""Comparison: two values of an object, as a condition on its health compares them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from policies.jsonpath import Mismatch, Path, described

Scalar = str | int | float | bool | None
_ORDER: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqual": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqual": operator.le,
}
ORDERED = frozenset(_ORDER)
"""Operators that need numbers."""
UNARY = frozenset({"Exists", "DoesNotExist"})
"""Operators that need no other value."""


def holds(value: Any, how: str, other: Any, path: Path) -> bool:
    """Whether a value of an object compares with another; None stands for one that is not there.

    Kubernetes leaves counters out of a status when they are 0; so what is not there is 0 for a number.

    :param path: of the value, for people.
    :raises Mismatch: they can't be compared
    """
    if how in UNARY:
        return (value is not None) == (how == "Exists")
    _scalar(value, path)
    if how in _ORDER:
        return _ORDER[how](_number(value, f"{path} is"), _number(other, f"{path} is compared with"))
    return _equal(value, other) == (how == "Equal")


def _equal(value: Any, other: Any) -> bool:
    if _is_number(other) and value is None:
        value = 0
    elif _is_number(value) and other is None:
        other = 0
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    return bool(value is not None and value == other)


def _number(value: Any, said: str) -> float:
    if value is None:
        return 0
    if not _is_number(value):
        raise Mismatch(f"{said} {described(value)}, not a number")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scalar(value: Any, path: Path) -> None:
    if isinstance(value, dict | list):
        raise Mismatch(f"{path} is {described(value)}, not one value")
