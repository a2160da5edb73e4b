"""Workloads leave clusters that fail or are not to hold them, on real API servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from typer.testing import CliRunner

from federation.cli.main import app
from federation.settings import Evictions
from policies.api.meta import Manifest
from tests.federated import (
    A_CONFIGMAP,
    A_DEPLOYMENT,
    BINDINGS,
    CLUSTERS,
    CONFIGMAPS,
    DEPLOYMENTS,
    GROUP,
    POLICIES,
    USER,
    Federated,
    absent,
    all_ready,
    condition,
    configmap,
    deployment,
    federated,
    policy,
    reason,
)

SETTINGS = "settings.configmaps"
ONE = {"spreadConstraints": [{"spreadByField": "cluster", "maxGroups": 1}]}
SOON = [
    {"key": f"{GROUP}/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
    for key in ("not-ready", "unreachable")
]
MAINTENANCE = {"key": "example.com/maintenance", "effect": "NoExecute"}


def targets(binding: Manifest | None) -> list[str]:
    return [each["name"] for each in (binding or {}).get("spec", {}).get("clusters", [])]


def left(binding: Manifest | None) -> list[str]:
    return [each["fromCluster"] for each in (binding or {}).get("spec", {}).get("evictions", [])]


@pytest.fixture
async def atoll(fleet: Any) -> AsyncIterator[Federated]:
    """A federation that is quick to give a cluster up."""
    async with federated(fleet) as atoll:
        await atoll.start(evictions=Evictions(grace=1.0, rate=100.0))
        try:
            await all_ready(atoll.host, atoll.members)
            yield atoll
        finally:
            for name in atoll.members:
                await taint(atoll, name)
            await atoll.stop()


@pytest.fixture
async def shop(atoll: Federated, namespace: str) -> AsyncIterator[str]:
    await atoll.make_namespace(namespace)
    yield namespace
    await atoll.host.delete(POLICIES, "all", namespace)


async def taint(atoll: Federated, name: str, *taints: Manifest) -> None:
    body = {"spec": {"taints": list(taints)}}
    await atoll.host.api.patch(CLUSTERS, name, None, body, manager=USER)


async def place(atoll: Federated, shop: str, **spec: Any) -> None:
    """Have a ConfigMap placed on m1, and on nothing else."""
    placement = {"clusterTolerations": SOON, **ONE}
    await atoll.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP, placement=placement, **spec))
    await atoll.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await atoll.host.until(BINDINGS, SETTINGS, shop, lambda b: targets(b) == ["m1"])
    await atoll.members["m1"].until(CONFIGMAPS, "settings", shop, bool)


async def test_a_taint_moves_what_does_not_tolerate_it_and_nothing_moves_back(
    atoll: Federated, shop: str
) -> None:
    host, members = atoll.host, atoll.members
    await place(atoll, shop)
    await taint(atoll, "m1", MAINTENANCE)
    await host.until(BINDINGS, SETTINGS, shop, lambda b: targets(b) == ["m2"])
    await members["m2"].until(CONFIGMAPS, "settings", shop, bool)
    await members["m1"].until(CONFIGMAPS, "settings", shop, absent)
    await host.until(BINDINGS, SETTINGS, shop, lambda b: not left(b))
    await taint(atoll, "m1")
    await host.until(CLUSTERS, "m1", None, lambda c: c and not effects(c))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="2"))
    await members["m2"].until(CONFIGMAPS, "settings", shop, lambda c: c and c["data"]["a"] == "2")
    assert targets(await host.get(BINDINGS, SETTINGS, shop)) == ["m2"]


@pytest.mark.soak
async def test_what_no_other_cluster_takes_stays_and_says_why(atoll: Federated, shop: str) -> None:
    await taint(atoll, "m2", MAINTENANCE)
    await place(atoll, shop)
    await taint(atoll, "m1", MAINTENANCE)
    binding = await atoll.host.until(
        BINDINGS, SETTINGS, shop, lambda b: reason(b, "Scheduled") == "NoClusterFit"
    )
    assert (targets(binding), left(binding)) == (["m1"], [])
    said = next(c["message"] for c in binding["status"]["conditions"] if c["type"] == "Scheduled")
    assert said.startswith(
        "cluster m1 has the taint {example.com/maintenance: NoExecute}, but it can't leave"
    )
    await taint(atoll, "m2")
    await atoll.host.until(BINDINGS, SETTINGS, shop, lambda b: targets(b) == ["m2"])


@pytest.mark.soak
async def test_an_old_copy_that_is_never_purged_stays_until_somebody_deletes_it(
    atoll: Federated, shop: str
) -> None:
    await place(atoll, shop, failover={"cluster": {"purgeMode": "Never"}})
    await taint(atoll, "m1", MAINTENANCE)
    await atoll.members["m2"].until(CONFIGMAPS, "settings", shop, bool)
    binding = await atoll.host.until(BINDINGS, SETTINGS, shop, lambda b: condition(b or {}, "Evicting"))
    assert left(binding) == ["m1"]
    assert await atoll.members["m1"].get(CONFIGMAPS, "settings", shop)
    await atoll.members["m1"].delete(CONFIGMAPS, "settings", shop)
    await atoll.host.until(BINDINGS, SETTINGS, shop, lambda b: not left(b))


@pytest.mark.soak
async def test_the_old_copy_goes_before_the_new_one_comes_with_purge_mode_directly(
    atoll: Federated, shop: str
) -> None:
    await place(atoll, shop, failover={"cluster": {"purgeMode": "Directly"}})
    kept = {"metadata": {"finalizers": ["example.com/kept"]}}
    m1 = atoll.members["m1"]
    await m1.api.patch(CONFIGMAPS, "settings", shop, kept, manager=USER)
    await taint(atoll, "m1", MAINTENANCE)
    await m1.until(CONFIGMAPS, "settings", shop, lambda c: c and "deletionTimestamp" in c["metadata"])
    binding = await atoll.host.until(BINDINGS, SETTINGS, shop, lambda b: reason(b, "Scheduled") == "Evicting")
    assert (targets(binding), left(binding)) == ([], ["m1"])
    assert await atoll.members["m2"].get(CONFIGMAPS, "settings", shop) is None
    await m1.api.patch(CONFIGMAPS, "settings", shop, {"metadata": {"finalizers": None}}, manager=USER)
    await atoll.members["m2"].until(CONFIGMAPS, "settings", shop, bool)
    await atoll.host.until(BINDINGS, SETTINGS, shop, lambda b: not left(b) and targets(b) == ["m2"])


@pytest.mark.soak
async def test_what_was_on_a_silent_cluster_moves_and_its_old_copy_goes_when_it_returns(
    atoll: Federated, shop: str, fleet: Any
) -> None:
    await place(atoll, shop, failover={"cluster": {}})
    await asyncio.to_thread(fleet.members["m1"].stop)
    try:
        await atoll.members["m2"].until(CONFIGMAPS, "settings", shop, bool, seconds=40)
        binding = await atoll.host.get(BINDINGS, SETTINGS, shop)
        assert (targets(binding), left(binding)) == (["m2"], ["m1"])
        await atoll.stop()  # what goes on is on the host
        await atoll.start(evictions=Evictions(grace=1.0, rate=100.0))
    finally:
        await asyncio.to_thread(fleet.members["m1"].start)
    await atoll.members["m1"].until(CONFIGMAPS, "settings", shop, absent, seconds=40)
    await atoll.host.until(BINDINGS, SETTINGS, shop, lambda b: not left(b))
    assert targets(await atoll.host.get(BINDINGS, SETTINGS, shop)) == ["m2"]
    await all_ready(atoll.host, atoll.members)


@pytest.mark.soak
async def test_without_failover_it_stays(atoll: Federated, shop: str, fleet: Any) -> None:
    await place(atoll, shop)
    await asyncio.to_thread(fleet.members["m1"].stop)
    try:
        await atoll.host.until(CLUSTERS, "m1", None, lambda c: "NoExecute" in effects(c), seconds=40)
        await atoll.host.apply(CONFIGMAPS, configmap("other", shop, a="1"))
        await atoll.members["m2"].until(CONFIGMAPS, "other", shop, bool)
        assert targets(await atoll.host.get(BINDINGS, SETTINGS, shop)) == ["m1"]
    finally:
        await asyncio.to_thread(fleet.members["m1"].start)
    await all_ready(atoll.host, atoll.members)


@pytest.mark.soak
async def test_an_old_finding_is_not_believed_before_the_cluster_was_asked_again(
    atoll: Federated, shop: str
) -> None:
    await place(atoll, shop, failover={"cluster": {}})
    await atoll.stop()
    key, added = f"{GROUP}/unreachable", "2026-01-01T00:00:00Z"
    found = [{"key": key, "effect": effect, "timeAdded": added} for effect in ("NoSchedule", "NoExecute")]
    await taint(atoll, "m1", *found)
    before = await atoll.host.get(BINDINGS, SETTINGS, shop)
    await atoll.start(evictions=Evictions(grace=1.0, rate=100.0, brake=1.0))
    await atoll.host.until(CLUSTERS, "m1", None, lambda c: not effects(c))
    await atoll.host.apply(CONFIGMAPS, configmap("settings", shop, a="2"))
    await atoll.members["m1"].until(CONFIGMAPS, "settings", shop, lambda c: c and c["data"]["a"] == "2")
    binding = await atoll.host.get(BINDINGS, SETTINGS, shop)
    assert before
    assert binding
    assert binding["metadata"]["generation"] == before["metadata"]["generation"]


@pytest.mark.soak
async def test_nothing_moves_while_most_clusters_are_not_ready(
    atoll: Federated, shop: str, fleet: Any
) -> None:
    await place(atoll, shop, failover={"cluster": {}})
    await atoll.stop()
    await atoll.start(evictions=Evictions(grace=1.0, rate=100.0, brake=0.4))
    await asyncio.to_thread(fleet.members["m1"].stop)
    try:
        held = await atoll.host.until(
            CLUSTERS, "m1", None, lambda c: reason(c, "Held") == "EvictionsHeld", seconds=40
        )
        said = next(c["message"] for c in held["status"]["conditions"] if c["type"] == "Held")
        assert said.startswith("1 workload should leave this cluster: 1 of 2 clusters are not ready")
        assert targets(await atoll.host.get(BINDINGS, SETTINGS, shop)) == ["m1"]
    finally:
        await asyncio.to_thread(fleet.members["m1"].start)
    await atoll.host.until(CLUSTERS, "m1", None, lambda c: c and not effects(c), seconds=40)
    await atoll.host.until(CLUSTERS, "m1", None, lambda c: reason(c, "Held") is None)
    assert targets(await atoll.host.get(BINDINGS, SETTINGS, shop)) == ["m1"]


def effects(cluster: Manifest | None) -> list[str]:
    return [each["effect"] for each in (cluster or {}).get("spec", {}).get("taints", [])]


@pytest.mark.soak
async def test_a_cluster_is_drained_of_all_that_does_not_tolerate_it_and_keeps_what_does(
    atoll: Federated, shop: str, fleet: Any
) -> None:
    await place(atoll, shop)
    tolerant = {"clusterTolerations": [{"operator": "Exists"}], "clusterAffinity": {"clusterNames": ["m1"]}}
    named = A_CONFIGMAP | {"name": "stays"}
    await atoll.host.apply(POLICIES, policy("tolerant", shop, named, placement=tolerant))
    await atoll.host.apply(CONFIGMAPS, configmap("stays", shop, a="1"))
    await atoll.members["m1"].until(CONFIGMAPS, "stays", shop, bool)
    stays = f"configmaps/stays in {shop} stays: PropagationPolicy {shop}/tolerant tolerates the taint "
    dry = await typed(fleet, "drain", "m1", "--dry-run")
    assert stays in dry
    assert f"configmaps/settings in {shop} would leave\n" in dry
    assert targets(await atoll.host.get(BINDINGS, SETTINGS, shop)) == ["m1"]

    said = await typed(fleet, "drain", "m1", "--timeout", "20")
    assert stays in said
    assert said.splitlines()[-1].startswith("cluster/m1 drained: 1 left, ")  # others may have left copies
    assert targets(await atoll.host.get(BINDINGS, SETTINGS, shop)) == ["m2"]
    assert await atoll.members["m1"].get(CONFIGMAPS, "settings", shop) is None
    assert await typed(fleet, "uncordon", "m1") == "cluster/m1 uncordoned\n"
    cluster = await atoll.host.get(CLUSTERS, "m1")
    assert effects(cluster) == []
    await atoll.host.delete(POLICIES, "tolerant", shop)


@pytest.mark.soak
async def test_a_drain_that_can_not_end_says_why_and_fails(atoll: Federated, shop: str, fleet: Any) -> None:
    await taint(atoll, "m2", MAINTENANCE)
    await place(atoll, shop)
    said = await typed(fleet, "drain", "m1", "--timeout", "3", code=1)
    assert f"configmaps/settings in {shop}: cluster m1 has the taint" in said
    assert said.endswith("cluster/m1: 1 of 1 are to leave yet; it goes on without this command\n")


async def typed(fleet: Any, *words: str, code: int = 0) -> str:
    line = [*words, "--kubeconfig", str(fleet.host.path)]
    result = await asyncio.to_thread(CliRunner().invoke, app, line)
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.mark.soak
async def test_the_new_copy_is_told_of_the_state_of_the_old_one(atoll: Federated, shop: str) -> None:
    rules = [{"aliasLabelName": "example.com/before", "jsonPath": "{.replicas}"}]
    failover = {"cluster": {"purgeMode": "Directly", "statePreservation": {"rules": rules}}}
    await atoll.host.apply(POLICIES, policy("all", shop, A_DEPLOYMENT, placement=ONE, failover=failover))
    await atoll.host.apply(DEPLOYMENTS, deployment("web", shop, replicas=2))
    m1 = atoll.members["m1"]
    await m1.until(DEPLOYMENTS, "web", shop, bool)
    status = {"status": {"replicas": 2, "observedGeneration": 1}}
    await m1.api.patch(DEPLOYMENTS, "web", shop, status, subresource="status", manager=USER)
    await atoll.host.until(DEPLOYMENTS, "web", shop, lambda d: d and d["status"].get("replicas") == 2)
    await taint(atoll, "m1", MAINTENANCE)
    await m1.until(DEPLOYMENTS, "web", shop, lambda d: d and "deletionTimestamp" in d["metadata"])
    done = {"metadata": {"finalizers": None}}  # what the garbage collector does when the pods are gone
    await m1.api.patch(DEPLOYMENTS, "web", shop, done, manager=USER)
    copy = await atoll.members["m2"].until(DEPLOYMENTS, "web", shop, bool)
    assert copy["metadata"]["labels"]["example.com/before"] == "2"
    await atoll.host.until(BINDINGS, "web.deployments.apps", shop, lambda b: not left(b))
