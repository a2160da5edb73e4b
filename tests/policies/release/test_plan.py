"""What a release would do, told before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from policies.api.rollout_policy import RolloutStrategy
from policies.release.plan import Plan, plan

THREE = {"a": 50, "b": 30, "c": 20}


def strategy(*updated: int | str, **fields: Any) -> RolloutStrategy:
    steps = [{"updated": each} for each in updated]
    return RolloutStrategy.model_validate({"steps": steps, **fields})


def targets(planned: Plan) -> list[tuple[int, ...]]:
    """Pods at the new revision after each step, by cluster in order of names."""
    return [tuple(step.targets[name] for name in sorted(step.targets)) for step in planned.steps]


@pytest.mark.parametrize(
    ("sizes", "updated", "expected"),
    [
        (THREE, ["10%", "20%", "100%"], [(5, 3, 2), (10, 6, 4), (50, 30, 20)]),
        ({"a": 2, "b": 3}, [1, 3, "100%"], [(0, 1), (1, 2), (2, 3)]),
        (
            {"a": 3, "b": 3, "c": 1},
            ["10%", "30%", "50%", "100%"],
            [(1, 0, 0), (2, 1, 0), (2, 2, 0), (3, 3, 1)],
        ),
        (
            {"a": 150, "b": 100, "c": 10},
            ["1%", "5%", "20%", "100%"],
            [(2, 1, 0), (8, 5, 0), (30, 20, 2), (150, 100, 10)],
        ),
    ],
)
def test_pods_are_shared_out_by_replicas(
    sizes: dict[str, int], updated: Sequence[int | str], expected: list[tuple[int, ...]]
) -> None:
    assert targets(plan(strategy(*updated), sizes)) == expected


def test_ten_clusters_of_one_pod_are_released_a_few_at_a_time() -> None:
    ten = {f"m{number}": 1 for number in range(10)}
    planned = plan(strategy(1, 3, 5, 7, "100%"), ten)
    assert [step.total for step in planned.steps] == [1, 3, 5, 7, 10]


def test_in_order_one_cluster_is_filled_after_the_other() -> None:
    planned = plan(strategy("10%", "60%", "100%", distribution="Ordered", clusterOrder=["c"]), THREE)
    assert targets(planned) == [(0, 0, 10), (40, 0, 20), (50, 30, 20)]


def test_per_cluster_each_gets_its_share_rounded_up() -> None:
    planned = plan(strategy("10%", "100%", distribution="PerCluster"), {"a": 50, "b": 1, "c": 5})
    assert targets(planned) == [(5, 1, 1), (50, 1, 5)]


def test_a_step_with_a_scope_leaves_other_clusters_alone() -> None:
    planned = plan(strategy("100%", "50%", "100%"), THREE, [frozenset("c"), None, None])
    assert targets(planned) == [(0, 0, 20), (19, 11, 20), (50, 30, 20)]


def test_batches_are_steps_of_equal_size() -> None:
    planned = plan(RolloutStrategy(batches=4), THREE)
    assert [step.total for step in planned.steps] == [25, 50, 75, 100]


def test_waves_are_counted() -> None:
    planned = plan(strategy("100%", maxUnavailable=10), {"a": 40})
    assert planned.steps[0].waves == 4
    assert planned.max_unavailable == 10


def test_bakes_and_approvals_do_not_hold_a_plan_up() -> None:
    steps = [{"updated": "10%", "bakeSeconds": 600, "approval": "Manual"}, {"updated": "100%"}]
    planned = plan(RolloutStrategy.model_validate({"steps": steps}), THREE)
    assert [step.total for step in planned.steps] == [10, 100]
    assert planned.steps[0].step.bake_seconds == 600


def test_nothing_to_release_is_a_plan_of_nothing() -> None:
    assert targets(plan(strategy("50%", "100%"), {"a": 0})) == [(0,), (0,)]
    assert targets(plan(strategy("50%", "100%"), {})) == [(), ()]


@pytest.mark.parametrize(
    ("sizes", "planned", "note"),
    [
        ({"a": 7}, strategy("100%", maxUnavailable="10%"), "maxUnavailable 10% of 7 rounds to 1"),
        (
            THREE,
            strategy("10%", "100%"),
            "maxUnavailable is not set: 90, which is what the largest step adds",
        ),
        (
            {"a": 9, "b": 1},
            strategy("100%", maxUnavailable=2),
            "all pods of cluster b may be down at a time: maxUnavailablePerCluster 50% is 1 at least",
        ),
        ({"a": 4, "b": 3}, strategy("10%", "12%", 1, "100%"), "steps 2, 3 add no pod"),
        (THREE, strategy("35%"), "the steps end at 35 of 100 pods: a last one to 100% is added"),
    ],
)
def test_what_may_surprise_is_noted(sizes: dict[str, int], planned: RolloutStrategy, note: str) -> None:
    assert note in plan(planned, sizes).notes


def test_a_step_about_clusters_elsewhere_is_noted() -> None:
    planned = plan(strategy("100%", "100%"), THREE, [frozenset({"far"}), None])
    assert "step 1 is about no cluster that the workload is placed on: it is passed over" in planned.notes


def test_a_strategy_without_surprises_has_no_notes() -> None:
    assert plan(strategy("10%", "100%", maxUnavailable="10%"), THREE).notes == []
