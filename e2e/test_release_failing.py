"""Releases that go wrong: pods that fail, members that are away."""

from __future__ import annotations

import pytest

from e2e.fleet import Fleet
from e2e.releases import CRASHES, NEW, NEWER, OLD, Web, within_bounds
from e2e.scenarios import TWO_THEN_ALL, halts_at_a_crash, is_mended_after_a_halt, mends_what_is_broken
from federation.kube.resources import Manifest

pytestmark = pytest.mark.timeout(300)

NOTICED = 30.0
"""Seconds in which pods that crash are noticed."""


async def test_a_crashing_revision_halts_the_release_and_an_abort_takes_it_back(
    fleet: Fleet, namespace: str
) -> None:
    web = Web(fleet, namespace)
    await halts_at_a_crash(web, seconds=NOTICED)


async def test_a_failed_revision_is_rolled_back_and_not_tried_again_until_it_is_mended(
    fleet: Fleet, namespace: str
) -> None:
    web = Web(fleet, namespace)
    await web.begin(steps=TWO_THEN_ALL, maxUnavailable=2, onFailure="Rollback")
    async with web.filmed(runs={NEW: 1, NEWER: 2}) as footage:
        await web.change(NEW, fate=CRASHES)
        await web.reaches("RolledBack")
        await web.is_everywhere(OLD)
        await web.is_looked_at_again()
        assert await web.runs() == ["web-1"]
        await web.change(NEWER)
        await web.reaches("Completed", number=2)
    assert footage.beyond == []
    assert 1 <= footage.most(NEW) <= 2  # the first may have failed before the second was there
    await web.is_everywhere(NEWER)


async def test_a_mended_revision_takes_the_place_of_one_that_halted(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await is_mended_after_a_halt(web)


async def test_what_is_broken_can_be_mended_by_a_release(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await mends_what_is_broken(web)


async def test_a_release_waits_for_a_member_that_stops_in_mid_batch(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await web.begin(steps=[{"updated": 5}, {"updated": "100%"}], maxUnavailable=1)
    async with web.filmed("m1", "m2") as footage:
        await web.change(NEW)
        await web.run(1, lambda status: status["permitted"] >= 1)
        async with fleet.outage("m3"):
            waiting = await web.run(1, lambda status: _is_stuck_without(status, "m3"))
            assert waiting["phase"] == "Releasing"
        await web.reaches("Completed")
    within_bounds(footage, down=1, ready=8)
    await web.is_everywhere(NEW)


async def test_a_member_that_is_away_is_skipped_and_catches_up_when_it_is_back(
    fleet: Fleet, namespace: str
) -> None:
    web = Web(fleet, namespace)
    away = {"policy": "SkipCluster", "graceSeconds": 1}
    await web.begin(steps=TWO_THEN_ALL, maxUnavailable=2, unreachable=away)
    async with web.filmed("m1", "m2") as footage:
        async with fleet.outage("m3"):
            await web.change(NEW)
            done = await web.reaches("Completed")
            assert done["reason"] == "PartiallyReleased"
        await web.is_everywhere(NEW)
    within_bounds(footage, down=2, ready=8)


def _is_stuck_without(status: Manifest, cluster: str) -> bool:
    """Whether the others have all that the step wants of them, and only one cluster is waited for."""
    there = [each for each in status["clusters"] if each["name"] != cluster]
    away = next(each for each in status["clusters"] if each["name"] == cluster)
    return bool(away.get("awaySince")) and all(c["updatedReady"] == c["target"] for c in there)
