"""How often policies say what became of them: seldom while things move, and never when nothing does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from federation.kube.resources import Manifest, Resource
from tests.federated import (
    A_CONFIGMAP,
    CONFIGMAPS,
    GROUP,
    OVERRIDES,
    POLICIES,
    USER,
    Federated,
    configmap,
    eventually,
    policy,
    selects,
)

RED = selects("v1", "ConfigMap", labelSelector={"matchLabels": {"team": "red"}})


def override(namespace: str, *selectors: Manifest) -> Manifest:
    rule = {"overriders": {"labelsOverrider": [{"operator": "add", "value": {"by": "eu"}}]}}
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "OverridePolicy",
        "metadata": {"name": "eu", "namespace": namespace},
        "spec": {"resourceSelectors": list(selectors), "overrideRules": [rule]},
    }


def counts(manifest: Manifest | None) -> tuple[int, int, int]:
    """What a policy matched, applied and failed at; none of it before its first status."""
    status = (manifest or {}).get("status", {})
    return status.get("matched", -1), status.get("applied", -1), status.get("failed", -1)


@pytest.mark.soak
async def test_an_override_policy_counts_what_it_changes_until_its_labels_do(
    running: Federated, shop: str
) -> None:
    await running.host.apply(OVERRIDES, override(shop, RED))
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    for name in ("a", "b"):
        made = configmap(name, shop, key="value")
        made["metadata"]["labels"] = {"team": "red"}
        await running.host.apply(CONFIGMAPS, made)
    await running.host.until(OVERRIDES, "eu", shop, lambda o: counts(o) == (2, 2, 0))
    body = {"metadata": {"labels": {"team": "blue"}}}
    await running.host.api.patch(CONFIGMAPS, "b", shop, body, manager=USER)
    await running.host.until(OVERRIDES, "eu", shop, lambda o: counts(o) == (1, 1, 0))
    await running.host.delete(CONFIGMAPS, "a", shop)  # nothing collects garbage here: its binding stays
    told = await running.host.until(POLICIES, "all", shop, lambda p: counts(p)[0] == 2)
    assert told["status"]["observedGeneration"] == told["metadata"]["generation"]


class Writes:
    """When the policies of a namespace were written to since one began to look."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}

    def pauses(self) -> list[float]:
        """Seconds between two writes to the same policy."""
        return [after - before for times in self.times.values() for before, after in pairwise(times)]


@asynccontextmanager
async def watched(running: Federated, namespace: str) -> AsyncIterator[Writes]:
    writes, loop = Writes(), asyncio.get_running_loop()
    api = running.host.api

    async def follow(resource: Resource, version: str) -> None:
        async with api.watch(resource, version, namespace=namespace) as events:
            async for event in events:
                name = event.manifest["metadata"]["name"]
                if event.type == "MODIFIED" and name != "last":
                    writes.times.setdefault(name, []).append(loop.time())

    tasks = [
        asyncio.create_task(follow(resource, await api.latest(resource)))
        for resource in (POLICIES, OVERRIDES)
    ]
    try:
        yield writes
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@pytest.mark.soak
async def test_hundreds_of_templates_cost_a_policy_a_write_a_second_at_most_and_none_at_rest(
    running: Federated, shop: str
) -> None:
    number = 300
    await running.host.apply(OVERRIDES, override(shop, A_CONFIGMAP))
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    async with watched(running, shop) as writes:
        for first in range(0, number, 20):
            names = [f"settings-{each}" for each in range(first, first + 20)]
            await asyncio.gather(*(running.host.apply(CONFIGMAPS, configmap(n, shop, a="1")) for n in names))
        for resource, name in ((POLICIES, "all"), (OVERRIDES, "eu")):
            await running.host.until(
                resource, name, shop, lambda p: counts(p) == (number, number, 0), seconds=60
            )
    assert writes.times.keys() == {"all", "eu"}
    assert min(writes.pauses(), default=1.0) >= 1.0
    assert await restarted(running, shop) == {}


async def restarted(running: Federated, namespace: str) -> dict[str, list[float]]:
    """Begin anew with all as it is; return when whose status was written.

    A policy that comes last has its status last: all that was to be told by then has been.
    """
    await running.stop()
    async with watched(running, namespace) as writes:
        federation = await running.start()

        async def idle() -> bool:
            return all(each.queue.idle() for each in (federation.schedule, federation.observe))

        await eventually(idle, lambda: "the queues are not empty", seconds=60)
        last = policy("last", namespace, selects("v1", "Secret"))
        await running.host.apply(POLICIES, last)
        await running.host.until(POLICIES, "last", namespace, lambda p: counts(p) == (0, 0, 0))
    return writes.times
