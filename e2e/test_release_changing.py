"""What is wanted changes while a release is under way: the revision, the replicas, the members, the run."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from e2e.fleet import Fleet
from e2e.pods import Footage
from e2e.releases import (
    DONE,
    NEW,
    NEWER,
    OLD,
    ROLLOUT_POLICIES,
    ROLLOUTS,
    SHARES,
    Web,
    within_bounds,
)
from e2e.scenarios import HALF_THEN_ALL, is_superseded_half_out, is_superseded_in_mid_batch
from federation.kube.resources import Manifest, Resource
from tests.federated import eventually

pytestmark = pytest.mark.timeout(300)

REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")


async def test_a_newer_revision_takes_the_place_of_one_that_is_half_out(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await is_superseded_half_out(web)


async def test_a_newer_revision_in_mid_batch_stays_within_the_bounds(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await is_superseded_in_mid_batch(web)


async def test_changes_of_mind_in_a_row_end_with_the_last_and_never_take_more_down(
    fleet: Fleet, namespace: str
) -> None:
    web = Web(fleet, namespace)
    await web.begin(batches=2, maxUnavailable=2, rollback={"maxUnavailable": 1})
    async with web.filmed(runs={}) as footage:
        for number in range(2, 8):
            await web.change(_image(number))
            await eventually(_gone_to(footage, number), lambda: str(footage.moments[-1:]), DONE)
        await web.is_everywhere(_image(7))
        await web.run(len(await web.runs()), lambda status: status["phase"] == "Completed")
    assert footage.fewest_ready >= 8


def _image(number: int) -> str:
    return OLD.rpartition(":")[0] + f":{number}"


def _gone_to(footage: Footage, number: int) -> Callable[[], Awaitable[bool]]:
    """Whether a revision has gone to so many pods that the next one meets it on its way."""

    async def gone() -> bool:
        return footage.now(_image(number)) >= 1 + number % 3

    return gone


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
            run = await web.run(1, partial(_is_scaled, replicas, footage))
            assert footage.now(NEW) <= run["permitted"] <= -(-4 * replicas // 10) + len(SHARES)
        await web.steer(1, approvedStep=1)  # a pod that is not ready for a moment is no matter to it
        await web.reaches("Completed")
    assert [entry for entry in footage.beyond if entry[2] > entry[3] + 1] == []
    await web.is_everywhere(NEW, {"m1": 3, "m2": 2, "m3": 1})


def _is_scaled(replicas: int, footage: Footage, status: Manifest) -> bool:
    """Whether the run stands at its step with so many replicas, and that is how many pods there are."""
    waits = status["phase"] == "AwaitingApproval" and status.get("unavailable", 0) == 0
    return bool(waits and status["replicas"] == footage.pods_there == replicas)


async def test_what_holds_a_batch_is_put_back_when_somebody_edits_it_in_a_member(
    fleet: Fleet, namespace: str
) -> None:
    web = Web(fleet, namespace)
    await web.begin(steps=[{"updated": 2, "approval": "Manual"}, {"updated": "100%"}], maxUnavailable=2)
    async with web.filmed() as footage:
        await web.change(NEW)
        await web.reaches("AwaitingApproval")
        for edit in ({"strategy": {"rollingUpdate": {"maxUnavailable": 2}}}, {"minReadySeconds": 0}):
            held = (await web.copy("m1", bool))["spec"]
            await fleet.kubectl(
                "m1", "-n", namespace, "patch", web.name, "--patch", json.dumps({"spec": edit})
            )
            await eventually(partial(_is_put_back, web, held, footage), partial(str, held), DONE)
        begun = footage.now(NEW)
        await web.is_looked_at_again()
        assert footage.now(NEW) == begun
    assert {cluster for cluster, *_ in footage.beyond} <= {"m1"}


async def _is_put_back(web: Web, held: Manifest, footage: Footage) -> bool:
    """Whether m1 holds its batch again, together with the pods that went meanwhile."""
    live = await web.copy("m1", bool)
    if live["status"].get("observedGeneration") != live["metadata"]["generation"]:
        return False
    settled = [
        each.get("status", {}).get("replicas", 0) == each["spec"]["replicas"]
        async for page in web.fleet.members["m1"].api.list(REPLICA_SETS, namespace=web.namespace)
        for each in page.items
    ]
    spec = live["spec"]
    bound = spec["strategy"]["rollingUpdate"]["maxUnavailable"]
    as_before = spec | {"strategy": None} == held | {"strategy": None}
    return all(settled) and as_before and bound == footage.now(NEW, "m1")


@pytest.mark.parametrize("before", [0, 1], ids=["first", "second"])
async def test_a_run_that_is_deleted_lets_nothing_more_go_and_the_next_takes_the_pods_in(
    fleet: Fleet, namespace: str, before: int
) -> None:
    web, last = Web(fleet, namespace), before + 1
    await web.begin(steps=HALF_THEN_ALL, maxUnavailable=2)
    if before:
        await web.change(NEWER)
        await web.reaches("AwaitingApproval")
        await web.steer(1, approvedStep=2, promote=True)
        await web.reaches("Completed")
    async with web.filmed(runs={NEW: last}) as footage:
        await web.change(NEW)
        await web.reaches("AwaitingApproval", number=last)
        assert footage.now(NEW) == 5
        await fleet.host.delete(ROLLOUTS, f"web-{last}", namespace)
        await web.reaches("AwaitingApproval", number=last)
        await web.is_looked_at_again()
        assert footage.most(NEW) == footage.now(NEW) == 5
        await web.verb("approve")
        await web.reaches("Completed", number=last)
    within_bounds(footage, down=2)
    await web.is_everywhere(NEW)


async def test_a_run_whose_policy_is_deleted_holds_until_there_is_one_again(
    fleet: Fleet, namespace: str
) -> None:
    web = Web(fleet, namespace)
    await web.begin(steps=HALF_THEN_ALL)
    async with web.filmed() as footage:
        await web.change(NEW)
        await web.reaches("AwaitingApproval")
        await fleet.host.delete(ROLLOUT_POLICIES, "steps", namespace)
        held = await web.run(1, lambda status: status["reason"] == "PolicyMissing")
        await web.steer(1, approvedStep=1)
        await web.is_looked_at_again()
        assert (await web.reaches("Paused"))["permitted"] == held["permitted"]
        await web.govern(batches=1)
        await web.reaches("Completed")
    within_bounds(footage, down=5)


async def test_what_went_out_without_a_policy_is_not_taken_back_by_one_that_comes_again(
    fleet: Fleet, namespace: str
) -> None:
    web = Web(fleet, namespace)
    await web.begin(batches=2)
    await web.change(NEW)
    await web.reaches("Completed")
    await fleet.host.delete(ROLLOUT_POLICIES, "steps", namespace)
    await web.change(NEWER)
    await web.is_everywhere(NEWER)
    async with web.filmed(runs={}) as footage:
        await web.govern(batches=2)
        for name in SHARES:
            await web.copy(name, lambda d: bool(d and _says(d)))
        await web.is_looked_at_again()
    assert not any(moment.at(NEW) for moment in footage.moments)
    assert await web.runs() == ["web-1"]
    await web.change(OLD)
    await web.reaches("Completed", number=2)
    await web.is_everywhere(OLD)


def _says(live: Manifest) -> str:
    """What a copy says it was permitted."""
    said: str = live["metadata"]["annotations"].get("federation.atoll.dev/release", "")
    return said
