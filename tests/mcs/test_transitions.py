"""What is told as an Event when conditions change."""

from __future__ import annotations

import pytest

from mcs.transitions import transitions
from policies.api.meta import Condition, Manifest
from policies.observation import Status
from policies.release.news import News

WELL: dict[str, tuple[Status, str]] = {
    "Valid": ("True", "Valid"),
    "Ready": ("True", "Exported"),
    "Conflict": ("False", "NoConflicts"),
}
BAD: dict[str, tuple[Status, str]] = {
    "Valid": ("False", "NoService"),
    "Ready": ("False", "Failed"),
    "Conflict": ("True", "PortConflict"),
}


def a(type_: str, status: Status, reason: str) -> Condition:
    return Condition(
        type=type_, status=status, reason=reason, message=f"about {reason}", last_transition_time="t"
    )


def having(*conditions: Condition) -> Manifest:
    return {"status": {"conditions": [each.dump() for each in conditions]}}


def test_what_is_well_from_its_beginning_is_no_news() -> None:
    assert not [*transitions({}, having(*(a(type_, *WELL[type_]) for type_ in WELL)))]


def test_what_waits_from_its_beginning_is_no_news() -> None:
    assert not [*transitions({}, having(a("Ready", "False", "Pending")))]


def test_what_stays_is_no_news() -> None:
    bad = [a(type_, *BAD[type_]) for type_ in BAD]
    assert not [*transitions(having(*bad), having(*bad))]


@pytest.mark.parametrize("type_", WELL)
def test_what_is_bad_is_a_warning_at_once_and_later(type_: str) -> None:
    bad, well = a(type_, *BAD[type_]), a(type_, *WELL[type_])
    warning = News("Warning", bad.reason, bad.message)
    assert [*transitions({}, having(bad))] == [warning]
    assert [*transitions(having(well), having(bad))] == [warning]


@pytest.mark.parametrize("type_", WELL)
def test_what_is_well_again_is_told(type_: str) -> None:
    bad, well = a(type_, *BAD[type_]), a(type_, *WELL[type_])
    assert [*transitions(having(bad), having(well))] == [News("Normal", well.reason, well.message)]


def test_what_concerns_all_imports_from_a_cluster_is_not_told_on_each() -> None:
    gone, back = (
        a("SourcesAvailable", "False", "ClusterUnreachable"),
        a("SourcesAvailable", "True", "Reachable"),
    )
    assert not [*transitions({}, having(gone))]
    assert not [*transitions(having(gone), having(back))]
    assert not [*transitions(having(back), having(gone))]


def test_another_reason_is_news() -> None:
    ports, types = a("Conflict", "True", "PortConflict"), a("Conflict", "True", "TypeConflict")
    assert [*transitions(having(ports), having(types))] == [News("Warning", "TypeConflict", types.message)]


def test_what_was_well_and_waits_is_told_without_a_warning() -> None:
    pending = a("Ready", "False", "Pending")
    before = having(a("Ready", "True", "Exported"))
    assert [*transitions(before, having(pending))] == [News("Normal", "Pending", pending.message)]


def test_each_condition_is_told_by_itself() -> None:
    before = having(*(a(type_, *WELL[type_]) for type_ in WELL))
    after = [a(type_, *BAD[type_]) for type_ in BAD]
    assert [each.reason for each in transitions(before, having(*after))] == [
        "NoService",
        "Failed",
        "PortConflict",
    ]
