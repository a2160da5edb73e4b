"""Evictions: a workload leaves a cluster, whatever befalls the controller between leaving and arriving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from federation.kube.resources import Manifest
from tests.crash.harness import Scenario
from tests.crash.state import State
from tests.crash.tap import Written
from tests.crash.world import World
from tests.federated import (
    CLUSTERS,
    CONFIGMAPS,
    DEPLOYMENTS,
    POLICIES,
    USER,
    configmap,
    deployment,
    policy,
    selects,
)

ONE = {"spreadConstraints": [{"spreadByField": "cluster", "maxGroups": 1}]}


async def _place(world: World, namespace: str) -> None:
    """Have a Deployment on m1, the first of two clusters that fit."""
    selected = selects("apps/v1", "Deployment")
    await world.host.apply(POLICIES, policy("one", namespace, selected, placement=ONE))
    await world.host.apply(DEPLOYMENTS, deployment("web", namespace))


async def _place_directly(world: World, namespace: str) -> None:
    """The same with a ConfigMap of which there may be one at a time."""
    failover = {"cluster": {"purgeMode": "Directly"}}
    selected = selects("v1", "ConfigMap")
    await world.host.apply(POLICIES, policy("one", namespace, selected, placement=ONE, failover=failover))
    await world.host.apply(CONFIGMAPS, configmap("settings", namespace, a="1"))


async def _taint(world: World, namespace: str, *taints: Manifest) -> None:
    body = {"spec": {"taints": [*taints] or None}}
    await world.host.api.patch(CLUSTERS, "m1", None, body, manager=USER)


async def _evict(world: World, namespace: str) -> None:
    await _taint(world, namespace, {"key": "example.com/maintenance", "effect": "NoExecute"})


async def _collect(world: World, namespace: str) -> None:
    """Do what the garbage collector does when all that belongs to a deleted object is gone."""
    m1 = world.members["m1"]
    await m1.until(
        CONFIGMAPS,
        "settings",
        namespace,
        lambda live: live is None or "deletionTimestamp" in live["metadata"],
    )
    if await m1.get(CONFIGMAPS, "settings", namespace):
        done: dict[str, Any] = {"metadata": {"finalizers": None}}
        await m1.api.patch(CONFIGMAPS, "settings", namespace, done, manager="collector")


def _goes(live: Manifest | None) -> bool:
    return live is None or "deletionTimestamp" in live["metadata"]


def _moved(state: State, binding: str, copy: str) -> None:
    spec = state["host"][f"resourcebindings/{binding}"]["spec"]
    assert [target["name"] for target in spec["clusters"]] == ["m2"]
    assert not spec.get("evictions")
    assert copy in state["m2"]
    assert copy not in state["m1"]


def _expect(state: State) -> None:
    _moved(state, "web.deployments.apps", "deployments/web")


def _expect_directly(state: State) -> None:
    _moved(state, "settings.configmaps", "configmaps/settings")


def _law(answers: Sequence[Written]) -> None:
    """At no moment is a workload that was placed placed nowhere, or in what it leaves."""
    placed = False
    for _, live, _ in answers:
        if live["kind"] == "ResourceBinding":
            targets = {target["name"] for target in live["spec"].get("clusters", [])}
            left = {eviction["fromCluster"] for eviction in live["spec"].get("evictions", [])}
            assert targets or not placed, "the binding names no cluster any more"
            assert not targets & left, f"{targets & left} is left and chosen"
            placed = placed or bool(targets)


EVICTION = Scenario("a workload leaves a cluster", _place, _evict, _expect, restore=_taint, law=_law)
DIRECTLY = Scenario(
    "a workload leaves a cluster before it is elsewhere",
    _place_directly,
    _evict,
    _expect_directly,
    then=(_collect,),
    restore=_taint,
)
