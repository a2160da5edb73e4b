"""An explanation, as text for people and as a value for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from federation.cli.explaining.explanation import Applied, Contender, Explanation, Placed
from federation.cli.explaining.values import shown
from federation.cli.rollout.columns import columns
from federation.cli.rollout.table import line
from federation.kube.differences import Difference
from policies.eviction import lines
from policies.requirements import said_of
from policies.verdicts import Verdict

_UNDECIDED = "nothing is decided yet: the controller has not looked at it; is it running?"


def told(found: Explanation) -> str:
    """Return an explanation for people."""
    return "\n\n".join(part for part in _parts(found) if part)


def _parts(found: Explanation) -> Iterator[str]:
    yield "\n".join(_head(found))
    lost = [each for each in found.policies if each.verdict is not None]
    yield _table([("OTHER POLICY", "REASON", "WHY"), *map(_contender, lost)])
    rows = [_placed(each) for each in found.clusters]
    header = ("CLUSTER", "PLACED", "REPLICAS", "APPLIED", "HEALTH", "READY", "WHY")
    if found.governing is not None or any(each.target for each in found.clusters):
        yield _table([header, *rows])
    yield from _overrides(found.clusters)


def _head(found: Explanation) -> Iterator[str]:
    yield str(found.ref)
    if found.excluded:
        yield f"never propagated: {found.excluded}"
        return
    if (governing := found.governing) is None and found.required_by:
        yield "no policy of its own governs it: it goes where workloads need it"
    elif governing is None:
        kind = "PropagationPolicy" if found.ref.namespace else "ClusterPropagationPolicy"
        yield f"no policy governs it: apply a {kind} that selects it"
    else:
        yield f"governed by {_title(governing)}"
    if found.scheduled is not None:
        yield f"{found.scheduled.reason}: {found.scheduled.message}"
    elif governing is not None:
        yield _UNDECIDED
    for each in found.required_by:
        yield f"needed by {said_of(each)} in {', '.join(each.clusters)}"
    if found.affinity:
        yield f"group of clusterAffinities in use: {found.affinity}"
    yield from lines(found.evictions)
    if found.release is not None:
        yield f"rollout {found.release.metadata.name}: {line(found.release)}"


def _title(policy: Contender) -> str:
    return f"{policy.kind} {f'{policy.namespace}/' if policy.namespace else ''}{policy.name}"


def _contender(policy: Contender) -> tuple[str, str, str]:
    assert policy.verdict is not None
    said = policy.verdict.message.removeprefix(f"{policy.kind} {policy.name} ")
    return _title(policy), policy.verdict.reason, said


def _placed(placed: Placed) -> tuple[str, ...]:
    if placed.target is None:
        verdict = placed.verdict
        return (placed.cluster, "no", "-", "-", "-", "-", _why(placed.cluster, verdict))
    result, replicas = placed.result, placed.target.replicas
    wanted = "-" if replicas is None else str(replicas)
    if result is None:
        return (placed.cluster, "yes", wanted, "no", "-", "-", "Pending: nobody has looked at the copy yet")
    ready = "-" if result.ready is None else f"{result.ready}/{result.replicas or 0}"
    verdict = Verdict(result.reason, result.message) if result.reason else None
    applied = "yes" if result.applied else "no"
    return (
        placed.cluster, "yes", wanted, applied, result.health, ready, _why(placed.cluster, verdict)
    )  # fmt: skip


def _why(cluster: str, verdict: Verdict | None) -> str:
    if verdict is None:
        return "-"
    return f"{verdict.reason}: {verdict.message.removeprefix(f'cluster {cluster} ')}"


def _overrides(clusters: Sequence[Placed]) -> Iterator[str]:
    """Tell what overrides do, once for all clusters in which they do the same."""
    groups: list[tuple[tuple[Applied, ...], list[str]]] = []
    for placed in clusters:
        same = next((names for applied, names in groups if applied == placed.overrides), None)
        if same is not None:
            same.append(placed.cluster)
        elif placed.overrides:
            groups.append((placed.overrides, [placed.cluster]))
    for applied, names in groups:
        yield "\n".join([f"overrides in {', '.join(names)}:", *_rules(applied)])


def _rules(applied: Sequence[Applied]) -> Iterator[str]:
    for number, each in enumerate(applied, 1):
        yield f"{number}. {each.policy}: spec.overrideRules[{each.rule}]"
        if each.failed is not None:
            yield f"   fails: {each.failed.message}"
        elif not each.changes:
            yield "   changes nothing"
        yield from (f"   {_change(change)}" for change in each.changes)


def _change(change: Difference) -> str:
    return f"{change.field}: {shown(change.before)} -> {shown(change.after)}"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    return columns(rows) if len(rows) > 1 else ""


def as_data(found: Explanation) -> dict[str, Any]:
    """Return the same for programs."""
    resource = found.ref.resource
    governing, release = found.governing, found.release
    return {
        "object": {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "namespace": found.ref.namespace,
            "name": found.ref.name,
        },
        "neverPropagated": found.excluded,
        "policy": _policy(governing) if governing is not None else None,
        "otherPolicies": [_policy(each) for each in found.policies if each.verdict is not None],
        "scheduled": _verdict(found.scheduled),
        "affinityName": found.affinity,
        "requiredBy": [each.dump() for each in found.required_by],
        "evictions": [eviction.dump() for eviction in found.evictions],
        "clusters": [_cluster(each) for each in found.clusters],
        "release": (
            {"name": release.metadata.name, "status": release.status.dump()} if release is not None else None
        ),
    }


def _policy(policy: Contender) -> dict[str, Any]:
    named = {"kind": policy.kind, "namespace": policy.namespace, "name": policy.name}
    return named | (_verdict(policy.verdict) or {})


def _cluster(placed: Placed) -> dict[str, Any]:
    return {
        "name": placed.cluster,
        "placed": placed.target.dump() if placed.target is not None else None,
        "notPlaced": _verdict(placed.verdict),
        "copy": placed.result.dump() if placed.result is not None else None,
        "overrides": [_rule(each) for each in placed.overrides],
    }


def _rule(applied: Applied) -> dict[str, Any]:
    changes = [{"field": each.field, "before": each.before, "after": each.after} for each in applied.changes]
    return {
        "policy": applied.policy,
        "rule": applied.rule,
        "changes": changes,
        "failed": _verdict(applied.failed),
    }


def _verdict(verdict: Verdict | None) -> dict[str, str] | None:
    return {"reason": verdict.reason, "message": verdict.message} if verdict is not None else None
