"""What is wanted changes while a release is under way: the revision, the replicas, the members, the run."""

from __future__ import annotations

import json
from functools import partial

import pytest

from e2e.fleet import Fleet
from e2e.releases import NEW, NEWER, OLD, ROLLOUTS, SHARES, Web, within_bounds
from federation.kube.resources import Manifest

pytestmark = pytest.mark.timeout(300)

HALF_THEN_ALL = [{"updated": "50%", "approval": "Manual"}, {"updated": "100%"}]


async def test_a_newer_revision_takes_the_place_of_one_that_is_half_out(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await web.begin(steps=HALF_THEN_ALL, maxUnavailable=2)
    async with web.filmed(runs={NEW: 1, NEWER: 2}) as footage:
        await web.change(NEW)
        await web.reaches("AwaitingApproval")
        before = len(footage.moments)
        await web.change(NEWER)
        await web.reaches("AwaitingApproval", number=2)
        await web.steer(2, approvedStep=1)
        await web.reaches("Completed", number=2)
    within_bounds(footage, down=2)
    for name in SHARES:
        counts = [moment.at(NEW, name) for moment in footage.moments[before:]]
        assert counts == sorted(counts, reverse=True), f"{name} was given more of what is superseded"
    assert (await web.reaches("Superseded"))["reason"] == "NewRevision"
    await web.is_everywhere(NEWER)


async def test_a_newer_revision_in_mid_batch_stays_within_the_bounds(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await web.begin(steps=[{"updated": "100%"}], maxUnavailable=2)
    async with web.filmed(runs={NEW: 1, NEWER: 2}) as footage:
        await web.change(NEW)
        await web.run(1, lambda status: status["permitted"] >= 4)
        await web.change(NEWER)
        await web.reaches("Completed", number=2)
    within_bounds(footage, down=2)
    await web.is_everywhere(NEWER)


async def test_a_workload_put_back_in_mid_run_is_rolled_back(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await web.begin(steps=HALF_THEN_ALL, maxUnavailable=1, rollback={"maxUnavailable": 1})
    async with web.filmed() as footage:
        await web.change(NEW)
        await web.run(1, lambda status: status["permitted"] >= 3)
        await web.change(OLD)
        back = await web.reaches("RolledBack")
        await web.is_everywhere(OLD)
    assert back["reason"] == "Reverted"
    within_bounds(footage, down=1 + 3)  # what was on its way, and one at a time in each cluster
    assert await web.runs() == ["web-1"]


async def test_scaling_in_mid_batch_lets_no_more_pods_go(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await web.begin(steps=[{"updated": "40%", "approval": "Manual"}, {"updated": "100%"}], maxUnavailable=2)
    async with web.filmed() as footage:
        await web.change(NEW)
        await web.reaches("AwaitingApproval")
        for replicas in (16, 6):
            await web.change(NEW, replicas=replicas)
            run = await web.run(1, partial(_is_scaled, replicas))
            assert footage.now(NEW) <= run["permitted"] <= -(-4 * replicas // 10) + len(SHARES)
        await web.verb("approve")
        await web.reaches("Completed")
    assert [entry for entry in footage.beyond if entry[2] > entry[3] + 1] == []
    await web.is_everywhere(NEW, {"m1": 3, "m2": 2, "m3": 1})


def _is_scaled(replicas: int, status: Manifest) -> bool:
    """Whether the run stands at its step with so many replicas, all of them ready."""
    waits = status["phase"] == "AwaitingApproval"
    return bool(waits and status["replicas"] == replicas and status.get("unavailable", 0) == 0)


@pytest.mark.parametrize(
    ("edit", "restored"),
    [
        ({"strategy": {"rollingUpdate": {"maxUnavailable": 5}}}, {"maxUnavailable": 1, "maxSurge": 0}),
        ({"minReadySeconds": 0}, {"maxUnavailable": 1, "maxSurge": 0}),
    ],
    ids=["maxUnavailable", "minReadySeconds"],
)
async def test_what_holds_a_batch_is_put_back_when_somebody_edits_it_in_a_member(
    fleet: Fleet, namespace: str, edit: dict[str, object], restored: dict[str, int]
) -> None:
    web = Web(fleet, namespace)
    await web.begin(steps=[{"updated": 2, "approval": "Manual"}, {"updated": "100%"}], maxUnavailable=2)
    async with web.filmed():
        await web.change(NEW)
        await web.reaches("AwaitingApproval")
        held = (await web.copy("m1", bool))["spec"]
        patch = ("patch", "deployment/web", "--type=merge", "--patch", json.dumps({"spec": edit}))
        await fleet.kubectl("m1", "-n", namespace, *patch)
        await web.copy("m1", lambda d: d is not None and d["spec"] == held)
    assert held["strategy"]["rollingUpdate"] == restored


async def test_a_deleted_rollout_lets_nothing_more_go(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await web.begin(steps=HALF_THEN_ALL, maxUnavailable=2)
    async with web.filmed() as footage:
        await web.change(NEW)
        await web.reaches("AwaitingApproval")
        assert footage.now(NEW) == 5
        await fleet.host.delete(ROLLOUTS, "web-1", namespace)
        await web.is_looked_at_again()
        assert footage.most(NEW) == 5
    within_bounds(footage, down=2)
