"""Scenarios that workloads of every kind with pods go through alike, whatever holds them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from e2e.releases import CRASHES, DONE, NEW, NEWER, OLD, Web, image_of, within_bounds
from federation.kube.resources import Manifest

TWO_THEN_ALL = [{"updated": 2}, {"updated": "100%"}]
HALF_THEN_ALL = [{"updated": "50%", "approval": "Manual"}, {"updated": "100%"}]


async def goes_in_steps(web: Web, targets: Sequence[int]) -> None:
    """A release goes through three steps, so many pods new after each, and leaves no trace."""
    before = await web.begin(
        steps=[{"updated": "10%"}, {"updated": "50%"}, {"updated": "100%"}], maxUnavailable=2
    )
    async with web.filmed() as footage:
        await web.change(NEW)
        run = await web.reaches("Completed")
    within_bounds(footage, down=2, ready=web.pods)
    assert [step["target"] for step in run["steps"]] == targets
    for name, member in web.fleet.members.items():
        live = await member.get(web.kind.resource, "web", web.namespace)
        assert live is not None
        assert image_of(live) == NEW
        assert live["spec"] | {"template": None} == before[name] | {"template": None}


async def kubectl_waits(web: Web, says: str) -> None:
    """`kubectl rollout status` on the host waits for the whole release; what it says in the end."""
    await web.change(NEW)
    words = ("-n", web.namespace, "rollout", "status", web.name, f"--timeout={DONE:.0f}s")
    waiting = asyncio.create_task(web.fleet.kubectl("host", *words))
    await web.reaches("AwaitingApproval")
    assert not waiting.done()
    await web.verb("approve")
    assert says in await waiting
    await web.is_everywhere(NEW)


async def halts_at_a_crash(web: Web, seconds: float = DONE) -> dict[str, Manifest]:
    """A revision whose pods crash halts the release, and an abort takes it back; the specs before it."""
    before = await web.begin(steps=TWO_THEN_ALL, maxUnavailable=2)
    async with web.filmed() as footage:
        await web.change(NEW, fate=CRASHES)
        halted = await web.reaches("Halted", seconds=seconds)
        assert halted["reason"] == "PodsFailed"
        assert await web.exit_code() == 2
        await web.is_looked_at_again()
        assert footage.most(NEW) == 2
        await web.verb("abort", "--rollback")
        await web.reaches("RolledBack")
        await web.is_everywhere(OLD)
    within_bounds(footage, down=2 + 3, ready=web.pods)  # what was down, and one at a time in each cluster
    assert footage.most(NEW) == 2
    return before


async def is_superseded_half_out(web: Web) -> None:
    """A newer revision takes the place of one that is half out, of which no cluster is given more."""
    await web.begin(steps=HALF_THEN_ALL, maxUnavailable=2)
    async with web.filmed(runs={NEW: 1, NEWER: 2}) as footage:
        await web.change(NEW)
        await web.reaches("AwaitingApproval")
        before = len(footage.moments)
        await web.change(NEWER)
        await web.reaches("AwaitingApproval", number=2)
        await web.steer(2, approvedStep=1)
        await web.reaches("Completed", number=2)
    within_bounds(footage, down=2, ready=web.pods)
    for name in web.shares:
        counts = [moment.at(NEW, name) for moment in footage.moments[before:]]
        assert counts == sorted(counts, reverse=True), f"{name} was given more of what is superseded"
    assert (await web.reaches("Superseded"))["reason"] == "NewRevision"
    await web.is_everywhere(NEWER)


async def is_superseded_in_mid_batch(web: Web) -> None:
    """A newer revision that comes in mid-batch stays within the bounds."""
    await web.begin(steps=[{"updated": "100%"}], maxUnavailable=2)
    async with web.filmed(runs={NEW: 1, NEWER: 2}) as footage:
        await web.change(NEW)
        await web.run(1, lambda status: status["permitted"] >= 4)
        await web.change(NEWER)
        await web.reaches("Completed", number=2)
    within_bounds(footage, down=2, ready=web.pods)
    await web.is_everywhere(NEWER)


async def is_mended_after_a_halt(web: Web) -> None:
    """A mended revision takes the place of one that halted."""
    await web.begin(steps=TWO_THEN_ALL, maxUnavailable=2)
    async with web.filmed(runs={NEW: 1, NEWER: 2}) as footage:
        await web.change(NEW, fate=CRASHES)
        await web.reaches("Halted")
        await web.change(NEWER)
        await web.reaches("Completed", number=2)
    within_bounds(footage, down=2, ready=web.pods)
    await web.is_everywhere(NEWER)


async def mends_what_is_broken(web: Web) -> None:
    """What never ran is mended by a release."""
    await web.begin(fate=CRASHES, steps=[{"updated": "50%"}, {"updated": "100%"}], maxUnavailable=5)
    async with web.filmed() as footage:
        await web.change(NEW)
        await web.reaches("Completed")
    assert footage.beyond == []
    await web.is_everywhere(NEW)
