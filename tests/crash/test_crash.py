"""Crash at every write: whatever happens to the controller at any write, the end is the same and nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from federation.controllers import apply, observe, report, schedule
from tests.crash.harness import Run, Scenario
from tests.crash.scenarios import SCENARIOS
from tests.crash.world import World, clear_policies
from tests.federated import federated


@pytest.fixture
async def world(fleet: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """The fleet, cleared of what other tests left; the controller's pauses are short."""
    for module, name, seconds in (
        (apply, "UNSYNCED_RECHECK", 0.2),
        (observe, "DISTANCE", 0.05),
        (observe, "PATIENCE", 0.5),
        (report, "SETTLE", 0.1),
        (report, "LONGEST", 0.5),
        (schedule, "ABSENCE_GRACE", 0.2),
    ):
        monkeypatch.setattr(module, name, seconds)
    async with federated(fleet) as atoll:
        servers = {"host": fleet.host, **fleet.members}
        clusters = {"host": atoll.host, **atoll.members}
        world = World(clusters, {name: s.kubeconfig for name, s in servers.items()}, atoll.host_id)
        await clear_policies(world)
        yield world


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_harm_at_any_write_changes_nothing_in_the_end(world: World, scenario: Scenario) -> None:
    import os, time
    recorded = await Run(world, scenario).record()
    out = open(os.environ["CRASH_OUT"], "a")
    print(*recorded.writes, sep="\n", file=out, flush=True)
    n = 0
    for write, perturbation in recorded.points():
        b = time.monotonic()
        told = ""
        try:
            reached = await Run(world, scenario, write, perturbation).perturb(recorded)
        except Exception as e:
            reached = None
            import traceback; told = "".join(traceback.format_exception(e))[-5000:]
            n += 1
        print(f"{time.monotonic() - b:5.1f} {reached} {scenario.name} {perturbation.name} {write}", told, file=out, flush=True)
    assert not n
