"""Where templates go by groups of clusters, spread constraints and each other, over real API servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.federated import (
    A_CONFIGMAP,
    A_DEPLOYMENT,
    BINDINGS,
    CLUSTERS,
    CONFIGMAPS,
    DEPLOYMENTS,
    POLICIES,
    Federated,
    Manifest,
    absent,
    condition,
    configmap,
    deployment,
    policy,
    reason,
)

USER = "kubectl"


@asynccontextmanager
async def changed(running: Federated, cluster: str, before: Manifest, after: Manifest) -> AsyncIterator[None]:
    """A Cluster with something changed, for the time of a block."""
    await running.host.api.patch(CLUSTERS, cluster, None, after, manager=USER)
    try:
        yield
    finally:
        await running.host.api.patch(CLUSTERS, cluster, None, before, manager=USER)


def labels(**values: str | None) -> Manifest:
    return {"metadata": {"labels": values}}


async def placed(running: Federated, namespace: str, name: str, *clusters: str) -> Manifest:
    """Wait until a binding names these clusters and all of them hold it."""
    binding = await running.host.until(
        BINDINGS,
        name,
        namespace,
        lambda b: (
            b is not None
            and [target["name"] for target in b["spec"].get("clusters", [])] == list(clusters)
            and condition(b, "Applied") == "True"
        ),
    )
    assert binding is not None
    return binding


NEAR_FIRST = [
    {"affinityName": "near", "labelSelector": {"matchLabels": {"near": "yes"}}},
    {"affinityName": "far", "clusterNames": ["m2"]},
]


async def test_it_goes_to_the_next_group_of_clusters_and_back_only_if_it_may(
    running: Federated, shop: str
) -> None:
    async with changed(running, "m1", labels(near=None), labels(near="yes")):
        groups = {"clusterAffinities": NEAR_FIRST}
        await running.host.apply(POLICIES, policy("near", shop, A_CONFIGMAP, placement=groups))
        await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
        binding = await placed(running, shop, "settings.configmaps", "m1")
        assert binding["spec"]["affinityName"] == "near"
        await running.host.api.patch(CLUSTERS, "m1", None, labels(near=None), manager=USER)
        binding = await placed(running, shop, "settings.configmaps", "m2")
        assert binding["spec"]["affinityName"] == "far"
        await running.members["m1"].until(CONFIGMAPS, "settings", shop, absent)
        await running.host.api.patch(CLUSTERS, "m1", None, labels(near="yes"), manager=USER)
        await running.host.apply(CONFIGMAPS, configmap("later", shop, a="1"))
        await placed(running, shop, "later.configmaps", "m1")
        await placed(running, shop, "settings.configmaps", "m2")
        back = groups | {"failback": "WhenFeasible"}
        await running.host.apply(POLICIES, policy("near", shop, A_CONFIGMAP, placement=back))
        await placed(running, shop, "settings.configmaps", "m1")


def spread(**constraints: int) -> Manifest:
    return {"spreadConstraints": [{"spreadByField": "cluster", **constraints}]}


async def test_it_stays_in_the_one_cluster_that_it_may_use_while_that_fits(
    running: Federated, shop: str
) -> None:
    await running.host.apply(POLICIES, policy("one", shop, A_CONFIGMAP, placement=spread(maxGroups=1)))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await placed(running, shop, "settings.configmaps", "m1")
    only_m2 = spread(maxGroups=1) | {"clusterAffinity": {"clusterNames": ["m2"]}}
    await running.host.apply(POLICIES, policy("one", shop, A_CONFIGMAP, placement=only_m2))
    await placed(running, shop, "settings.configmaps", "m2")
    await running.host.apply(POLICIES, policy("one", shop, A_CONFIGMAP, placement=spread(maxGroups=1)))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="2"))
    await running.members["m2"].until(CONFIGMAPS, "settings", shop, lambda c: c and c["data"] == {"a": "2"})
    await placed(running, shop, "settings.configmaps", "m2")


async def test_constraints_that_can_not_be_met_are_said_and_met_later(running: Federated, shop: str) -> None:
    regions = {
        "spreadConstraints": [{"spreadByField": "cluster"}, {"spreadByField": "region", "minGroups": 2}]
    }
    async with (
        changed(running, "m1", {"spec": {"region": None}}, {"spec": {"region": "eu"}}),
        changed(running, "m2", {"spec": {"region": None}}, {"spec": {"region": "eu"}}),
    ):
        await running.host.apply(POLICIES, policy("wide", shop, A_CONFIGMAP, placement=regions))
        await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
        binding = await running.host.until(
            BINDINGS, "settings.configmaps", shop, lambda b: reason(b, "Scheduled") == "Unschedulable"
        )
        assert binding is not None
        message = binding["status"]["conditions"][0]["message"]
        assert message == "spreadConstraints ask for 2 regions, and those that fit are 1"
        await running.host.api.patch(CLUSTERS, "m2", None, {"spec": {"region": "us"}}, manager=USER)
        await placed(running, shop, "settings.configmaps", "m1", "m2")


def grouped(name: str, namespace: str, group: str) -> Manifest:
    manifest = deployment(name, namespace)
    manifest["metadata"]["labels"] = {"group": group}
    return manifest


async def test_workloads_that_must_be_apart_take_turns(running: Federated, shop: str) -> None:
    """Applied at once, so that each is decided while the others are under way."""
    apart = spread(maxGroups=1) | {"workloadAffinity": {"antiAffinity": {"groupByLabelKey": "group"}}}
    await running.host.apply(POLICIES, policy("apart", shop, A_DEPLOYMENT, placement=apart))
    names = ["a", "b", "c"]
    for name in names:
        await running.host.apply(DEPLOYMENTS, grouped(name, shop, "db"))
    await running.host.apply(DEPLOYMENTS, grouped("other", shop, "web"))
    await placed(running, shop, "other.deployments.apps", "m1")
    where: dict[str, str] = {}
    for name in names:
        binding = await running.host.until(
            BINDINGS,
            f"{name}.deployments.apps",
            shop,
            lambda b: b and (condition(b, "Applied") == "True" or reason(b, "Scheduled") == "NoClusterFit"),
        )
        assert binding is not None
        if targets := binding["spec"].get("clusters"):
            where[name] = targets[0]["name"]
        else:
            said = binding["status"]["conditions"][0]["message"]
            assert said == "0/2 clusters fit: 2 have a workload it must not be with"
    assert sorted(where.values()) == ["m1", "m2"]
    gone, free = next(iter(where.items()))
    (waiting,) = set(names) - set(where)
    await running.host.delete(DEPLOYMENTS, gone, shop)
    await placed(running, shop, f"{waiting}.deployments.apps", free)


async def test_workloads_that_must_be_together_follow_the_first(running: Federated, shop: str) -> None:
    only_m2 = {"clusterAffinity": {"clusterNames": ["m2"]}}
    together = {"workloadAffinity": {"affinity": {"groupByLabelKey": "group"}}}
    first = {**A_DEPLOYMENT, "name": "first"}
    await running.host.apply(POLICIES, policy("first", shop, first, placement=only_m2))
    await running.host.apply(DEPLOYMENTS, grouped("first", shop, "db"))
    await placed(running, shop, "first.deployments.apps", "m2")
    await running.host.apply(POLICIES, policy("rest", shop, A_DEPLOYMENT, placement=together))
    await running.host.apply(DEPLOYMENTS, grouped("second", shop, "db"))
    await placed(running, shop, "second.deployments.apps", "m2")
    await running.host.apply(DEPLOYMENTS, grouped("alone", shop, "web"))
    await placed(running, shop, "alone.deployments.apps", "m1", "m2")
