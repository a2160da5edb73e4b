"""Crash at every write: whatever befalls the controller there, the end is the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from federation.controllers import apply, observe, report, schedule
from tests.crash.harness import Recorded, Run, Scenario, Violation
from tests.crash.scenarios import SCENARIOS
from tests.crash.tap import Perturbation
from tests.crash.world import World, clear_policies
from tests.federated import federated

RUNS = 12
"""Perturbed runs of a scenario when not soaking."""


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


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_harm_at_some_writes_changes_nothing_in_the_end(world: World, scenario: Scenario) -> None:
    recorded = await Run(world, scenario).record()
    await _perturb_all(world, scenario, recorded, recorded.sample(RUNS))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_harm_at_any_write_changes_nothing_in_the_end(world: World, scenario: Scenario) -> None:
    recorded = await Run(world, scenario).record()
    await _perturb_all(world, scenario, recorded, recorded.points())


async def _perturb_all(
    world: World, scenario: Scenario, recorded: Recorded, points: Sequence[tuple[str, Perturbation]]
) -> None:
    """Make each run; show all that went wrong, and insist that the harm was done in most."""
    reached, violations = 0, []
    for point in points:
        try:
            reached += await Run(world, scenario, *point).perturb(recorded)
        except Violation as violation:
            violations.append(violation)
    if violations:
        raise ExceptionGroup(f"{len(violations)} of {len(points)} runs went wrong", violations)
    assert reached >= len(points) * 3 / 4, f"the harm came in {reached} of {len(points)} runs only"
