"""What people are told of a release."""

from __future__ import annotations

from typing import Any

import pytest

from policies.api.rollout import RolloutCluster, RolloutStatus, RolloutStepStatus
from policies.release.news import news

RELEASING = RolloutStatus(
    phase="Releasing",
    current_step=1,
    step="1/2",
    replicas=10,
    target=2,
    steps=[RolloutStepStatus(name="canary", target=2)],
    clusters=[RolloutCluster(name="a", state="Releasing", permitted=1), RolloutCluster(name="b")],
)


def after(**changes: Any) -> list[tuple[str, str, str]]:
    return [tuple(each) for each in news(RELEASING, RELEASING.model_copy(update=changes))]


def test_nothing_happened_when_only_counts_moved() -> None:
    assert after(updated=1, updated_ready=1) == []


def test_a_run_that_begins_tells_its_step_and_what_is_permitted() -> None:
    assert [tuple(each) for each in news(RolloutStatus(), RELEASING)] == [
        (
            "Normal",
            "StepStarted",
            "step 1/2 (canary): 2 of 10 pods at the new revision; permitted in a 0 to 1",
        )
    ]


def test_one_event_tells_a_wave_of_all_clusters() -> None:
    clusters = [RolloutCluster(name=name, state="Releasing", permitted=3) for name in "ab"]
    assert after(clusters=clusters) == [("Normal", "WavePermitted", "permitted in a 1 to 3, b 0 to 3")]


@pytest.mark.parametrize(
    ("phase", "type_", "reason"),
    [
        ("Halted", "Warning", "Halted"),
        ("RollingBack", "Warning", "RollbackStarted"),
        ("Completed", "Normal", "Completed"),
        ("AwaitingApproval", "Normal", "AwaitingApproval"),
    ],
)
def test_a_phase_is_told_with_its_reason(phase: str, type_: str, reason: str) -> None:
    assert after(phase=phase, reason="Why", message="because") == [(type_, reason, "Why: because")]


def test_a_cluster_that_is_left_out_and_taken_in_again_is_told() -> None:
    out = [RolloutCluster(name="a", state="Releasing", permitted=1, left_out="Skipped")]
    (skipped,) = after(clusters=out)
    assert skipped == ("Warning", "ClusterSkipped", "a is left out: Skipped")
    before = RELEASING.model_copy(update={"clusters": out})
    assert [each.reason for each in news(before, RELEASING)] == ["ClusterCaughtUp"]
