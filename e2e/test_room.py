"""Placement by what is free, where schedulers of the members have the last word on it."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from e2e.fleet import SETTLE, Fleet
from federation.kube.resources import Manifest
from federation.resources import NODES
from tests.federated import A_DEPLOYMENT, DEPLOYMENTS, POLICIES, deployment, policy, reason

ON_A_NODE = 3
"""Pods that a node of 1,000 CPUs has room for, each of which asks for 300: a tenth of it stays empty."""
WORKLOADS = 6

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]


async def test_every_node_is_filled_and_no_pod_waits(fleet: Fleet, namespace: str) -> None:
    pods = ON_A_NODE * sum([await _nodes(fleet, name) for name in fleet.members])
    shares = [len(range(number, pods, WORKLOADS)) for number in range(WORKLOADS)]
    dynamic = {"weightPreference": {"dynamicWeight": "AvailableReplicas"}}
    placement = {"replicaScheduling": dynamic}
    await fleet.host.apply(POLICIES, policy("room", namespace, A_DEPLOYMENT, placement=placement))
    async with asyncio.TaskGroup() as group:
        for number, share in enumerate(shares):
            workload = _asking(f"web-{number}", namespace, replicas=share)
            group.create_task(fleet.host.apply(DEPLOYMENTS, workload))
    for number, share in enumerate(shares):
        await _all_ready(fleet, f"web-{number}", namespace, share)
    await fleet.host.apply(DEPLOYMENTS, _asking("late", namespace, replicas=1))
    await fleet.binding(
        DEPLOYMENTS, "late", namespace, lambda b: b and reason(b, "Scheduled") == "Unschedulable"
    )
    await fleet.host.delete(DEPLOYMENTS, "web-0", namespace)
    await _all_ready(fleet, "late", namespace, 1)


async def _nodes(fleet: Fleet, member: str) -> int:
    return sum([len(page.items) async for page in fleet.members[member].api.list(NODES)])


def _asking(name: str, namespace: str, *, replicas: int) -> Manifest:
    manifest = deployment(name, namespace, replicas=replicas)
    for container in manifest["spec"]["template"]["spec"]["containers"]:
        container["resources"] = {"requests": {"cpu": "300"}}
    return manifest


async def _all_ready(fleet: Fleet, name: str, namespace: str, pods: int) -> None:
    await fleet.host.until(DEPLOYMENTS, name, namespace, partial(_ready, pods), seconds=SETTLE)


def _ready(pods: int, live: Manifest | None) -> bool:
    return bool(live and live.get("status", {}).get("readyReplicas") == pods)
