"""Scenarios that workloads of every kind with pods go through alike, whatever holds them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from e2e.nodes import another_node
from e2e.pods import Footage
from e2e.releases import CRASHES, DONE, NEW, NEWER, OLD, SHARES, Web, image_of, within_bounds
from federation.kube.resources import Manifest

TWO_THEN_ALL = [{"updated": 2}, {"updated": "100%"}]
FOUR_THEN_ALL = [{"updated": 4, "approval": "Manual"}, {"updated": "100%"}]
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


async def is_scaled_in_mid_batch(web: Web) -> None:
    """Scaling up and down in mid-batch lets no pod go that is not permitted."""
    await web.begin(steps=[{"updated": "40%", "approval": "Manual"}, {"updated": "100%"}], maxUnavailable=2)
    async with web.filmed() as footage:
        await web.change(NEW)
        await web.reaches("AwaitingApproval")
        for replicas in (16, 6, 12):
            await web.change(NEW, replicas=replicas)
            run = await web.run(1, partial(_stands_with, replicas, footage))
            assert run["permitted"] <= -(-4 * replicas // 10) + len(SHARES)
        await web.steer(1, approvedStep=1)
        await web.reaches("Completed")
    assert footage.beyond == []
    await web.is_everywhere(NEW, {"m1": 6, "m2": 4, "m3": 2})


def _stands_with(replicas: int, footage: Footage, status: Manifest) -> bool:
    """Whether the run stands at its step with so many replicas, and the pods are as it says."""
    waits = status["phase"] == "AwaitingApproval" and status.get("unavailable", 0) == 0
    counted = status["replicas"] == footage.pods_there == replicas
    return bool(waits and counted and status["permitted"] == footage.now(NEW))


async def is_taken_back_after_a_halt(web: Web, down: int) -> None:
    """A crashing revision halts the release, and an abort takes it back with at most `down` pods down."""
    await web.begin(steps=TWO_THEN_ALL, maxUnavailable=2)
    async with web.filmed() as footage:
        await web.change(NEW, fate=CRASHES)
        assert (await web.reaches("Halted"))["reason"] == "PodsFailed"
        await web.is_looked_at_again()
        await web.verb("abort", "--rollback")
        await web.reaches("RolledBack")
        await web.is_everywhere(OLD)
    within_bounds(footage, down=down)
    assert 1 <= footage.most(NEW) <= 2


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


# Of workloads that have a pod on each node: three in each member


async def counts_a_node_that_comes(web: Web) -> None:
    """The pod of a node that comes in mid-batch is new at once, and counted."""
    await web.begin(steps=FOUR_THEN_ALL, maxUnavailable=1)
    async with web.filmed() as footage:
        await web.change(NEW)
        before = _of("m1", await web.reaches("AwaitingApproval"))
        assert footage.now(NEW) == 4
        async with another_node("m1", web.fleet.members["m1"], f"{web.namespace}-node"):
            await web.run(1, lambda status: _of("m1", status)["replicas"] == 4)
            counted = await web.run(1, lambda status: status["updatedReady"] == 5)
            assert _of("m1", counted)["permitted"] == before["permitted"] + 1
            assert counted["permitted"] == footage.now(NEW) == 5
            await web.verb("approve")
            await web.reaches("Completed")
            await web.is_everywhere(NEW, {**web.shares, "m1": 4})
    permitted: int = before["permitted"]
    assert set(footage.beyond) <= {("m1", NEW, permitted + 1, permitted)}, "more than the pod that came"
    assert footage.fewest_ready >= web.pods - 1


async def gains_nothing_from_a_node_that_goes(web: Web) -> None:
    """A node that goes in mid-batch frees nothing, whether its pod was new or not."""
    grown = replace(web, shares={**web.shares, "m1": 4})
    async with another_node("m1", web.fleet.members["m1"], f"{web.namespace}-node"):
        await grown.begin(steps=FOUR_THEN_ALL, maxUnavailable=1)
        await grown.change(NEW)
        await grown.reaches("AwaitingApproval")
    async with web.filmed() as footage:
        await web.run(1, lambda status: status["replicas"] == 9)
        await web.steer(1, approvedStep=1)
        await web.reaches("Completed")
    within_bounds(footage, down=1, ready=9)
    await web.is_everywhere(NEW)


def _of(cluster: str, status: Manifest) -> Manifest:
    """What a run's status says of one cluster."""
    found: list[Manifest] = [each for each in status["clusters"] if each["name"] == cluster]
    return found[0]
