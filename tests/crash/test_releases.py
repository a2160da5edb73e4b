"""Crash at every write of a batched release: whatever befalls the controller, no pod more than permitted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.player import FOR_EVER
from federation.controllers.gate import Gate
from policies.release.permission import Permission
from tests.crash.by_cluster import BY_CLUSTER
from tests.crash.deployments import pods, status_of
from tests.crash.harness import Run, Scenario
from tests.crash.incarnation import Violation
from tests.crash.releases import (
    ABORTED,
    NEW,
    OLD,
    RELEASE,
    RELEASES,
    REVERTED,
    SUPERSEDED,
    SUPERSEDED_AT_HALF,
    law,
)
from tests.crash.tap import Perturbation, Written
from tests.crash.test_crash import perturb_all
from tests.crash.world import World

WEB = "/apis/apps/v1/namespaces/NS/deployments/web"
SETTINGS = "/api/v1/namespaces/NS/configmaps/settings"
REVISIONS = "/apis/apps/v1/namespaces/NS/controllerrevisions"
ROLLOUTS = "/apis/federation.atoll.dev/v1alpha1/namespaces/NS/rollouts"
HARMS = (
    (
        RELEASE,
        (f"host POST {REVISIONS} #1", Perturbation.REWOUND),
        (f"m1 APPLY {WEB} #3", Perturbation.KILL_AFTER),
    ),
    (
        ABORTED,
        (f"host PATCH {ROLLOUTS}/web-1/status #1", Perturbation.STALE),
        (f"m2 APPLY {WEB} #3", Perturbation.KILL_BEFORE),
    ),
    (
        SUPERSEDED_AT_HALF,
        (f"host POST {ROLLOUTS} #2", Perturbation.KILL_AFTER),
        (f"m1 APPLY {WEB} #2", Perturbation.MISSED),
    ),
    (
        SUPERSEDED,
        (f"m2 APPLY {WEB} #1", Perturbation.KILL_BEFORE),
        (f"host PATCH {ROLLOUTS}/web-1/status #1", Perturbation.KILL_AFTER),
    ),
    (
        REVERTED,
        (f"host POST {REVISIONS} #1", Perturbation.KILL_AFTER),
        (f"host POST {ROLLOUTS} #1", Perturbation.REWOUND),
    ),
    (
        BY_CLUSTER,
        (f"m1 APPLY {SETTINGS} #1", Perturbation.KILL_BEFORE),
        (f"host PATCH {ROLLOUTS}/settings-1/status #2", Perturbation.KILL_AFTER),
    ),
)
"""A few harms of each scenario; half of them once went wrong."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("scenario", "first", "second"), HARMS, ids=[scenario.name for scenario, *_ in HARMS]
)
async def test_harm_at_some_writes_of_a_release_changes_nothing(
    world: World, scenario: Scenario, first: tuple[str, Perturbation], second: tuple[str, Perturbation]
) -> None:
    recorded = await Run(world, scenario).record()
    await perturb_all(world, scenario, recorded, [first, second])


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", [*RELEASES, BY_CLUSTER], ids=lambda scenario: scenario.name)
async def test_harm_at_any_write_of_a_release_changes_nothing(world: World, scenario: Scenario) -> None:
    recorded = await Run(world, scenario).record()
    await perturb_all(world, scenario, recorded, recorded.points())


# The law finds what it is there to find


async def test_a_controller_that_gives_more_than_it_noted_is_caught(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    permission = Gate.permission

    def generous(gate: Gate, *asked: Any) -> Any:
        may = permission(gate, *asked)
        more = isinstance(may, Permission) and may.updated is not None
        return may._replace(updated=may.updated + 1) if more else may

    monkeypatch.setattr(Gate, "permission", generous)
    with pytest.raises(Violation, match=r"m\d has 3 pods at nginx:1.28; permitted were 2"):
        await Run(world, RELEASE).record()


def test_a_run_that_goes_back_to_an_earlier_step_is_caught() -> None:
    steps = [_run(currentStep=step) for step in (1, 2, 1)]
    with pytest.raises(AssertionError, match=r"Rollout web-1 went through the steps \[1, 2, 1\]"):
        law([*REVISIONS_MADE, *steps], images=[])


def test_a_template_that_a_member_gets_a_second_time_is_caught() -> None:
    released = _run(clusters=[{"name": "m1", "state": "Released"}])
    given = [Written("m1", _deployment(image)) for image in (OLD, OLD, NEW, OLD)]
    law([*REVISIONS_MADE, released, *given[:3]], images=[(OLD, NEW)])
    with pytest.raises(AssertionError, match=r"m1 was given the images nginx:1.27, nginx:1.28, nginx:1.27"):
        law([*REVISIONS_MADE, released, *given], images=[(OLD, NEW)])


@pytest.mark.parametrize(
    ("before", "throttle", "after"),
    [
        ([], 1, {NEW: 4}),
        ([[OLD, 4]], None, {NEW: 4}),
        ([[OLD, 4]], 1, {OLD: 3, NEW: 1}),
        ([[OLD, 1], [NEW, 3]], 2, {OLD: 1, NEW: 3}),
        ([[OLD, 2], ["nginx:0", 2]], 3, {OLD: 1, NEW: 3}),
        ([[OLD, 4]], "50%", {OLD: 2, NEW: 2}),
    ],
    ids=["made", "unthrottled", "throttled", "never fewer", "newer first", "percentage"],
)
def test_the_played_controller_moves_as_many_pods_as_the_throttle_lets(
    before: list[list[object]], throttle: int | str | None, after: dict[str, int]
) -> None:
    live = _deployment(NEW, throttle)
    told = {"type": "Pods", "message": json.dumps(before)}
    live["status"] = {"conditions": [told]} if before else {}
    assert pods({"status": status_of(live)}) == after


def _revision(name: str, image: str) -> Written:
    template = {"spec": {"containers": [{"image": image}]}}
    return Written(
        "host", {"kind": "ControllerRevision", "metadata": {"name": name}, "data": {"template": template}}
    )


def _deployment(image: str, throttle: int | str | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"replicas": 4, "template": {"spec": {"containers": [{"image": image}]}}}
    if throttle is not None:
        spec["minReadySeconds"] = FOR_EVER
        spec["strategy"] = {"rollingUpdate": {"maxUnavailable": throttle, "maxSurge": 0}}
    return {"kind": "Deployment", "metadata": {"generation": 2}, "spec": spec}


def _run(**status: Any) -> Written:
    spec = {"targetRevision": "web-b", "stableRevision": "web-a"}
    return Written("host", {"kind": "Rollout", "metadata": {"name": "web-1"}, "spec": spec, "status": status})


REVISIONS_MADE = (_revision("web-a", OLD), _revision("web-b", NEW))
