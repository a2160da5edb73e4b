"""Nodes: what is kept of a member's node, which pods it takes and how many of them fit on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from policies.api.meta import Manifest
from policies.podneeds import Expression, Need, Term, Tolerated
from policies.quantities import amounts

_KEEPING_OUT = ("NoSchedule", "NoExecute")


class Mark(NamedTuple):
    """A core/v1 Taint that keeps pods out."""

    key: str
    value: str
    effect: str


class Node(NamedTuple):
    """What is kept of a node: equal as long as it takes the same pods."""

    name: str
    allocatable: Mapping[str, int]
    """As in `quantities.amounts`."""
    ready: bool
    """Its condition Ready is True."""
    cordoned: bool
    taints: tuple[Mark, ...]
    labels: Mapping[str, str]


def node_of(live: Manifest) -> Node:
    spec, status, metadata = live.get("spec") or {}, live.get("status") or {}, live["metadata"]
    return Node(
        metadata["name"],
        amounts(status.get("allocatable") or {}),
        any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or ()),
        bool(spec.get("unschedulable")),
        tuple(
            Mark(each["key"], each.get("value") or "", each["effect"])
            for each in spec.get("taints") or ()
            if each["effect"] in _KEEPING_OUT
        ),
        metadata.get("labels") or {},
    )


def fits(need: Need, node: Node, taken: Mapping[str, int]) -> int:
    """Return how many pods with this need a node takes beside what is taken of its resources."""
    if not _takes(node, need):
        return 0
    allocatable = node.allocatable
    room = min((allocatable.get(name, 0) - taken.get(name, 0)) // amount for name, amount in need.requests)
    return max(0, room)


def _takes(node: Node, need: Need) -> bool:
    """Whether the scheduler of the cluster would consider the node for such a pod."""
    return (
        node.ready
        and not node.cordoned
        and all(any(_tolerates(each, taint) for each in need.tolerated) for taint in node.taints)
        and all(node.labels.get(key) == value for key, value in need.node_selector)
        and (need.node_terms is None or any(_meets(node, term) for term in need.node_terms))
    )


def _tolerates(tolerated: Tolerated, taint: Mark) -> bool:
    """An empty effect or key stands for all of them (`Toleration.ToleratesTaint`)."""
    return (
        tolerated.effect in ("", taint.effect)
        and tolerated.key in ("", taint.key)
        and (
            tolerated.operator == "Exists"
            or (tolerated.operator == "Equal" and tolerated.value == taint.value)
        )
    )


def _meets(node: Node, term: Term) -> bool:
    """A term that asks for nothing is met by no node (`NodeSelectorTerm`)."""
    if not (term.labels or term.fields):
        return False
    return _all_hold(term.labels, node.labels) and _all_hold(term.fields, {"metadata.name": node.name})


def _all_hold(expressions: Sequence[Expression], values: Mapping[str, str]) -> bool:
    return all(_holds(each, values.get(each.key)) for each in expressions)


def _holds(expression: Expression, value: str | None) -> bool:
    match expression.operator:
        case "In":
            return value in expression.values
        case "NotIn":
            return value not in expression.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return _compared(expression, value)


def _compared(expression: Expression, value: str | None) -> bool:
    """Gt and Lt compare whole numbers; what is none meets neither."""
    try:
        found, bound = int(value or ""), int(expression.values[0])
    except ValueError:
        return False
    return found > bound if expression.operator == "Gt" else found < bound
