"""Clusters come, go, fall silent and come back; what is host and member to each other survives it."""

from __future__ import annotations

import asyncio
from typing import Any

from federation.members.join import detach, leave
from federation.members.networks import overlap
from federation.resources import NODES
from tests.federated import (
    BINDINGS,
    CLUSTERS,
    CONFIGMAPS,
    GROUP,
    POLICIES,
    SECRETS,
    USER,
    Federated,
    Manifest,
    absent,
    condition,
    configmap,
    join_member,
    policy,
    reason,
    selects,
)

CONFIGMAP = selects("v1", "ConfigMap")


def taints(cluster: Manifest | None) -> list[str]:
    return [taint["key"] for taint in (cluster or {}).get("spec", {}).get("taints", [])]


async def test_a_ready_cluster_tells_what_it_is(running: Federated) -> None:
    cluster = await running.host.until(CLUSTERS, "m1", None, lambda c: c and condition(c, "Ready") == "True")
    status = cluster["status"]
    assert status["kubernetesVersion"].startswith("v1.")
    assert "Deployment" in next(a["kinds"] for a in status["apis"] if a["groupVersion"] == "apps/v1")
    assert status["nodeSummary"] == {"total": 0, "ready": 0}
    assert status["clusterUid"]


async def test_a_silent_member_costs_the_others_nothing_and_catches_up_at_once(
    running: Federated, shop: str, fleet: Any
) -> None:
    await running.host.apply(POLICIES, policy("all", shop, CONFIGMAP))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.everywhere(CONFIGMAPS, "settings", shop, bool)
    await running.members["m2"].apply(NODES, node("n1", "10.2.0.0/24"))
    await asyncio.to_thread(fleet.members["m2"].stop)
    try:
        silent = await running.host.until(
            CLUSTERS, "m2", None, lambda c: reason(c, "Ready") == "Unreachable" and taints(c), seconds=30
        )
        assert condition(silent, "Ready") == "Unknown"
        assert taints(silent) == [f"{GROUP}/unreachable"]
        await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="2"))
        await running.members["m1"].until(
            CONFIGMAPS, "settings", shop, lambda c: c and c["data"]["a"] == "2", seconds=5
        )
        binding = await running.host.until(
            BINDINGS, "settings.configmaps", shop, lambda b: reason(b, "Applied") == "ClusterNotReady"
        )
        assert condition(binding, "Healthy") == "Unknown"
    finally:
        await asyncio.to_thread(fleet.members["m2"].start)
    await running.host.until(
        CLUSTERS, "m2", None, lambda c: c and condition(c, "Ready") == "True", seconds=30
    )
    await running.members["m2"].until(
        CONFIGMAPS, "settings", shop, lambda c: c and c["data"]["a"] == "2", seconds=5
    )
    back = await running.host.until(CLUSTERS, "m2", None, lambda c: c and not taints(c))
    assert (back["status"]["nodeSummary"]["total"], back["status"]["podCIDRs"]) == (1, ["10.2.0.0/24"])
    await running.members["m2"].delete(NODES, "n1")


async def test_clusters_whose_pods_share_addresses_say_so(running: Federated) -> None:
    await said(running, "m1", "10.1.0.0/16")
    await running.members["m2"].apply(NODES, node("n1", "10.1.7.0/24"))
    found = await overlap(running.host.api, running.members["m2"].api, "m2")
    assert found is not None
    assert found.message.startswith("pod CIDR 10.1.7.0/24 overlaps 10.1.0.0/16 of cluster m1: ")
    await running.members["m2"].delete(NODES, "n1")
    assert await overlap(running.host.api, running.members["m2"].api, "m2") is None

    await said(running, "m2", "10.1.8.0/24")
    told = await running.host.until(
        CLUSTERS, "m2", None, lambda c: reason(c, "PodNetworkOverlap") == "PodCIDRsOverlap"
    )
    assert condition(told, "Ready") == "True"
    await said(running, "m2", "10.9.0.0/16")
    await running.host.until(CLUSTERS, "m2", None, lambda c: c and condition(c, "PodNetworkOverlap") is None)
    for name in ("m1", "m2"):
        await said(running, name)


async def said(running: Federated, cluster: str, *cidrs: str) -> None:
    """Have a person say what the pod networks of a cluster are."""
    spec = {"spec": {"podCIDRs": list(cidrs)}}
    await running.host.api.patch(CLUSTERS, cluster, None, spec, manager=USER)


def node(name: str, cidr: str) -> Manifest:
    spec = {"podCIDR": cidr, "podCIDRs": [cidr]}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec}


async def test_a_leaving_cluster_gives_its_copies_back_or_loses_them(
    running: Federated, shop: str, fleet: Any
) -> None:
    m2 = running.members["m2"]
    await running.host.apply(POLICIES, policy("all", shop, CONFIGMAP))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.everywhere(CONFIGMAPS, "settings", shop, bool)
    for removal in ("Keep", "Delete"):
        await leave(running.host.api, "m2", removal=removal)
        await running.host.until(CLUSTERS, "m2", None, absent)
        assert await running.host.get(SECRETS, "cluster-m2", "atoll-system") is None
        left = await m2.get(CONFIGMAPS, "settings", shop)
        assert (left is not None) == (removal == "Keep")
        if left is not None:
            assert left["data"] == {"a": "1"}
            assert f"{GROUP}/host" not in left["metadata"].get("labels", {})
        assert await running.members["m1"].get(CONFIGMAPS, "settings", shop)
        if left is not None:
            await m2.delete(CONFIGMAPS, "settings", shop)
        await join_member(running.host.api, m2.api, "m2", fleet.members["m2"].kubeconfig)
        await m2.until(CONFIGMAPS, "settings", shop, bool)


async def test_detaching_asks_nothing_of_the_member(running: Federated, shop: str, fleet: Any) -> None:
    m2 = running.members["m2"]
    await running.host.apply(POLICIES, policy("all", shop, CONFIGMAP))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.everywhere(CONFIGMAPS, "settings", shop, bool)
    await asyncio.to_thread(fleet.members["m2"].stop)
    try:
        async with asyncio.timeout(10):
            await detach(running.host.api, "m2")
        await running.host.until(CLUSTERS, "m2", None, absent)
        await running.host.until(
            BINDINGS, "settings.configmaps", shop,
            lambda b: b and [c["name"] for c in b["spec"]["clusters"]] == ["m1"],
        )  # fmt: skip
    finally:
        await asyncio.to_thread(fleet.members["m2"].start)
    assert await m2.get(CONFIGMAPS, "settings", shop)
    await join_member(running.host.api, m2.api, "m2", fleet.members["m2"].kubeconfig)
    await running.host.until(
        BINDINGS, "settings.configmaps", shop,
        lambda b: b and len(b["spec"]["clusters"]) == 2 and condition(b, "Applied") == "True",
    )  # fmt: skip


async def test_a_cluster_without_its_secret_says_what_to_do(running: Federated) -> None:
    cluster = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "Cluster",
        "metadata": {"name": "lost"},
        "spec": {"secretRef": {"namespace": "atoll-system", "name": "nowhere"}},
    }
    await running.host.apply(CLUSTERS, cluster)
    try:
        told = await running.host.until(CLUSTERS, "lost", None, lambda c: reason(c, "Ready") == "NoSecret")
        assert "run `atoll join` again" in str(told["status"]["conditions"])
    finally:
        await running.host.delete(CLUSTERS, "lost")
    await running.host.until(CLUSTERS, "lost", None, absent)


async def test_another_cluster_at_a_known_address_is_not_written_to(running: Federated, shop: str) -> None:
    """A member that was rebuilt, or an address that leads elsewhere."""
    other = "11111111-2222-3333-4444-555555555555"
    await running.stop()
    await running.host.api.patch(
        CLUSTERS, "m2", None, {"status": {"clusterUid": other}}, manager="test-user", subresource="status"
    )
    await running.host.apply(POLICIES, policy("all", shop, CONFIGMAP))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.start()
    try:
        await running.host.until(CLUSTERS, "m2", None, lambda c: reason(c, "Ready") == "AnotherCluster")
        await running.members["m1"].until(CONFIGMAPS, "settings", shop, bool)
        await running.host.until(
            BINDINGS, "settings.configmaps", shop, lambda b: reason(b, "Applied") == "ClusterNotReady"
        )
        assert await running.members["m2"].get(CONFIGMAPS, "settings", shop) is None
    finally:
        await running.stop()
        await running.host.api.patch(
            CLUSTERS, "m2", None, {"status": {"clusterUid": None}}, manager="test-user", subresource="status"
        )
        await running.start()


async def test_revoked_credentials_are_reported_and_renewed_ones_taken_up(
    running: Federated, fleet: Any
) -> None:
    secret = await running.host.get(SECRETS, "cluster-m2", "atoll-system")
    assert secret
    broken = "YXBpVmVyc2lvbjogdjEKa2luZDogQ29uZmlnCg=="  # a kubeconfig without clusters
    await running.host.api.patch(
        SECRETS, "cluster-m2", "atoll-system", {"data": {"kubeconfig": broken}}, manager="test-user"
    )
    await running.host.api.patch(
        CLUSTERS, "m2", None, {"metadata": {"labels": {"look": "again"}}}, manager="test-user"
    )
    await running.host.until(CLUSTERS, "m2", None, lambda c: reason(c, "Ready") == "BadSecret")
    await join_member(running.host.api, running.members["m2"].api, "m2", fleet.members["m2"].kubeconfig)
    await running.host.api.patch(
        CLUSTERS, "m2", None, {"metadata": {"labels": {"look": None}}}, manager="test-user"
    )
    await running.host.until(CLUSTERS, "m2", None, lambda c: c and condition(c, "Ready") == "True")


async def test_nothing_is_written_to_a_paused_cluster(running: Federated, shop: str) -> None:
    async def pause(value: bool) -> None:
        body = {"spec": {"paused": value}}
        await running.host.api.patch(CLUSTERS, "m2", None, body, manager="test-user")

    await pause(True)
    try:
        await running.host.apply(POLICIES, policy("all", shop, CONFIGMAP))
        await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
        await running.members["m1"].until(CONFIGMAPS, "settings", shop, bool)
        await running.host.until(
            BINDINGS, "settings.configmaps", shop, lambda b: reason(b, "Applied") == "ClusterPaused"
        )
        assert await running.members["m2"].get(CONFIGMAPS, "settings", shop) is None
    finally:
        await pause(False)
    await running.members["m2"].until(CONFIGMAPS, "settings", shop, bool)


async def test_joining_again_takes_nothing_away(running: Federated, fleet: Any) -> None:
    given = {"metadata": {"labels": {"tier": "edge"}}, "spec": {"region": "ap-south"}}
    await running.host.api.patch(CLUSTERS, "m2", None, given, manager="test-user")
    await join_member(running.host.api, running.members["m2"].api, "m2", fleet.members["m2"].kubeconfig)
    cluster = await running.host.get(CLUSTERS, "m2")
    assert cluster
    assert cluster["metadata"]["labels"]["tier"] == "edge"
    assert cluster["spec"]["region"] == "ap-south"


async def test_copies_follow_a_binding_that_was_made_anew(running: Federated, shop: str) -> None:
    await running.host.apply(POLICIES, policy("all", shop, CONFIGMAP))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.everywhere(CONFIGMAPS, "settings", shop, bool)
    before = await running.host.until(BINDINGS, "settings.configmaps", shop, bool)
    copy = await running.members["m2"].get(CONFIGMAPS, "settings", shop)
    await running.host.delete(BINDINGS, "settings.configmaps", shop)
    await running.host.until(
        BINDINGS, "settings.configmaps", shop,
        lambda b: b and b["metadata"]["uid"] != before["metadata"]["uid"]
        and condition(b, "Applied") == "True",
    )  # fmt: skip
    kept = await running.members["m2"].get(CONFIGMAPS, "settings", shop)
    assert copy
    assert kept
    assert kept["metadata"]["uid"] == copy["metadata"]["uid"]
    only_m1 = {"clusterAffinity": {"clusterNames": ["m1"]}}
    await running.host.apply(POLICIES, policy("all", shop, CONFIGMAP, placement=only_m1))
    await running.members["m2"].until(CONFIGMAPS, "settings", shop, absent)
