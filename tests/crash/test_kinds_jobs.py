"""Whatever befalls the controller, what runs once runs once."""

from __future__ import annotations

import pytest

from tests.crash.harness import Run, Scenario
from tests.crash.jobs import SCENARIOS
from tests.crash.test_crash import perturb_all
from tests.crash.world import World


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_harm_at_any_write_starts_no_job_again_and_forgets_none(
    world: World, scenario: Scenario
) -> None:
    recorded = await Run(world, scenario).record()
    await perturb_all(world, scenario, recorded, recorded.points())
