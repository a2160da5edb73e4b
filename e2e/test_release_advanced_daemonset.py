"""DaemonSets of OpenKruise in steps over three members, held by their partition: OpenKruise controls them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from e2e import kruise_manager
from e2e.fleet import Fleet
from e2e.kruise import DAEMONSETS, served
from e2e.releases import NEW, Kind, Web, within_bounds
from e2e.scenarios import (
    FOUR_THEN_ALL,
    counts_a_node_that_comes,
    gains_nothing_from_a_node_that_goes,
    goes_in_steps,
    halts_at_a_crash,
    is_mended_after_a_halt,
    is_superseded_half_out,
    is_superseded_in_mid_batch,
    mends_what_is_broken,
)
from federation.sandbox.sandbox import Sandbox

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

DAEMONSET = Kind(DAEMONSETS, "desiredNumberScheduled", "updatedNumberScheduled", "numberReady", divided=False)
SURGING = replace(
    DAEMONSET, spec={"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": "50%"}}}
)
ON_DELETE = replace(DAEMONSET, spec={"updateStrategy": {"type": "OnDelete"}})
PAUSED_IN_V1ALPHA1 = replace(
    DAEMONSET,
    resource=DAEMONSETS._replace(version="v1alpha1"),
    spec={"updateStrategy": {"rollingUpdate": {"paused": True, "partition": "50%"}}},
)
KINDS = {
    "by default": DAEMONSET,
    "surging": SURGING,
    "on delete": ON_DELETE,
    "paused in v1alpha1": PAUSED_IN_V1ALPHA1,
}
NODES = {"m1": 3, "m2": 3, "m3": 3}


@pytest.fixture(scope="module")
def kruise(full_sandbox: Sandbox) -> Iterator[None]:
    with served(full_sandbox, DAEMONSETS), kruise_manager.controlled(full_sandbox, DAEMONSETS):
        yield


@pytest.fixture
async def web(
    fleet: Fleet, namespace: str, kruise: None, request: pytest.FixtureRequest
) -> AsyncIterator[Web]:
    """The DaemonSet `web`, with a pod on each node."""
    kind: Kind = getattr(request, "param", DAEMONSET)
    yield (web := Web(fleet, namespace, kind, NODES))
    await web.end()


@pytest.mark.parametrize("web", KINDS.values(), ids=KINDS, indirect=True)
async def test_a_release_goes_in_steps_and_gives_the_strategy_back(web: Web) -> None:
    await goes_in_steps(web, [1, 5, 9])


async def test_what_holds_a_batch_is_the_partition_and_stays_as_it_is_written(web: Web) -> None:
    await web.begin(steps=FOUR_THEN_ALL, maxUnavailable=4)
    async with web.filmed() as footage:
        await web.change(NEW)
        run = await web.reaches("AwaitingApproval")
        for cluster in run["clusters"]:
            live = await web.copy(cluster["name"], bool)
            rules = live["spec"]["updateStrategy"]["rollingUpdate"]
            held = {"partition": 3 - cluster["permitted"], "maxUnavailable": "100%", "maxSurge": 0}
            assert rules == held | {"rollingUpdateType": "Standard"}
        binding = await web.fleet.binding(DAEMONSETS, "web", web.namespace, bool)
        assert "FieldsNotKept" not in str(binding["status"])
    within_bounds(footage, down=4, ready=9)


async def test_a_crashing_revision_halts_the_release_and_an_abort_takes_it_back(web: Web) -> None:
    await halts_at_a_crash(web)


async def test_a_newer_revision_takes_the_place_of_one_that_is_half_out(web: Web) -> None:
    await is_superseded_half_out(web)


async def test_a_newer_revision_in_mid_batch_stays_within_the_bounds(web: Web) -> None:
    await is_superseded_in_mid_batch(web)


async def test_a_mended_revision_takes_the_place_of_one_that_halted(web: Web) -> None:
    await is_mended_after_a_halt(web)


async def test_what_is_broken_can_be_mended_by_a_release(web: Web) -> None:
    await mends_what_is_broken(web)


async def test_the_pod_of_a_node_that_comes_in_mid_batch_is_counted(web: Web) -> None:
    await counts_a_node_that_comes(web)


async def test_a_node_that_goes_in_mid_batch_frees_nothing(web: Web) -> None:
    await gains_nothing_from_a_node_that_goes(web)
