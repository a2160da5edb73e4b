"""The text of a plan, and its JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from policies.api.binding import PolicyReference
from policies.planning.comparison import Change, ObjectPlan, Plan
from policies.planning.fields import ABSENT, FieldChange

_SIGNS = {"create": "+", "update": "~", "move": ">", "delete": "-", "release": "o"}
_WIDTH = 100
"""How many characters of a value are shown."""


def text(plan: Plan, *, wide: bool = False) -> Iterator[str]:
    """Yield the lines for people: each object with what becomes of its copies; clusters alike in one line.

    :param wide: objects of which nothing changes, and values in full length, too.
    """
    for each in plan.objects:
        if wide or not each.quiet:
            yield f"{each.key}{_governed(each.policy)}"
            yield from _object(each, wide)
    counts = plan.counts()
    yield (
        f"{counts['create']} to create, {counts['update']} to update, {counts['move']} to move, "
        f"{counts['delete']} to delete, {counts['release']} to release; {plan.unchanged} unchanged"
        + (f", {plan.failing} failing" if plan.failing else "")
    )


def _governed(policy: PolicyReference | None) -> str:
    return f", by {_policy(policy)}" if policy else ""


def _policy(policy: PolicyReference) -> str:
    return f"{policy.kind} {f'{policy.namespace}/' if policy.namespace else ''}{policy.name}"


def _object(each: ObjectPlan, wide: bool) -> Iterator[str]:
    for change, clusters in _alike(each.changes):
        yield f"  {_SIGNS[change.action]} {', '.join(clusters)}: {_what(change)}"
        for field in change.fields:
            yield f"      {field.path}: {_value(field.old, wide)} -> {_value(field.new, wide)}"
    if wide and each.unchanged:
        yield f"    {each.unchanged} unchanged"
    for failure in each.failures:
        yield f"  ! {failure.cluster}: {failure.verdict.reason}: {failure.verdict.message}"
    if each.verdict:
        yield f"  ! {each.verdict.reason}: {each.verdict.message}"


def _alike(changes: Sequence[Change]) -> list[tuple[Change, list[str]]]:
    """Put clusters together to which the same happens."""
    groups: list[tuple[Change, list[str]]] = []
    for change in changes:
        for other, clusters in groups:
            if other._replace(cluster="") == change._replace(cluster=""):
                clusters.append(change.cluster)
                break
        else:
            groups.append((change, [change.cluster]))
    return groups


def _what(change: Change) -> str:
    replicas = "" if change.replicas is None else f", {change.replicas} replicas"
    match change.action:
        case "create":
            return f"create{replicas}"
        case "move":
            return f"move from {change.source}{replicas}"
        case "release":
            return "release: the copy stays there, and is Atoll's no more"
        case action:
            return action


def _value(value: Any, wide: bool) -> str:
    shown = repr(value) if value is ABSENT else json.dumps(value, ensure_ascii=False)
    return shown if wide or len(shown) <= _WIDTH else f"{shown[:_WIDTH]}..."


def manifest(plan: Plan, notes: Sequence[str]) -> dict[str, Any]:
    """Return the plan for programs: the objects of which something changes, and the counts of copies."""
    return {
        "objects": [_document(each) for each in plan.objects if not each.quiet],
        "counts": {**plan.counts(), "unchanged": plan.unchanged, "failing": plan.failing},
        "notes": list(notes),
    }


def _document(each: ObjectPlan) -> dict[str, Any]:
    group, kind, namespace, name = each.key
    document: dict[str, Any] = {"group": group, "kind": kind, "namespace": namespace, "name": name}
    if each.policy:
        document["policy"] = each.policy.dump()
    if each.verdict:
        document |= {"reason": each.verdict.reason, "message": each.verdict.message}
    document["clusters"] = [_copy(change) for change in each.changes]
    document["failures"] = [
        {"cluster": cluster, "reason": verdict.reason, "message": verdict.message}
        for cluster, verdict in each.failures
    ]
    return document | {"unchanged": each.unchanged}


def _copy(change: Change) -> dict[str, Any]:
    copy: dict[str, Any] = {"cluster": change.cluster, "action": change.action}
    if change.source:
        copy["from"] = change.source
    if change.replicas is not None:
        copy["replicas"] = change.replicas
    if change.fields:
        copy["fields"] = [_field(field) for field in change.fields]
    return copy


def _field(field: FieldChange) -> dict[str, Any]:
    """Say a change of a field; `old` or `new` is left out where there is none."""
    values = {"old": field.old, "new": field.new}
    return {"path": field.path} | {key: value for key, value in values.items() if value is not ABSENT}
