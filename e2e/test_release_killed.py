"""kill -9 of the controller in mid-release: it ends as if nothing had been, and nothing is done twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from e2e.beside import beside
from e2e.fleet import Fleet
from e2e.kills import kills_of
from e2e.releases import DONE, NEW, NEWER, OLD, SHARES, Web, image_of, within_bounds
from tests.federated import DEPLOYMENTS, Cluster

pytestmark = pytest.mark.timeout(300)

MANY = 3
KILLED = 2 * DONE
"""Seconds in which a release is done by controllers that live about a second each."""


async def test_a_release_takes_no_step_and_writes_no_template_twice(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await web.begin(batches=10, maxUnavailable=1)
    async with AsyncExitStack() as stack:
        templates = {
            name: await stack.enter_async_context(_templates(member, namespace))
            for name, member in fleet.members.items()
        }
        footage = await stack.enter_async_context(web.filmed())
        async with kills_of(fleet, footage, NEW) as kills:
            await web.change(NEW)
            run = await web.reaches("Completed", seconds=KILLED)
        await web.is_everywhere(NEW)
    assert len(kills) >= MANY
    within_bounds(footage, down=1)
    assert [step["target"] for step in run["steps"]] == list(range(1, 11))
    assert await web.runs() == ["web-1"]
    assert templates == {name: [OLD, NEW] for name in SHARES}, "a template was written again, or went back"


async def test_a_newer_revision_takes_over_within_the_bounds(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await web.begin(batches=2, maxUnavailable=2)
    async with web.filmed(runs={NEW: 1, NEWER: 2}) as footage:
        await web.change(NEW)
        await web.run(1, lambda status: status["permitted"] >= 4)
        async with kills_of(fleet, footage, NEWER) as kills:
            await web.change(NEWER)
            await web.reaches("Completed", number=2, seconds=KILLED)
    assert kills
    within_bounds(footage, down=2)
    await web.is_everywhere(NEWER)


async def test_a_rollback_stays_within_its_bounds(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await web.begin(batches=1, maxUnavailable=1, rollback={"maxUnavailable": 1})
    async with web.filmed() as footage:
        await web.change(NEW)
        await web.run(1, lambda status: status["permitted"] >= 7)
        async with kills_of(fleet, footage, OLD) as kills:
            await web.steer(1, abort="Rollback")
            await web.reaches("RolledBack", seconds=KILLED)
    assert kills
    within_bounds(footage, down=1 + 3)  # what was on its way, and one at a time in each cluster
    await web.is_everywhere(OLD)


@asynccontextmanager
async def _templates(member: Cluster, namespace: str) -> AsyncIterator[list[str]]:
    """Note the image of each pod template that is written to a member, for the time of a block."""
    images = [image_of(await member.api.get(DEPLOYMENTS, "web", namespace))]
    version = await member.api.latest(DEPLOYMENTS)

    async def follow() -> None:
        async with member.api.watch(DEPLOYMENTS, version, namespace=namespace) as events:
            async for event in events:
                if event.type == "MODIFIED" and image_of(event.manifest) != images[-1]:
                    images.append(image_of(event.manifest))

    async with beside(follow()):
        yield images
