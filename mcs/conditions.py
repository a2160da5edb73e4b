"""Conditions of a ServiceExport: pure. Types and reasons are those of KEP-1645."""

from __future__ import annotations

from mcs.api.service_set import ServiceSetSpec
from mcs.conflicts import NO_CONFLICTS, conflict
from policies.api.meta import Condition, Manifest
from policies.observation import Stamp, Status, condition
from policies.verdicts import Verdict

VALID, READY, CONFLICT = "Valid", "Ready", "Conflict"
_TRUE = frozenset({"Valid", "Exported"})


def export_conditions(
    export: Manifest, valid: Verdict, ready: Verdict, conflicting: Verdict, now: str
) -> list[Condition] | None:
    """Return the conditions Valid, Ready and Conflict of a ServiceExport; None if it has just these.

    :param now: in RFC 3339, for what changes its status
    """
    before = _before(export)
    stamp = Stamp(export["metadata"].get("generation", 0), now)
    after = [
        condition(before, VALID, _status(valid), valid, stamp),
        condition(before, READY, _status(ready), ready, stamp),
        condition(before, CONFLICT, _conflict_status(conflicting), conflicting, stamp),
    ]
    return None if all(each in before for each in after) else after


def readiness(cluster: str, export: Manifest, valid: Verdict, failure: Verdict | None) -> Verdict:
    """Return what Ready says.

    What was exported and waits for the host stays Ready: the other clusters have what they had.

    :param failure: why the host does not have what it is to have; Pending where that passes by itself
    """
    if valid.reason != "Valid":
        return Verdict("Pending", "nothing is exported until the condition Valid is True")
    last = _last(export, READY)
    stays = last is not None and last.status == "True"
    if failure is None or (failure.reason == "Pending" and stays):
        return Verdict("Exported", f"exported by cluster {cluster}")
    return failure


def contention(cluster: str, export: Manifest, valid: Verdict, found: ServiceSetSpec | None) -> Verdict:
    """Return what Conflict says (E8): the same on every export of a set.

    Where the set does not name the cluster yet, or not any more, the condition stays as it was.
    """
    if valid.reason == "Valid":
        if found is not None and any(each.name == cluster for each in found.clusters):
            return conflict(found)
        if (last := _last(export, CONFLICT)) is not None:
            return Verdict(last.reason, last.message)
    return NO_CONFLICTS


def _status(verdict: Verdict) -> Status:
    return "True" if verdict.reason in _TRUE else "False"


def _conflict_status(verdict: Verdict) -> Status:
    return "False" if verdict.reason == NO_CONFLICTS.reason else "True"


def _before(export: Manifest) -> list[Condition]:
    found = (export.get("status") or {}).get("conditions") or ()
    return [Condition.model_validate(each) for each in found if each["type"] in (VALID, READY, CONFLICT)]


def _last(export: Manifest, type_: str) -> Condition | None:
    return next((each for each in _before(export) if each.type == type_), None)
