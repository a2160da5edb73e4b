"""StatefulSets are released in steps: in their own order, within bounds, and past pods that never start."""

from __future__ import annotations

import pytest

from e2e.fleet import STATEFUL_SETS, Fleet
from e2e.releases import CRASHES, NEW, NEWER, OLD, Kind, Web, within_bounds
from e2e.scenarios import (
    HALF_THEN_ALL,
    TWO_THEN_ALL,
    goes_in_steps,
    is_mended_after_a_halt,
    is_scaled_in_mid_batch,
    is_superseded_in_mid_batch,
    is_taken_back_after_a_halt,
    kubectl_waits,
)

pytestmark = pytest.mark.timeout(300)

POLICIES = ["OrderedReady", "Parallel"]
SAMPLED = ["OrderedReady", pytest.param("Parallel", marks=pytest.mark.soak)]


def web_of(fleet: Fleet, namespace: str, policy: str = "OrderedReady", start: int = 0) -> Web:
    spec = {"serviceName": "web", "podManagementPolicy": policy, "ordinals": {"start": start}}
    return Web(fleet, namespace, Kind(STATEFUL_SETS, "replicas", "updatedReplicas", "readyReplicas", spec))


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_release_goes_in_steps_and_leaves_no_trace(fleet: Fleet, namespace: str, policy: str) -> None:
    web = web_of(fleet, namespace, policy)
    await goes_in_steps(web, [1, 5, 10])


async def test_kubectl_rollout_status_on_the_host_waits_for_the_whole_release(
    fleet: Fleet, namespace: str
) -> None:
    web = web_of(fleet, namespace)
    await web.begin(steps=HALF_THEN_ALL)
    await kubectl_waits(web, "complete")


@pytest.mark.parametrize("policy", SAMPLED)
async def test_a_crashing_revision_halts_the_release_and_an_abort_takes_it_back(
    fleet: Fleet, namespace: str, policy: str
) -> None:
    web = web_of(fleet, namespace, policy)
    await is_taken_back_after_a_halt(web, down=2)


async def test_a_failed_revision_is_rolled_back_of_itself(fleet: Fleet, namespace: str) -> None:
    web = web_of(fleet, namespace)
    await web.begin(steps=TWO_THEN_ALL, maxUnavailable=2, onFailure="Rollback")
    async with web.filmed() as footage:
        await web.change(NEW, fate=CRASHES)
        await web.reaches("RolledBack")
        await web.is_everywhere(OLD)
        await web.is_looked_at_again()
        assert await web.runs() == ["web-1"]
    within_bounds(footage, down=2)
    assert 1 <= footage.most(NEW) <= 2


@pytest.mark.parametrize("start", [pytest.param(0, marks=pytest.mark.soak), 5])
async def test_scaling_in_mid_batch_lets_no_pod_go(fleet: Fleet, namespace: str, start: int) -> None:
    web = web_of(fleet, namespace, start=start)
    await is_scaled_in_mid_batch(web)


async def test_a_newer_revision_in_mid_batch_stays_within_the_bounds(fleet: Fleet, namespace: str) -> None:
    web = web_of(fleet, namespace)
    await is_superseded_in_mid_batch(web)


@pytest.mark.parametrize("policy", SAMPLED)
async def test_a_mended_revision_takes_the_place_of_one_that_halted(
    fleet: Fleet, namespace: str, policy: str
) -> None:
    web = web_of(fleet, namespace, policy)
    await is_mended_after_a_halt(web)


async def test_a_revision_given_up_while_it_is_taken_back_is_in_nobodys_way(
    fleet: Fleet, namespace: str
) -> None:
    web = web_of(fleet, namespace)
    await web.begin(steps=TWO_THEN_ALL, maxUnavailable=1)
    async with web.filmed(runs={NEW: 1, NEWER: 2}) as footage:
        await web.change(NEW, fate=CRASHES)
        await web.reaches("Halted")
        await web.steer(1, abort="Rollback")
        await web.reaches("RollingBack")
        await web.change(NEWER)
        await web.reaches("Completed", number=2)
    assert footage.beyond == []
    await web.is_everywhere(NEWER)
