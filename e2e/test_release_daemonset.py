"""DaemonSets in steps over three members: their own controllers replace nothing, the host deletes pods."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest

from e2e.fleet import Fleet
from e2e.kills import kills_of
from e2e.releases import DONE, NEW, OLD, Kind, Web, within_bounds
from e2e.scenarios import (
    FOUR_THEN_ALL,
    counts_a_node_that_comes,
    gains_nothing_from_a_node_that_goes,
    goes_in_steps,
    halts_at_a_crash,
    is_superseded_in_mid_batch,
    mends_what_is_broken,
)
from federation.controllers.examination import PACE
from federation.kube.resources import Manifest
from tests.federated import DAEMONSETS

pytestmark = pytest.mark.timeout(300)

DAEMONSET = Kind(DAEMONSETS, "desiredNumberScheduled", "updatedNumberScheduled", "numberReady", divided=False)
SURGING = replace(
    DAEMONSET, spec={"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": "50%"}}}
)
NODES = {"m1": 3, "m2": 3, "m3": 3}
ONE_BY_ONE = [{"updated": pods} for pods in range(1, 10)]
KILLED = 2 * DONE
"""Seconds in which a release is done by controllers that live about a second each."""


def web_of(fleet: Fleet, namespace: str, kind: Kind = DAEMONSET) -> Web:
    """The DaemonSet `web`, with a pod on each node."""
    return Web(fleet, namespace, kind, NODES)


@pytest.mark.parametrize("kind", [DAEMONSET, SURGING], ids=["by default", "surging"])
async def test_a_release_goes_in_steps_and_leaves_no_trace(fleet: Fleet, namespace: str, kind: Kind) -> None:
    web = web_of(fleet, namespace, kind)
    await goes_in_steps(web, [1, 5, 9])
    await fleet.kubectl("host", "-n", namespace, "rollout", "status", web.name, "--timeout=30s")


async def test_no_wave_waits_for_the_next_look_at_pods(fleet: Fleet, namespace: str) -> None:
    web = web_of(fleet, namespace)
    await web.begin(steps=ONE_BY_ONE, maxUnavailable=1)
    async with web.filmed() as footage:
        await web.change(NEW)
        run = await web.reaches("Completed")
    within_bounds(footage, down=1, ready=9)
    begun, ended = (datetime.fromisoformat(run[field]) for field in ("startTime", "endTime"))
    assert (ended - begun).total_seconds() < 9 * PACE / 2


async def test_a_return_to_an_older_template_is_released_in_steps_as_well(
    fleet: Fleet, namespace: str
) -> None:
    web = web_of(fleet, namespace)
    await web.begin(batches=3, maxUnavailable=3)
    await web.change(NEW)
    await web.reaches("Completed")
    async with web.filmed(runs={OLD: 2}) as footage:
        await web.change(OLD)
        await web.reaches("Completed", number=2)
    within_bounds(footage, down=3, ready=9)
    await web.is_everywhere(OLD)


async def test_a_newer_revision_in_mid_batch_stays_within_the_bounds(fleet: Fleet, namespace: str) -> None:
    web = web_of(fleet, namespace)
    await is_superseded_in_mid_batch(web)


async def test_a_crashing_revision_halts_the_release_and_an_abort_takes_it_back(
    fleet: Fleet, namespace: str
) -> None:
    web = web_of(fleet, namespace)
    await halts_at_a_crash(web)


async def test_what_is_broken_can_be_mended_by_a_release(fleet: Fleet, namespace: str) -> None:
    web = web_of(fleet, namespace)
    await mends_what_is_broken(web)


async def test_the_pod_of_a_node_that_comes_in_mid_batch_is_counted(fleet: Fleet, namespace: str) -> None:
    web = web_of(fleet, namespace)
    await counts_a_node_that_comes(web)


async def test_a_node_that_goes_in_mid_batch_frees_nothing(fleet: Fleet, namespace: str) -> None:
    web = web_of(fleet, namespace)
    await gains_nothing_from_a_node_that_goes(web)


@pytest.mark.soak
async def test_kills_of_the_controller_let_no_more_pods_go(fleet: Fleet, namespace: str) -> None:
    web = web_of(fleet, namespace)
    await web.begin(steps=ONE_BY_ONE, maxUnavailable=1)
    async with web.filmed() as footage, kills_of(fleet, footage, NEW) as kills:
        await web.change(NEW)
        await web.reaches("Completed", seconds=KILLED)
    assert len(kills) >= 3
    within_bounds(footage, down=1, ready=9)
    await web.is_everywhere(NEW)
    assert await web.runs() == ["web-1"]


async def test_while_it_waits_in_a_batch_it_is_progressing_and_kubectl_waits(
    fleet: Fleet, namespace: str
) -> None:
    web = web_of(fleet, namespace)
    await web.begin(steps=FOUR_THEN_ALL, maxUnavailable=2)
    await web.change(NEW)
    waiting = asyncio.create_task(
        fleet.kubectl("host", "-n", namespace, "rollout", "status", web.name, f"--timeout={DONE:.0f}s")
    )
    await web.reaches("AwaitingApproval")
    binding = await fleet.binding(DAEMONSETS, "web", namespace, lambda b: b and _health(b) == {"Progressing"})
    assert binding["status"]["clusters"]
    assert not waiting.done()
    await web.verb("approve")
    assert "successfully rolled out" in await waiting
    await web.is_everywhere(NEW)


def _health(binding: Manifest) -> set[str]:
    return {each.get("health", "") for each in binding.get("status", {}).get("clusters", [])}
