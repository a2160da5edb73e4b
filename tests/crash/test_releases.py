"""Crash at every write of a batched release: whatever befalls the controller, no pod more than permitted."""

from __future__ import annotations

import pytest

from tests.crash.harness import Run, Scenario
from tests.crash.releases import RELEASES
from tests.crash.test_crash import perturb_all
from tests.crash.world import World

RUNS = 4
"""Perturbed runs of a scenario when not soaking."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scenario", RELEASES, ids=lambda scenario: scenario.name)
async def test_harm_at_some_writes_of_a_release_changes_nothing(world: World, scenario: Scenario) -> None:
    recorded = await Run(world, scenario).record()
    await perturb_all(world, scenario, recorded, recorded.sample(RUNS))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", RELEASES, ids=lambda scenario: scenario.name)
async def test_harm_at_any_write_of_a_release_changes_nothing(world: World, scenario: Scenario) -> None:
    recorded = await Run(world, scenario).record()
    await perturb_all(world, scenario, recorded, recorded.points())
