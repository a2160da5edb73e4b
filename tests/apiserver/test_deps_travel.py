"""What a workload names travels with it, over real API servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.federated import (
    A_CONFIGMAP,
    A_DEPLOYMENT,
    BINDINGS,
    CLUSTERS,
    CONFIGMAPS,
    DEPLOYMENTS,
    POLICIES,
    SECRETS,
    Federated,
    Manifest,
    Resource,
    absent,
    all_ready,
    condition,
    configmap,
    deployment,
    policy,
    reason,
    selects,
)

EXAMPLE = Path(__file__).parents[2] / "examples" / "policies" / "dependencies.yaml"
SETTINGS = "settings.configmaps"
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")


def using(name: str, namespace: str, *config_maps: str, account: str = "") -> Manifest:
    """A Deployment that takes its environment from ConfigMaps."""
    manifest = deployment(name, namespace)
    spec = manifest["spec"]["template"]["spec"]
    spec["containers"][0]["envFrom"] = [{"configMapRef": {"name": each}} for each in config_maps]
    if account:
        spec["serviceAccountName"] = account
    return manifest


def travelling(name: str, namespace: str, *clusters: str, **spec: Any) -> Manifest:
    """A policy for the Deployment of its name, in some of the clusters, with what it needs."""
    placement = {"clusterAffinity": {"clusterNames": list(clusters)}} if clusters else {}
    selector = A_DEPLOYMENT | {"name": name}
    return policy(name, namespace, selector, propagateDeps=True, placement=placement, **spec)


def holds(**data: str) -> Any:
    return lambda live: live and live["data"] == data


def placed(*clusters: str) -> Any:
    """Whether a binding names exactly these clusters, and all hold it."""
    return lambda binding: (
        binding
        and [target["name"] for target in binding["spec"].get("clusters", [])] == list(clusters)
        and binding.get("status", {}).get("observedGeneration") == binding["metadata"]["generation"]
        and condition(binding, "Applied") == "True"
    )


def message(manifest: Manifest, type_: str) -> str:
    return next(each["message"] for each in manifest["status"]["conditions"] if each["type"] == type_)


async def test_what_is_needed_comes_with_the_first_workload_and_goes_with_the_last(
    running: Federated, shop: str
) -> None:
    host, m1, m2 = running.host, running.members["m1"], running.members["m2"]
    example = yaml.safe_load(EXAMPLE.read_text())
    await host.apply(POLICIES, example | {"metadata": {"name": "web", "namespace": shop}})
    await host.apply(DEPLOYMENTS, using("web", shop, "settings"))
    told = await host.until(
        BINDINGS, "web.deployments.apps", shop, lambda b: reason(b, "DependencyMissing") is not None
    )
    assert "the host has no ConfigMap settings, which the template names" in message(
        told, "DependencyMissing"
    )
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await m1.until(CONFIGMAPS, "settings", shop, holds(a="1"))
    await host.until(BINDINGS, "web.deployments.apps", shop, lambda b: not reason(b, "DependencyMissing"))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="2"))
    await m1.until(CONFIGMAPS, "settings", shop, holds(a="2"))
    assert await m2.get(CONFIGMAPS, "settings", shop) is None
    await host.apply(POLICIES, travelling("api", shop, "m2"))
    await host.apply(DEPLOYMENTS, using("api", shop, "settings"))
    told = await host.until(BINDINGS, SETTINGS, shop, placed("m1", "m2"))
    assert message(told, "Scheduled") == "placed on 2 clusters, needed by Deployment api, Deployment web"
    await host.apply(DEPLOYMENTS, using("web", shop))
    await m1.until(CONFIGMAPS, "settings", shop, absent)
    await host.until(BINDINGS, SETTINGS, shop, placed("m2"))
    await host.delete(DEPLOYMENTS, "api", shop)
    await m2.until(CONFIGMAPS, "settings", shop, absent)
    await host.until(BINDINGS, SETTINGS, shop, absent)
    await host.until(BINDINGS, "api.deployments.apps", shop, absent)
    assert await host.get(CONFIGMAPS, "settings", shop)


@pytest.mark.soak
async def test_a_policy_of_its_own_keeps_it_where_no_workload_needs_it_any_more(
    running: Federated, shop: str
) -> None:
    host, m1, m2 = running.host, running.members["m1"], running.members["m2"]
    pull = {"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "{}"}}
    metadata = {"name": "pull", "namespace": shop}
    await host.apply(SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **pull})
    robot = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata | {"name": "robot"}}
    await host.apply(ACCOUNTS, robot)
    only_m2 = {"clusterAffinity": {"clusterNames": ["m2"]}}
    await host.apply(POLICIES, policy("own", shop, A_CONFIGMAP, placement=only_m2))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await host.apply(POLICIES, travelling("web", shop, "m1"))
    await host.apply(DEPLOYMENTS, using("web", shop, "settings", account="robot"))
    told = await host.until(BINDINGS, SETTINGS, shop, placed("m1", "m2"))
    assert [each.get("onlyRequired") for each in told["spec"]["clusters"]] == [True, None]
    await m1.until(ACCOUNTS, "robot", shop, bool)
    assert await m1.get(SECRETS, "pull", shop) is None
    await host.apply(ACCOUNTS, robot | {"imagePullSecrets": [{"name": "pull"}]})
    await m1.until(SECRETS, "pull", shop, bool)
    await host.delete(DEPLOYMENTS, "web", shop)
    await host.until(BINDINGS, SETTINGS, shop, placed("m2"))
    for resource, name in ((CONFIGMAPS, "settings"), (ACCOUNTS, "robot"), (SECRETS, "pull")):
        await m1.until(resource, name, shop, absent)
    assert await m2.get(CONFIGMAPS, "settings", shop)


@pytest.mark.soak
async def test_settings_that_differ_are_named_and_the_stronger_ones_count(
    running: Federated, shop: str
) -> None:
    host, m1 = running.host, running.members["m1"]
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await host.apply(POLICIES, travelling("web", shop))
    await running.make_namespace(shop)
    await host.apply(DEPLOYMENTS, using("web", shop))
    await m1.until(DEPLOYMENTS, "web", shop, bool)
    await m1.apply(CONFIGMAPS, configmap("settings", shop, a="theirs"))
    await host.apply(DEPLOYMENTS, using("web", shop, "settings"))
    await host.until(BINDINGS, SETTINGS, shop, lambda b: reason(b, "Applied") == "ConflictResolutionAbort")
    failing = await host.until(POLICIES, "web", shop, lambda p: reason(p, "Ready") == "Failing")
    assert (failing["status"]["matched"], failing["status"]["failed"]) == (1, 1)
    assert failing["status"]["failures"][0]["object"] == f"configmaps/settings in {shop}"
    await host.apply(POLICIES, travelling("api", shop, conflictResolution="Overwrite"))
    await host.apply(DEPLOYMENTS, using("api", shop, "settings"))
    await running.everywhere(CONFIGMAPS, "settings", shop, holds(a="1"))
    told = await host.until(BINDINGS, SETTINGS, shop, lambda b: reason(b, "SettingsDiffer") is not None)
    assert (
        f"conflictResolution is Overwrite for Deployment api (PropagationPolicy {shop}/api) and Abort for "
        f"Deployment web (PropagationPolicy {shop}/web): Overwrite counts" in message(told, "SettingsDiffer")
    )


@pytest.mark.soak
async def test_a_suspended_policy_suspends_what_its_workload_needs(running: Federated, shop: str) -> None:
    host, m1 = running.host, running.members["m1"]
    await host.apply(POLICIES, travelling("web", shop))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await host.apply(DEPLOYMENTS, using("web", shop, "settings"))
    await running.everywhere(CONFIGMAPS, "settings", shop, holds(a="1"))
    await host.apply(POLICIES, travelling("web", shop, suspension={"dispatching": True}))
    await host.until(BINDINGS, SETTINGS, shop, lambda b: reason(b, "Suspended") is not None)
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="2"))
    await host.until(BINDINGS, SETTINGS, shop, lambda b: reason(b, "Applied") == "Suspended")
    assert (await m1.get(CONFIGMAPS, "settings", shop) or {})["data"] == {"a": "1"}
    await host.apply(POLICIES, travelling("web", shop))
    await running.everywhere(CONFIGMAPS, "settings", shop, holds(a="2"))


@pytest.mark.soak
async def test_a_policy_of_its_own_that_is_not_valid_keeps_nobody_from_what_they_need(
    running: Federated, shop: str
) -> None:
    host, m2 = running.host, running.members["m2"]
    only_m1 = {"clusterAffinity": {"clusterNames": ["m1"]}}
    await host.apply(POLICIES, policy("own", shop, A_CONFIGMAP, placement=only_m1))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await host.until(BINDINGS, SETTINGS, shop, placed("m1"))
    broken = selects("v1", "ConfigMap", labelSelector={"matchLabels": {"not a key": "x"}})
    await host.apply(POLICIES, policy("own", shop, broken, placement=only_m1))
    await host.until(BINDINGS, SETTINGS, shop, lambda b: reason(b, "Scheduled") == "PolicyInvalid")
    await host.apply(POLICIES, travelling("web", shop, "m2"))
    await host.apply(DEPLOYMENTS, using("web", shop, "settings"))
    await m2.until(CONFIGMAPS, "settings", shop, holds(a="1"))
    await host.delete(DEPLOYMENTS, "web", shop)
    await host.until(BINDINGS, "web.deployments.apps", shop, absent)
    await m2.until(CONFIGMAPS, "settings", shop, absent)
    await host.until(BINDINGS, SETTINGS, shop, placed("m1"))


@pytest.mark.soak
async def test_what_a_workload_without_a_policy_needs_stays_as_it_is(running: Federated, shop: str) -> None:
    host, m1 = running.host, running.members["m1"]
    await host.apply(POLICIES, travelling("web", shop))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await host.apply(DEPLOYMENTS, using("web", shop, "settings"))
    await running.everywhere(CONFIGMAPS, "settings", shop, holds(a="1"))
    await host.delete(POLICIES, "web", shop)
    await host.until(BINDINGS, SETTINGS, shop, lambda b: reason(b, "Applied") == "NoPolicy")
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="2"))
    await host.apply(POLICIES, travelling("api", shop, "m2"))
    await host.apply(DEPLOYMENTS, using("api", shop, "settings"))
    await running.members["m2"].until(CONFIGMAPS, "settings", shop, holds(a="2"))
    assert (await m1.get(CONFIGMAPS, "settings", shop) or {})["data"] == {"a": "1"}


@pytest.mark.soak
async def test_a_workload_that_is_preserved_keeps_what_it_needs(running: Federated, shop: str) -> None:
    host = running.host
    await host.apply(POLICIES, travelling("web", shop, preserveResourcesOnDeletion=True))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await host.apply(DEPLOYMENTS, using("web", shop, "settings"))
    await host.until(BINDINGS, SETTINGS, shop, placed("m1", "m2"))
    await host.delete(DEPLOYMENTS, "web", shop)
    await host.until(BINDINGS, "web.deployments.apps", shop, absent)
    told = await host.until(BINDINGS, SETTINGS, shop, lambda b: reason(b, "Applied") == "NoPolicy")
    assert "policy" not in told["spec"]["requiredBy"][0]
    await running.everywhere(CONFIGMAPS, "settings", shop, bool)


@pytest.mark.soak
async def test_what_copies_of_before_need_stays_until_they_are_of_now(running: Federated, shop: str) -> None:
    host, m1 = running.host, running.members["m1"]
    await host.apply(POLICIES, travelling("web", shop))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await host.apply(CONFIGMAPS, configmap("newer", shop, a="2"))
    await host.apply(DEPLOYMENTS, using("web", shop, "settings"))
    await host.until(BINDINGS, "web.deployments.apps", shop, placed("m1", "m2"))
    await host.api.patch(CLUSTERS, "m2", None, {"spec": {"paused": True}}, manager="kubectl")
    try:
        await host.until(
            BINDINGS, "web.deployments.apps", shop, lambda b: reason(b, "Applied") == "ClusterPaused"
        )
        await host.apply(DEPLOYMENTS, using("web", shop, "newer"))
        await m1.until(CONFIGMAPS, "newer", shop, bool)
        await host.until(
            BINDINGS, "newer.configmaps", shop, lambda b: reason(b, "Applied") == "ClusterPaused"
        )
        assert await m1.get(CONFIGMAPS, "settings", shop)
    finally:
        await host.api.patch(CLUSTERS, "m2", None, {"spec": {"paused": None}}, manager="kubectl")
    await running.everywhere(CONFIGMAPS, "settings", shop, absent)
    await host.until(BINDINGS, SETTINGS, shop, absent)


@pytest.mark.soak
async def test_it_stays_with_an_old_copy_that_waits_for_the_new_one(running: Federated, shop: str) -> None:
    host, m1 = running.host, running.members["m1"]
    one = {"spreadConstraints": [{"spreadByField": "cluster", "maxGroups": 1}]}
    web = travelling("web", shop)
    web["spec"]["placement"] = one
    await host.apply(POLICIES, web)
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await host.apply(DEPLOYMENTS, using("web", shop, "settings"))
    await host.until(BINDINGS, SETTINGS, shop, placed("m1"))
    taint = {"key": "example.com/maintenance", "effect": "NoExecute"}
    await host.api.patch(CLUSTERS, "m1", None, {"spec": {"taints": [taint]}}, manager="kubectl")
    try:  # no controller makes the new copy healthy
        told = await host.until(BINDINGS, SETTINGS, shop, placed("m1", "m2"))
        assert told["spec"]["requiredBy"][0]["clusters"] == ["m1", "m2"]
        assert await m1.get(DEPLOYMENTS, "web", shop)
        await m1.delete(DEPLOYMENTS, "web", shop)
        await host.until(BINDINGS, SETTINGS, shop, placed("m2"))
        await m1.until(CONFIGMAPS, "settings", shop, absent)
    finally:
        await host.api.patch(CLUSTERS, "m1", None, {"spec": {"taints": None}}, manager="kubectl")


async def versions(running: Federated, namespace: str) -> dict[str, str]:
    """The resourceVersions of all that a dependency and its workload are."""
    found: dict[str, str] = {}
    for name, cluster in [("host", running.host), *running.members.items()]:
        for resource in (BINDINGS, CONFIGMAPS, DEPLOYMENTS) if name == "host" else (CONFIGMAPS, DEPLOYMENTS):
            async for page, _ in cluster.api.list(resource, namespace=namespace):
                for each in page:
                    of = f"{name} {resource.plural}/{each['metadata']['name']}"
                    found[of] = each["metadata"]["resourceVersion"]
    return found


@pytest.mark.soak
async def test_a_restart_writes_nothing(running: Federated, shop: str) -> None:
    host = running.host
    await host.apply(POLICIES, travelling("web", shop))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await host.apply(DEPLOYMENTS, using("web", shop, "settings"))
    for binding in (SETTINGS, "web.deployments.apps"):
        await host.until(BINDINGS, binding, shop, placed("m1", "m2"))
    await running.stop()
    before = await versions(running, shop)
    await running.start()
    await all_ready(host, running.members)
    await host.apply(POLICIES, travelling("marker", shop))  # what comes first is through once this is
    await host.apply(CONFIGMAPS, configmap("marked", shop, a="1"))
    await host.apply(DEPLOYMENTS, using("marker", shop, "marked"))
    await host.until(BINDINGS, "marked.configmaps", shop, placed("m1", "m2"))
    after = await versions(running, shop)
    assert {name: after[name] for name in before} == before


@pytest.mark.soak
async def test_a_host_that_forgot_a_workload_takes_nothing_from_the_members(
    running: Federated, shop: str
) -> None:
    host = running.host
    await host.apply(POLICIES, travelling("web", shop))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await host.apply(DEPLOYMENTS, using("web", shop, "settings"))
    for binding in (SETTINGS, "web.deployments.apps"):
        await host.until(BINDINGS, binding, shop, placed("m1", "m2"))
    await running.stop()
    await host.delete(DEPLOYMENTS, "web", shop)
    await host.api.patch(
        BINDINGS, "web.deployments.apps", shop, {"metadata": {"finalizers": None}}, manager="restore"
    )
    await host.delete(BINDINGS, "web.deployments.apps", shop)
    await running.start()
    await all_ready(host, running.members)
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="2"))
    await running.everywhere(CONFIGMAPS, "settings", shop, holds(a="2"))
    await host.apply(DEPLOYMENTS, using("web", shop))
    await running.everywhere(CONFIGMAPS, "settings", shop, absent)
    await host.until(BINDINGS, SETTINGS, shop, absent)
