"""CloneSets of OpenKruise are released in steps, held by their partition, on real API servers and pods.

The kind is OpenKruise's own. Its controller is played (`e2e/clonesets.py`); in a soak it is OpenKruise.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from functools import partial

import pytest

from e2e import kruise_manager
from e2e.clonesets import controlled
from e2e.fleet import Fleet
from e2e.kruise import CLONESETS, served
from e2e.pods import Footage
from e2e.releases import DONE, NEW, SHARES, Kind, Web
from e2e.scenarios import (
    HALF_THEN_ALL,
    goes_in_steps,
    halts_at_a_crash,
    is_mended_after_a_halt,
    is_superseded_half_out,
)
from federation.kube.ownership import entry
from federation.kube.resources import Manifest
from federation.sandbox.sandbox import Sandbox
from policies.copies import RELEASE_MANAGER
from tests.federated import eventually

pytestmark = pytest.mark.timeout(300)

STRATEGY = {"type": "ReCreate", "maxUnavailable": 3, "maxSurge": 1, "paused": False, "scatterStrategy": []}
CLONESET = Kind(
    CLONESETS, "replicas", "updatedReplicas", "updatedReadyReplicas", {"updateStrategy": STRATEGY}
)


REAL = pytest.param(True, id="OpenKruise", marks=[pytest.mark.soak, pytest.mark.timeout(1800)])


@pytest.fixture(scope="module", params=[pytest.param(False, id="played"), REAL])
def real(full_sandbox: Sandbox, request: pytest.FixtureRequest) -> Iterator[bool]:
    """Host and members serve the kind; whether OpenKruise itself controls it in the members."""
    is_real: bool = request.param
    by_itself = kruise_manager.controlled(full_sandbox, CLONESETS) if is_real else nullcontext()
    with served(full_sandbox, CLONESETS), by_itself:
        yield is_real


@pytest.fixture
async def web(fleet: Fleet, namespace: str, real: bool) -> AsyncIterator[Web]:
    async with nullcontext() if real else controlled(fleet.members, namespace):
        yield (web := Web(fleet, namespace, CLONESET))
        await web.end()


async def test_a_release_goes_in_steps_and_gives_the_strategy_back(web: Web) -> None:
    await goes_in_steps(web, [1, 5, 10])


async def test_the_strategy_of_the_user_holds_within_a_step(web: Web) -> None:
    await web.begin(steps=HALF_THEN_ALL, maxUnavailable=5)
    await web.change(NEW)
    run = await web.reaches("AwaitingApproval")
    for cluster in run["clusters"]:
        live = await web.copy(cluster["name"], bool)
        kept = SHARES[cluster["name"]] - cluster["permitted"]
        held = {"type": "ReCreate", "maxUnavailable": 3, "maxSurge": 0, "partition": kept}
        assert live["spec"]["updateStrategy"] == held


async def test_the_host_shows_the_sum_while_a_batch_waits(fleet: Fleet, web: Web) -> None:
    await web.begin(steps=HALF_THEN_ALL, maxUnavailable=5)
    await web.change(NEW)
    await web.reaches("AwaitingApproval")
    counted = {"replicas": 10, "readyReplicas": 10, "updatedReplicas": 5, "updatedReadyReplicas": 5}
    await fleet.host.until(CLONESETS, "web", web.namespace, partial(_says, counted), seconds=DONE)


def _says(counted: Manifest, live: Manifest | None) -> bool:
    return live is not None and live.get("status", {}).items() >= counted.items()


@pytest.mark.soak
async def test_a_crashing_revision_halts_the_release_and_an_abort_takes_it_back(web: Web) -> None:
    before = await halts_at_a_crash(web)
    for name, spec in before.items():
        live = await web.copy(name, bool)
        assert live["spec"]["updateStrategy"] == spec["updateStrategy"]


async def test_a_newer_revision_takes_the_place_of_one_that_is_half_out(web: Web) -> None:
    await is_superseded_half_out(web)


@pytest.mark.soak
async def test_a_mended_revision_takes_the_place_of_one_that_halted(web: Web) -> None:
    await is_mended_after_a_halt(web)


async def test_scaling_in_mid_batch_keeps_the_share_exactly(web: Web) -> None:
    await web.begin(steps=[{"updated": "40%", "approval": "Manual"}, {"updated": "100%"}], maxUnavailable=2)
    async with web.filmed() as footage:
        await web.change(NEW)
        await web.reaches("AwaitingApproval")
        for replicas in (16, 6):
            await web.change(NEW, replicas=replicas)
            await web.run(1, partial(_is_scaled, replicas))
            await eventually(partial(_are, footage.pods, replicas), lambda: str(footage.moments[-1:]), DONE)
        await web.steer(1, approvedStep=1)
        await web.reaches("Completed")
    assert footage.beyond == []
    await web.is_everywhere(NEW, {"m1": 3, "m2": 2, "m3": 1})


def _is_scaled(replicas: int, status: Manifest) -> bool:
    waits = status["phase"] == "AwaitingApproval" and status.get("unavailable", 0) == 0
    return bool(waits and status["replicas"] == replicas)


async def _are(pods: dict[str, dict[str, tuple[str, bool]]], number: int) -> bool:
    return sum(map(len, pods.values())) == number


async def test_what_holds_a_batch_is_put_back_when_somebody_edits_it_in_a_member(
    fleet: Fleet, web: Web
) -> None:
    await web.begin(steps=[{"updated": 2, "approval": "Manual"}, {"updated": "100%"}], maxUnavailable=2)
    async with web.filmed() as footage:
        await web.change(NEW)
        await web.reaches("AwaitingApproval")
        held = (await web.copy("m1", bool))["spec"]["updateStrategy"]
        for edit in ({"maxUnavailable": 4}, {"partition": held["partition"] - 1}):
            patch = json.dumps({"spec": {"updateStrategy": edit}})
            await fleet.kubectl("m1", "-n", web.namespace, "patch", web.name, "--type=merge", "-p", patch)
            await web.copy("m1", partial(_is_held, held, footage))
        await web.is_looked_at_again()
        await web.copy("m1", partial(_is_held, held, footage))
    assert {cluster for cluster, *_ in footage.beyond} <= {"m1"}
    assert footage.most(NEW, "m1") <= SHARES["m1"] - held["partition"] + 1


def _is_held(held: Manifest, footage: Footage, live: Manifest | None) -> bool:
    """Whether the release holds m1 as before, together with a pod that went meanwhile."""
    if live is None:
        return False
    now = held | {"partition": SHARES["m1"] - footage.now(NEW, "m1")}
    owned = entry(live["metadata"]["managedFields"], RELEASE_MANAGER) or {}
    fields = owned.get("f:spec", {}).get("f:updateStrategy", {})
    return live["spec"]["updateStrategy"] == now and {f"f:{name}" for name in now} <= set(fields)
