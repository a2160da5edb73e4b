"""Crash at every write: whatever befalls the controller there, the end is the same."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.crash.evictions import DIRECTLY, EVICTION
from tests.crash.harness import Recorded, Run, Scenario
from tests.crash.incarnation import Violation
from tests.crash.scenarios import DELETION, SCENARIOS
from tests.crash.tap import Perturbation
from tests.crash.world import World

RUNS = 2
"""Perturbed runs of a scenario when not soaking."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_harm_at_some_writes_changes_nothing_in_the_end(world: World, scenario: Scenario) -> None:
    recorded = await Run(world, scenario).record()
    await perturb_all(world, scenario, recorded, recorded.sample(RUNS))


async def test_a_deleted_template_costs_each_member_one_deletion(world: World) -> None:
    recorded = await Run(world, DELETION).record()
    deletions = sorted(write.partition(" /")[0] for write in recorded.writes if " DELETE " in write)
    assert deletions == ["host DELETE", "m1 DELETE", "m2 DELETE"]


@pytest.mark.timeout(300)
async def test_harm_while_a_workload_leaves_a_cluster_changes_nothing_in_the_end(world: World) -> None:
    recorded = await Run(world, EVICTION).record()
    await perturb_all(world, EVICTION, recorded, recorded.sample(1))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", [*SCENARIOS, EVICTION, DIRECTLY], ids=lambda scenario: scenario.name)
async def test_harm_at_any_write_changes_nothing_in_the_end(world: World, scenario: Scenario) -> None:
    recorded = await Run(world, scenario).record()
    await perturb_all(world, scenario, recorded, recorded.points())


async def perturb_all(
    world: World, scenario: Scenario, recorded: Recorded, points: Sequence[tuple[str, Perturbation]]
) -> None:
    """Make each run; show all that went wrong, and insist that the harm was done in most.

    A status that is written once more or less moves the harm out of a run: of a few runs, one may lack it.
    """
    reached, violations = 0, []
    for point in points:
        try:
            reached += await Run(world, scenario, *point).perturb(recorded)
        except Violation as violation:
            violations.append(violation)
    if violations:
        raise ExceptionGroup(f"{len(violations)} of {len(points)} runs went wrong", violations)
    assert reached >= len(points) * 3 / 4 - 1, f"the harm came in {reached} of {len(points)} runs only"
