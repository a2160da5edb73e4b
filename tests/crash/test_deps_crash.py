"""Crash at every write while what a workload needs comes, moves and goes."""

from __future__ import annotations

import pytest

from tests.crash.dependencies import LAST, SCENARIOS
from tests.crash.harness import Run, Scenario
from tests.crash.test_crash import perturb_all
from tests.crash.world import World


@pytest.mark.timeout(300)
async def test_harm_while_the_last_that_needs_it_goes_changes_nothing_in_the_end(world: World) -> None:
    recorded = await Run(world, LAST).record()
    await perturb_all(world, LAST, recorded, recorded.sample(1))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_harm_at_any_write_changes_nothing_in_the_end(world: World, scenario: Scenario) -> None:
    recorded = await Run(world, scenario).record()
    await perturb_all(world, scenario, recorded, recorded.points())
