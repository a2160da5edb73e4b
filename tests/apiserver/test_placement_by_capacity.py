"""Replicas go where there is room, by the nodes and pods of the members and by what was placed before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from federation.members import capacity
from federation.resources import NODES, PODS
from tests.federated import (
    A_DEPLOYMENT,
    BINDINGS,
    CLUSTERS,
    DEPLOYMENTS,
    NAMESPACES,
    POLICIES,
    USER,
    Cluster,
    Federated,
    Manifest,
    Resource,
    deployment,
    eventually,
    policy,
    reason,
)

QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
MakeNode = Callable[..., Awaitable[None]]
DYNAMIC = {"replicaScheduling": {"weightPreference": {"dynamicWeight": "AvailableReplicas"}}}
AGGREGATED = {"replicaScheduling": {"replicaDivisionPreference": "Aggregated"}}


@pytest.fixture
async def make_node(
    running: Federated, shop: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MakeNode]:
    """Make a Ready node in a member that only the workloads of this test select; room is told of at once."""
    monkeypatch.setattr(capacity, "GROWTH_PERIOD", 0.1)
    made: list[tuple[Cluster, str]] = []

    async def make(cluster: str, cpu: int) -> None:
        member, name = running.members[cluster], f"{shop}-{len(made)}"
        made.append((member, name))
        metadata = {"name": name, "labels": {"room": shop}}
        await member.apply(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": metadata})
        allocatable = {"cpu": str(cpu), "memory": "64Gi", "pods": "10000"}
        ready = [{"type": "Ready", "status": "True", "reason": "Test", "message": "by hand"}]
        status = {"allocatable": allocatable, "capacity": allocatable, "conditions": ready}
        await member.api.patch(NODES, name, None, {"status": status}, manager=USER, subresource="status")
        # a new node is tainted until its lifecycle controller finds it ready
        await member.api.patch(NODES, name, None, {"spec": {"taints": None}}, manager=USER)

    yield make
    await running.host.delete(POLICIES, "room", shop)  # the next test begins without anyone asking
    for member, name in made:
        await member.delete(NODES, name)


def asking(name: str, namespace: str, *, replicas: int, room: str = "") -> Manifest:
    """A Deployment whose pods ask for one CPU each, on the nodes of its test."""
    manifest = deployment(name, namespace, replicas=replicas)
    spec = manifest["spec"]["template"]["spec"]
    spec["nodeSelector"] = {"room": room or namespace}
    spec["containers"][0]["resources"] = {"requests": {"cpu": "1"}}
    return manifest


def placed(binding: Manifest | None) -> dict[str, int]:
    return {each["name"]: each["replicas"] for each in (binding or {}).get("spec", {}).get("clusters", [])}


async def where(running: Federated, namespace: str, name: str, expected: dict[str, int]) -> None:
    await running.host.until(
        BINDINGS, f"{name}.deployments.apps", namespace, lambda b: b and placed(b) == expected
    )


async def test_replicas_follow_the_room_in_the_members(
    running: Federated, shop: str, make_node: MakeNode
) -> None:
    await make_node("m1", 4)
    await make_node("m2", 2)
    await running.host.apply(POLICIES, policy("room", shop, A_DEPLOYMENT, placement=DYNAMIC))
    await running.host.apply(DEPLOYMENTS, asking("web", shop, replicas=3))
    await where(running, shop, "web", {"m1": 2, "m2": 1})
    await running.host.apply(POLICIES, policy("room", shop, A_DEPLOYMENT, placement=AGGREGATED))
    await running.host.apply(DEPLOYMENTS, asking("one", shop, replicas=2))
    await where(running, shop, "one", {"m1": 2})
    await running.host.apply(DEPLOYMENTS, asking("late", shop, replicas=2))
    await running.host.until(
        BINDINGS, "late.deployments.apps", shop, lambda b: reason(b, "Scheduled") == "Unschedulable"
    )
    await make_node("m2", 1)
    await where(running, shop, "late", {"m2": 2})


async def test_twenty_workloads_at_once_do_not_get_the_same_room(
    running: Federated, shop: str, make_node: MakeNode
) -> None:
    await make_node("m1", 13)
    taker = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "taker", "namespace": shop},
        "spec": asking("taker", shop, replicas=1)["spec"]["template"]["spec"] | {"nodeName": f"{shop}-0"},
    }
    await running.members["m1"].api.create(
        NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": shop}}, manager=USER
    )
    await running.members["m1"].api.create(PODS, taker, manager=USER)
    await running.host.apply(POLICIES, policy("room", shop, A_DEPLOYMENT, placement=DYNAMIC))
    names = [f"web-{number}" for number in range(20)]
    await asyncio.gather(*(running.host.apply(DEPLOYMENTS, asking(name, shop, replicas=1)) for name in names))
    found: list[dict[str, int]] = []

    async def count(wanted: int) -> None:
        async def look() -> bool:
            records = [await running.host.get(BINDINGS, f"{name}.deployments.apps", shop) for name in names]
            found[:] = [placed(record) for record in records]
            assert sum(map(bool, found)) <= wanted
            waiting = [reason(record, "Scheduled") for record in records if not placed(record)]
            return len(waiting) == 20 - wanted and set(waiting) == {"Unschedulable"}

        await eventually(look, lambda: str(found))

    await count(12)
    cluster = await running.host.until(
        CLUSTERS, "m1", None, lambda c: c and c["status"]["resourceSummary"].get("requested")
    )
    assert cluster["status"]["nodeSummary"] == {"total": 1, "ready": 1}
    assert cluster["status"]["resourceSummary"]["allocatable"]["cpu"] == "13000m"
    assert cluster["status"]["resourceSummary"]["requested"]["cpu"] == "1000m"
    path = PODS.path(shop, "taker")
    await running.members["m1"].api.request("DELETE", path, body={"gracePeriodSeconds": 0})
    await count(13)


async def test_pods_are_mirrored_only_while_a_policy_asks_for_room(
    running: Federated, shop: str, make_node: MakeNode
) -> None:
    assert running.federation is not None
    member = running.federation.fleet.get("m1")
    assert member is not None

    async def known(wanted: bool) -> None:
        async def look() -> bool:
            return (member.capacity.totals is not None) == wanted

        await eventually(look, lambda: str(member.capacity.totals))

    in_m1: Manifest = {"clusterAffinity": {"clusterNames": ["m1"]}}
    await running.host.apply(POLICIES, policy("room", shop, A_DEPLOYMENT, placement=in_m1))
    await make_node("m1", 2)
    await running.host.apply(DEPLOYMENTS, asking("web", shop, replicas=1))
    await where(running, shop, "web", {"m1": 1})
    assert member.capacity.totals is None
    await running.host.apply(POLICIES, policy("room", shop, A_DEPLOYMENT, placement=in_m1 | DYNAMIC))
    await known(True)
    await running.host.apply(DEPLOYMENTS, asking("late", shop, replicas=2))  # one of two CPUs is for web
    await running.host.until(
        BINDINGS, "late.deployments.apps", shop, lambda b: reason(b, "Scheduled") == "Unschedulable"
    )
    await running.host.delete(POLICIES, "room", shop)
    await known(False)
    await running.host.until(
        CLUSTERS, "m1", None, lambda c: c and not c["status"]["resourceSummary"].get("requested")
    )


@pytest.mark.soak
async def test_replicas_whose_pods_never_come_do_not_take_room_for_ever(
    running: Federated, shop: str, make_node: MakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_node("m1", 2)
    await running.host.apply(POLICIES, policy("room", shop, A_DEPLOYMENT, placement=DYNAMIC))
    await running.host.apply(DEPLOYMENTS, asking("web", shop, replicas=2))
    await where(running, shop, "web", {"m1": 2})
    await running.host.apply(DEPLOYMENTS, asking("late", shop, replicas=1))
    await running.host.until(
        BINDINGS, "late.deployments.apps", shop, lambda b: reason(b, "Scheduled") == "Unschedulable"
    )
    monkeypatch.setattr(capacity, "PATIENCE", 0.1)
    await running.host.delete(DEPLOYMENTS, "web", shop)  # room that is given back is given to who waits
    await where(running, shop, "late", {"m1": 1})
    await running.host.apply(DEPLOYMENTS, asking("all", shop, replicas=2))
    await where(running, shop, "all", {"m1": 2})


@pytest.mark.soak
async def test_a_decision_that_can_not_be_written_takes_no_room(
    running: Federated, shop: str, make_node: MakeNode
) -> None:
    full = f"{shop}-full"
    await running.make_namespace(full)
    none = {"hard": {f"count/{BINDINGS.plural}.{BINDINGS.group}": "0"}}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": full}}
    await running.host.apply(QUOTAS, {**quota, "spec": none})
    counted = {"status": none | {"used": none["hard"]}}  # what a controller would do
    await running.host.api.patch(QUOTAS, "none", full, counted, manager=USER, subresource="status")
    await make_node("m1", 2)
    for namespace in (full, shop):
        await running.host.apply(POLICIES, policy("room", namespace, A_DEPLOYMENT, placement=DYNAMIC))
        await running.host.apply(DEPLOYMENTS, asking("web", namespace, replicas=2, room=shop))
    await where(running, shop, "web", {"m1": 2})
    assert await running.host.get(BINDINGS, "web.deployments.apps", full) is None
    await running.host.delete(POLICIES, "room", full)
