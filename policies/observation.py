"""What the members' copies amount to: a binding's status, from what is known of each cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from policies import eviction
from policies.api.binding import BindingSpec, BindingStatus, ClusterResult
from policies.api.meta import Condition
from policies.requirements import conflict, suspended
from policies.verdicts import Verdict

Status = Literal["True", "False", "Unknown"]
SCHEDULED, APPLIED, HEALTHY = "Scheduled", "Applied", "Healthy"
SUSPENDED, EVICTING = "Suspended", "Evicting"
SETTINGS_DIFFER, DEPENDENCY_MISSING = "SettingsDiffer", "DependencyMissing"
"""Conditions that are there only while their status is True."""
_PLACED = frozenset({"Scheduled"})


class Stamp(NamedTuple):
    """When and of what generation a status is made: `now` in RFC 3339, for transition times."""

    generation: int
    now: str


def condition(
    before: Sequence[Condition], type_: str, status: Status, verdict: Verdict, stamp: Stamp
) -> Condition:
    """Return a condition whose transition time moves only when its status does (API conventions)."""
    last = next((c for c in before if c.type == type_), None)
    kept = last is not None and last.status == status and last.last_transition_time
    return Condition(
        type=type_,
        status=status,
        reason=verdict.reason,
        message=verdict.message,
        observed_generation=stamp.generation,
        last_transition_time=last.last_transition_time if last is not None and kept else stamp.now,
    )


def binding_status(
    spec: BindingSpec,
    placement: Verdict,
    results: Sequence[ClusterResult],
    before: BindingStatus,
    stamp: Stamp,
    missing: Verdict | None = None,
    past: Sequence[ClusterResult] = (),
) -> BindingStatus:
    """Return the status of a binding; equal inputs and an unchanged state give an equal status.

    :param missing: what the template names that is not on the host.
    :param past: of clusters that are no targets any more, to be kept on record.
    """
    results = _timed(results, before.clusters, stamp)
    scheduled: Status = "True" if placement.reason in _PLACED else "False"
    conditions = [
        condition(before.conditions, SCHEDULED, scheduled, placement, stamp),
        condition(before.conditions, APPLIED, *_applied(spec, results), stamp),
        condition(before.conditions, HEALTHY, *_healthy(results), stamp),
    ]
    passing = {
        EVICTING: eviction.told(spec.evictions),
        SUSPENDED: suspended(spec, [result.name for result in results]),
        SETTINGS_DIFFER: conflict(spec),
        DEPENDENCY_MISSING: missing,
    }
    conditions += [
        condition(before.conditions, type_, "True", verdict, stamp)
        for type_, verdict in passing.items()
        if verdict is not None
    ]
    return BindingStatus(
        observed_generation=stamp.generation,
        conditions=conditions,
        clusters=sorted([*results, *past], key=lambda result: result.name),
    )


def _timed(
    results: Sequence[ClusterResult], before: Sequence[ClusterResult], stamp: Stamp
) -> list[ClusterResult]:
    """Say since when copies are unhealthy. While a copy is out of sight, its time goes on."""
    since = {result.name: result.unhealthy_since for result in before}
    times = {"Unhealthy": stamp.now, "Unknown": None}
    return [
        result.model_copy(
            update={
                "unhealthy_since": (since.get(result.name) or times[result.health])
                if result.health in times
                else None
            }
        )
        for result in results
    ]


def _applied(spec: BindingSpec, results: Sequence[ClusterResult]) -> tuple[Status, Verdict]:
    if not spec.clusters:
        return "False", Verdict("NoClusters", "the template is placed on no cluster")
    failing = [result for result in results if not result.applied]
    if not failing:
        return "True", Verdict("AllApplied", f"{_of(len(results), results)} hold the present manifest")
    first = min(failing, key=lambda result: result.name)
    others = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
    return "False", Verdict(
        first.reason or "Pending",
        f"{_of(len(results) - len(failing), results)} hold the present manifest; {first.name}: "
        f"{first.message or 'waiting for the member'}{others}",
    )


def _healthy(results: Sequence[ClusterResult]) -> tuple[Status, Verdict]:
    by_health: Mapping[str, list[str]] = {
        health: sorted(result.name for result in results if result.health == health)
        for health in ("Unhealthy", "Unknown", "Progressing")
    }
    for health, names in by_health.items():
        if names:
            status: Status = "Unknown" if health == "Unknown" else "False"
            return status, Verdict(health, f"{health.lower()} in {', '.join(names[:5])}{_more(names[5:])}")
    if not results:
        return "Unknown", Verdict("NoClusters", "the template is placed on no cluster")
    return "True", Verdict("AllHealthy", f"healthy in {_of(len(results), results)}")


def _more(rest: Sequence[str]) -> str:
    return f" and {len(rest)} more" if rest else ""


def _of(count: int, results: Sequence[ClusterResult]) -> str:
    return f"{count}/{len(results)} clusters"
