"""Who governs, and what a policy waits for: over real API servers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.federated import (
    BINDINGS,
    CLUSTER_POLICIES,
    CONFIGMAPS,
    GROUP,
    OVERRIDES,
    POLICIES,
    Federated,
    Manifest,
    Resource,
    absent,
    configmap,
    policy,
    reason,
    selects,
)

CLUSTER_OVERRIDES = Resource(GROUP, "v1alpha1", "clusteroverridepolicies", "ClusterOverridePolicy", False)
SETTINGS = "settings.configmaps"


def only(*clusters: str) -> Manifest:
    return {"clusterAffinity": {"clusterNames": list(clusters)}}


def labelling(name: str, namespace: str, **spec: Any) -> Manifest:
    """An override policy that labels what it selects."""
    rule = {"overriders": {"labelsOverrider": [{"operator": "add", "value": {"by": name}}]}}
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    kind = "OverridePolicy" if namespace else "ClusterOverridePolicy"
    body = {"overrideRules": [rule], **spec}
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": metadata, "spec": body}


def holds(value: str) -> Any:
    return lambda live: live and live["data"] == {"a": value}


def message(manifest: Manifest, type_: str) -> str:
    return next(c["message"] for c in manifest["status"]["conditions"] if c["type"] == type_)


@pytest.mark.soak
async def test_a_policy_keeps_what_it_governs_until_one_preempts_it(running: Federated, shop: str) -> None:
    host = running.host
    named = selects("v1", "ConfigMap", name="settings", namespace=shop)
    everywhere = policy(shop, "", named)
    everywhere["kind"], everywhere["metadata"] = "ClusterPropagationPolicy", {"name": shop}
    await host.apply(CLUSTER_POLICIES, everywhere)
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.everywhere(CONFIGMAPS, "settings", shop, holds("1"))
    by_name = selects("v1", "ConfigMap", name="settings")
    await host.apply(POLICIES, policy("better", shop, by_name, priority=9, placement=only("m1")))
    await host.until(POLICIES, "better", shop, lambda p: reason(p, "Ready") == "NothingMatched")
    governed = await host.get(BINDINGS, SETTINGS, shop)
    assert governed
    assert governed["spec"]["policy"]["kind"] == "ClusterPropagationPolicy"
    await host.apply(
        POLICIES, policy("better", shop, by_name, priority=9, placement=only("m1"), preemption="Always")
    )
    await host.until(
        BINDINGS, SETTINGS, shop, lambda b: b and b["spec"]["policy"]["kind"] == "PropagationPolicy"
    )
    await running.members["m2"].until(CONFIGMAPS, "settings", shop, absent)
    await host.delete(CLUSTER_POLICIES, shop)


@pytest.mark.soak
async def test_a_policy_waits_for_overrides_of_its_own_scope_whatever_they_select(
    running: Federated, shop: str
) -> None:
    host, other = running.host, [selects("v1", "Secret")]
    everywhere = policy(
        shop, "", selects("v1", "ConfigMap", name="settings", namespace=shop), dependentOverrides=[shop]
    )
    everywhere["kind"], everywhere["metadata"] = "ClusterPropagationPolicy", {"name": shop}
    await host.apply(CLUSTER_POLICIES, everywhere)
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    told = await host.until(
        BINDINGS, SETTINGS, shop, lambda b: reason(b, "Applied") == "DependentOverrideMissing"
    )
    assert f"the policy waits for ClusterOverridePolicy {shop} (spec.dependentOverrides)" in message(
        told, "Applied"
    )
    await host.apply(OVERRIDES, labelling(shop, shop, resourceSelectors=other))
    await host.apply(CLUSTER_OVERRIDES, labelling(shop, "", resourceSelectors=other))
    await running.everywhere(CONFIGMAPS, "settings", shop, holds("1"))
    await host.delete(CLUSTER_OVERRIDES, shop)
    await host.delete(CLUSTER_POLICIES, shop)
