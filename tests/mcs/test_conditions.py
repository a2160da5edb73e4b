"""Conditions of a ServiceExport: KEP-1645, and the conventions of the API."""

from __future__ import annotations

from typing import Any

import pytest

from mcs.api.service import ServiceTraits
from mcs.api.service_set import ServiceSetSpec, SetCluster, SetConflict
from mcs.conditions import contention, export_conditions, readiness
from policies.api.meta import Condition, Manifest
from policies.verdicts import Verdict

VALID, READY, NO_CONFLICTS = Verdict("Valid", ""), Verdict("Exported", "there"), Verdict("NoConflicts", "")
NO_SERVICE = Verdict("NoService", "none")
PENDING, FAILED = Verdict("Pending", "away"), Verdict("Failed", "refused")
THEN, NOW = "2026-11-22T00:00:00Z", "2026-11-22T01:00:00Z"


def export(*conditions: Condition, generation: int = 1, others: tuple[Manifest, ...] = ()) -> Manifest:
    found = [*others, *(each.dump() for each in conditions)]
    return {"metadata": {"generation": generation}, "status": {"conditions": found}}


def written(before: Manifest, *verdicts: Verdict, now: str = NOW) -> dict[str, Condition]:
    found = export_conditions(before, *verdicts, now)
    assert found is not None
    return {each.type: each for each in found}


def told(*verdicts: Verdict, now: str = THEN) -> list[Condition]:
    return list(written(export(), *verdicts, now=now).values())


def a_set(*clusters: str, conflicts: tuple[SetConflict, ...] = ()) -> ServiceSetSpec:
    return ServiceSetSpec(
        namespace="shop",
        name="web",
        service=ServiceTraits(type="ClusterSetIP"),
        clusters=[SetCluster(name=name, export_creation_timestamp=THEN) for name in clusters],
        conflicts=list(conflicts),
    )


def test_a_first_status_has_all_three() -> None:
    found = written(export(), VALID, READY, NO_CONFLICTS)
    assert {each.type: (each.status, each.reason) for each in found.values()} == {
        "Valid": ("True", "Valid"),
        "Ready": ("True", "Exported"),
        "Conflict": ("False", "NoConflicts"),
    }
    assert {each.last_transition_time for each in found.values()} == {NOW}
    assert {each.observed_generation for each in found.values()} == {1}


@pytest.mark.parametrize(
    ("verdicts", "statuses"),
    [
        ((NO_SERVICE, PENDING, NO_CONFLICTS), ("False", "False", "False")),
        ((Verdict("InvalidServiceType", ""), PENDING, NO_CONFLICTS), ("False", "False", "False")),
        ((VALID, FAILED, NO_CONFLICTS), ("True", "False", "False")),
        ((VALID, READY, Verdict("PortConflict,TypeConflict", "x")), ("True", "True", "True")),
    ],
)
def test_reasons_have_the_status_of_the_standard(
    verdicts: tuple[Verdict, ...], statuses: tuple[str, ...]
) -> None:
    found = written(export(), *verdicts)
    assert tuple(found[each].status for each in ("Valid", "Ready", "Conflict")) == statuses


def test_nothing_is_written_where_nothing_changed() -> None:
    assert (
        export_conditions(export(*told(VALID, READY, NO_CONFLICTS)), VALID, READY, NO_CONFLICTS, NOW) is None
    )


def test_conditions_of_others_are_no_reason_to_write() -> None:
    other: dict[str, Any] = {"type": "example.com/Synced", "status": "True"}
    before = export(*told(VALID, READY, NO_CONFLICTS), others=(other,))
    assert export_conditions(before, VALID, READY, NO_CONFLICTS, NOW) is None


def test_a_transition_time_moves_only_with_its_status() -> None:
    before = export(*told(VALID, PENDING, NO_CONFLICTS))
    found = written(before, VALID, READY, NO_CONFLICTS)
    assert {each.type: each.last_transition_time for each in found.values()} == {
        "Valid": THEN,
        "Ready": NOW,
        "Conflict": THEN,
    }
    assert written(before, VALID, FAILED, NO_CONFLICTS)["Ready"].last_transition_time == THEN


def test_another_generation_is_observed() -> None:
    before = export(*told(VALID, READY, NO_CONFLICTS), generation=2)
    found = written(before, VALID, READY, NO_CONFLICTS)
    assert {(each.observed_generation, each.last_transition_time) for each in found.values()} == {(2, THEN)}


@pytest.mark.parametrize(
    ("before", "valid", "failure", "reason"),
    [
        ((), VALID, None, "Exported"),
        ((), NO_SERVICE, None, "Pending"),
        ((), NO_SERVICE, FAILED, "Pending"),
        ((), VALID, PENDING, "Pending"),
        ((), VALID, FAILED, "Failed"),
        (told(VALID, FAILED, NO_CONFLICTS), VALID, PENDING, "Pending"),
        (told(VALID, READY, NO_CONFLICTS), VALID, PENDING, "Exported"),
        (told(VALID, READY, NO_CONFLICTS), VALID, FAILED, "Failed"),
        (told(VALID, READY, NO_CONFLICTS), NO_SERVICE, None, "Pending"),
    ],
)
def test_ready_falls_by_a_refusal_or_an_invalid_export_not_because_the_host_is_away(
    before: list[Condition], valid: Verdict, failure: Verdict | None, reason: str
) -> None:
    assert readiness("m1", export(*before), valid, failure).reason == reason


PORTS = SetConflict(reason="PortConflict", message="ports differ")
TYPES = SetConflict(reason="TypeConflict", message="types differ")
CONFLICTING = Verdict("PortConflict", "ports differ")


@pytest.mark.parametrize(
    ("before", "valid", "found", "reason"),
    [
        ((), VALID, a_set("m1", "m2"), "NoConflicts"),
        ((), VALID, a_set("m1", "m2", conflicts=(PORTS, TYPES)), "PortConflict,TypeConflict"),
        (told(VALID, READY, CONFLICTING), VALID, a_set("m1"), "NoConflicts"),
        ((), VALID, None, "NoConflicts"),
        ((), VALID, a_set("m2", conflicts=(PORTS,)), "NoConflicts"),
        (told(VALID, READY, CONFLICTING), VALID, None, "PortConflict"),
        (told(VALID, READY, CONFLICTING), VALID, a_set("m2"), "PortConflict"),
        (told(VALID, READY, CONFLICTING), NO_SERVICE, a_set("m1", conflicts=(PORTS,)), "NoConflicts"),
    ],
)
def test_conflict_is_what_the_set_says_and_stays_while_the_set_does_not_name_the_cluster(
    before: list[Condition], valid: Verdict, found: ServiceSetSpec | None, reason: str
) -> None:
    assert contention("m1", export(*before), valid, found).reason == reason
