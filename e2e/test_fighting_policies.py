"""Two policies that each would take a template over from the other: one governs at a time, the fight ends
with the edits, and the one that lost says why.
"""

from __future__ import annotations

import asyncio
import logging

import pytest

from e2e.film import Film, filmed
from e2e.fleet import Fleet, binding_of, result
from federation.kube.resources import Manifest
from tests.federated import DEPLOYMENTS, POLICIES, absent, deployment, eventually, policy, selects

pytestmark = pytest.mark.timeout(120)
log = logging.getLogger(__name__)

TAKEN = 4
"""How often one takes over from the other, and is waited for."""
ROUNDS = 10
"""Edits of each policy that are not waited for."""
HIGHEST = TAKEN + 2 * ROUNDS
QUIET = 2.0
"""Seconds without a write of the binding after which the fight is over."""
REPLICAS = 1


async def test_two_policies_that_preempt_each_other_never_govern_both_and_the_fight_ends_with_the_edits(
    fleet: Fleet, namespace: str
) -> None:
    await _apply(fleet, namespace, "left", "m1", 0)
    await fleet.host.apply(DEPLOYMENTS, deployment("web", namespace, replicas=REPLICAS))
    await _serves_only(fleet, namespace, "m1", "m2")
    await _apply(fleet, namespace, "also", "m2", 0)
    await _explained(fleet, namespace, "left", "NotPreempting")
    async with filmed(fleet, namespace) as film:
        for priority in range(1, TAKEN + 1):
            name, cluster = ("also", "m2") if priority % 2 else ("left", "m1")
            await _takes_over(fleet, namespace, name, cluster, priority)
        async with asyncio.TaskGroup() as group:
            group.create_task(_raised(fleet, namespace, "left", "m1", TAKEN + 1))
            group.create_task(_raised(fleet, namespace, "also", "m2", TAKEN + 2))
        await _serves_only(fleet, namespace, "m2", "m1")
        await _explained(fleet, namespace, "also", "LowerPriority")
        await _apply(fleet, namespace, "left", "m1", HIGHEST)  # as high as the other
        await _explained(fleet, namespace, "also", "LaterName")
        written = await _quiet(film)
        log.info("%d writes: %s", written, film.governed)
        assert len(film.governed[binding_of(DEPLOYMENTS, "web")]) > TAKEN, film
        assert set(film.governed[binding_of(DEPLOYMENTS, "web")]) <= {"left: m1", "also: m2"}, film
        assert written <= HIGHEST * A_CHANGE, film
    await _serves_only(fleet, namespace, "m2", "m1")


A_CHANGE = 6
"""Writes of a binding that one change of its policy may bring: where it goes, and how it fares there."""


async def _takes_over(fleet: Fleet, namespace: str, name: str, cluster: str, priority: int) -> None:
    await _apply(fleet, namespace, name, cluster, priority)
    await fleet.binding(DEPLOYMENTS, "web", namespace, lambda b: _governs(b) == name)


async def _raised(fleet: Fleet, namespace: str, name: str, cluster: str, start: int) -> None:
    for priority in range(start, HIGHEST + 1, 2):
        await _apply(fleet, namespace, name, cluster, priority)


async def _apply(fleet: Fleet, namespace: str, name: str, cluster: str, priority: int) -> None:
    selector = selects("apps/v1", "Deployment", name="web")
    placement = {"clusterAffinity": {"clusterNames": [cluster]}}
    spec = {"placement": placement, "priority": priority, "preemption": "Always"}
    await fleet.host.apply(POLICIES, policy(name, namespace, selector, **spec))


def _governs(binding: Manifest | None) -> str:
    policy: Manifest = (binding or {}).get("spec", {}).get("policy") or {}
    return str(policy.get("name", ""))


async def _serves_only(fleet: Fleet, namespace: str, cluster: str, other: str) -> None:
    def serves(binding: Manifest | None) -> bool:
        placed = [each["name"] for each in (binding or {}).get("spec", {}).get("clusters", [])]
        return placed == [cluster] and result(binding, cluster).get("ready") == REPLICAS

    await fleet.binding(DEPLOYMENTS, "web", namespace, serves)
    await fleet.members[other].until(DEPLOYMENTS, "web", namespace, absent)


async def _explained(fleet: Fleet, namespace: str, governs: str, loses: str) -> None:
    """Wait until `atoll explain` says who governs, and why the other one does not."""
    said = ""

    async def explains() -> bool:
        nonlocal said
        said = await fleet.atoll("explain", "deployment/web", "-n", namespace)
        return f"governed by PropagationPolicy {namespace}/{governs}\n" in said and loses in said

    await eventually(explains, lambda: f"{governs}, {loses}: {said}")


async def _quiet(film: Film) -> int:
    """Wait until the binding is written no more; how often it was."""
    loop = asyncio.get_running_loop()
    last, since = film.written("web"), loop.time()

    async def is_quiet() -> bool:
        nonlocal last, since
        if film.written("web") != last:
            last, since = film.written("web"), loop.time()
        return loop.time() - since > QUIET

    await eventually(is_quiet, lambda: str(film))
    return last
