"""Conditions of a template's status: others' stay untouched, and without news no time moves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from policies.api.meta import Manifest
from policies.workloads.workload import Copies


class Told(NamedTuple):
    """What a condition says, without its times."""

    type: str
    status: str
    reason: str
    message: str


def conditions(
    previous: Manifest, told: Iterable[Told], *, now: str, update_time: bool = False
) -> list[Manifest]:
    """Return the conditions of a status with some of them set.

    :param update_time: the kind's conditions have a `lastUpdateTime`, which moves with reason and message.
    """
    present: list[Manifest] = previous.get("conditions") or []
    by_type = {condition["type"]: condition for condition in present}
    for each in told:
        by_type[each.type] = _condition(by_type.get(each.type), each, now=now, update_time=update_time)
    return list(by_type.values())


def without(previous: Manifest, types: Collection[str], told: Iterable[Told]) -> Manifest:
    """Return the conditions of a status but those of some types that are not told any more."""
    gone = set(types) - {each.type for each in told}
    shown = previous.get("conditions") or ()
    return {"conditions": [condition for condition in shown if condition["type"] not in gone]}


def _condition(before: Manifest | None, told: Told, *, now: str, update_time: bool) -> Manifest:
    said: dict[str, Any] = {key: value for key, value in told._asdict().items() if value}
    if before is not None:
        if all((before.get(field) or "") == getattr(told, field) for field in Told._fields):
            return before
        if before.get("status") == told.status:
            moved = before.get("lastTransitionTime", now)
            return said | {"lastTransitionTime": moved} | ({"lastUpdateTime": now} if update_time else {})
    return said | {"lastTransitionTime": now} | ({"lastUpdateTime": now} if update_time else {})


def find(projected: Manifest, kind: str) -> Manifest:
    """Return the condition of a type of a projected object; empty when there is none."""
    found: Sequence[Manifest] = projected["status"].get("conditions") or ()
    return next((condition for condition in found if condition.get("type") == kind), {})


def names(clusters: Iterable[str]) -> str:
    """List clusters for people, three at most: `m1, m2, m3 and 4 more`."""
    ordered = sorted(clusters)
    rest = f" and {len(ordered) - 3} more" if len(ordered) > 3 else ""
    return f"{'cluster' if len(ordered) == 1 else 'clusters'} {', '.join(ordered[:3])}{rest}"


def unheard(copies: Copies) -> str:
    """Say which clusters are out of reach; empty when none is."""
    away = [name for name, copy in copies.items() if not copy.reachable]
    return f"no contact with {names(away)}: the last known numbers count" if away else ""
