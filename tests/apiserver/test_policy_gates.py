"""What holds the writes of a policy back, and who governs: over real API servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from federation.resources import ROLLOUT, ROLLOUT_POLICY
from tests.federated import (
    A_CONFIGMAP,
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
    all_ready,
    condition,
    configmap,
    policy,
    reason,
    rollout_policy,
    selects,
)

CLUSTER_OVERRIDES = Resource(GROUP, "v1alpha1", "clusteroverridepolicies", "ClusterOverridePolicy", False)
SETTINGS = "settings.configmaps"
STOPPED = {"dispatching": True}
EXAMPLES = Path(__file__).parents[2] / "examples" / "policies"


def example(name: str, namespace: str) -> Manifest:
    """A policy as the documentation has it."""
    manifest: Manifest = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    manifest["metadata"]["namespace"] = namespace
    return manifest


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


def waiting(*clusters: str) -> Any:
    """Whether a binding says of exactly these clusters that they do not hold what they should: Suspended."""

    def look(binding: Manifest | None) -> bool:
        results = (binding or {}).get("status", {}).get("clusters", [])
        return [r["name"] for r in results if r.get("reason") == "Suspended" and not r["applied"]] == [
            *clusters
        ]

    return look


async def test_nothing_is_written_while_a_policy_is_suspended_but_deletions_run(
    running: Federated, shop: str
) -> None:
    host, m1 = running.host, running.members["m1"]
    await host.apply(POLICIES, example("suspended", shop))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    told = await host.until(BINDINGS, SETTINGS, shop, waiting("m1", "m2"))
    assert condition(told, "Suspended") == "True"
    assert f"PropagationPolicy {shop}/settings suspends writes to all clusters" in message(told, "Suspended")
    assert await m1.get(CONFIGMAPS, "settings", shop) is None
    await host.apply(POLICIES, policy("settings", shop, A_CONFIGMAP))
    await running.everywhere(CONFIGMAPS, "settings", shop, holds("1"))
    await host.apply(POLICIES, example("suspended", shop))
    await host.until(  # what is there is as it should be
        BINDINGS, SETTINGS, shop,
        lambda b: b and (condition(b, "Suspended"), condition(b, "Applied")) == ("True", "True"),
    )  # fmt: skip
    await host.delete(CONFIGMAPS, "settings", shop)
    await running.everywhere(CONFIGMAPS, "settings", shop, absent)


@pytest.mark.soak
async def test_neither_changes_nor_repairs_reach_members_also_when_the_policy_breaks(
    running: Federated, shop: str
) -> None:
    host, m1, m2 = running.host, running.members["m1"], running.members["m2"]
    await host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.everywhere(CONFIGMAPS, "settings", shop, holds("1"))
    await host.apply(POLICIES, policy("all", shop, A_CONFIGMAP, suspension=STOPPED))
    counted = await host.until(POLICIES, "all", shop, lambda p: reason(p, "Ready") == "Suspended")
    assert (counted["status"]["matched"], counted["status"]["failed"]) == (1, 0)
    drift = {"data": {"a": "drifted"}}
    await m1.api.patch(CONFIGMAPS, "settings", shop, drift, manager="kubectl-edit")
    await host.until(BINDINGS, SETTINGS, shop, waiting("m1"))
    broken = selects("v1", "ConfigMap", labelSelector={"matchLabels": {"not a key": "x"}})
    await host.apply(POLICIES, policy("all", shop, broken))
    await host.until(BINDINGS, SETTINGS, shop, lambda b: reason(b, "Scheduled") == "PolicyInvalid")
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="2"))
    await host.until(BINDINGS, SETTINGS, shop, waiting("m1", "m2"))
    await m1.until(CONFIGMAPS, "settings", shop, holds("drifted"))
    await m2.until(CONFIGMAPS, "settings", shop, holds("1"))
    await host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    await running.everywhere(CONFIGMAPS, "settings", shop, holds("2"))
    await host.until(BINDINGS, SETTINGS, shop, lambda b: b and condition(b, "Suspended") is None)


@pytest.mark.soak
async def test_a_suspended_cluster_keeps_what_it_has_while_the_others_go_on(
    running: Federated, shop: str
) -> None:
    host, m1, m2 = running.host, running.members["m1"], running.members["m2"]
    stopped = {"dispatchingOnClusters": {"clusterNames": ["m1"]}}
    await host.apply(POLICIES, policy("all", shop, A_CONFIGMAP, placement=only("m1")))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await m1.until(CONFIGMAPS, "settings", shop, holds("1"))
    await host.apply(POLICIES, policy("all", shop, A_CONFIGMAP, placement=only("m2"), suspension=stopped))
    await m2.until(CONFIGMAPS, "settings", shop, holds("1"))
    told = await host.until(BINDINGS, SETTINGS, shop, waiting("m1"))
    assert message(told, "Applied").startswith("1/2 clusters hold the present manifest; m1: no longer placed")
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="2"))
    await m2.until(CONFIGMAPS, "settings", shop, holds("2"))
    await m1.until(CONFIGMAPS, "settings", shop, holds("1"))
    await host.apply(POLICIES, policy("all", shop, A_CONFIGMAP, placement=only("m2")))
    await m1.until(CONFIGMAPS, "settings", shop, absent)


async def test_a_change_of_a_lazy_policy_waits_for_the_template_also_over_a_restart(
    running: Federated, shop: str
) -> None:
    host, m1, m2 = running.host, running.members["m1"], running.members["m2"]
    lazy = example("lazy", shop)
    await host.apply(POLICIES, lazy)
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await m1.until(CONFIGMAPS, "settings", shop, holds("1"))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="2"))
    await m1.until(CONFIGMAPS, "settings", shop, holds("2"))
    await host.apply(POLICIES, lazy | {"spec": lazy["spec"] | {"placement": only("m2")}})
    told = await host.until(
        BINDINGS, SETTINGS, shop,
        lambda b: b and "(activationPreference: Lazy)" in message(b, "Scheduled"),
    )  # fmt: skip
    assert condition(told, "Scheduled") == "True"
    await running.stop()
    await running.start()
    await all_ready(host, running.members)
    await host.apply(CONFIGMAPS, configmap("new", shop, a="1"))
    await m2.until(CONFIGMAPS, "new", shop, holds("1"))
    await host.apply(OVERRIDES, labelling("marked", shop))
    await m1.until(
        CONFIGMAPS, "settings", shop, lambda c: c and c["metadata"]["labels"].get("by") == "marked"
    )
    again = await host.get(BINDINGS, SETTINGS, shop)
    assert again
    assert again["metadata"]["generation"] == told["metadata"]["generation"], "waiting writes nothing"
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="3"))
    await m2.until(CONFIGMAPS, "settings", shop, holds("3"))
    await m1.until(CONFIGMAPS, "settings", shop, absent)


@pytest.mark.soak
async def test_a_release_is_paused_while_nothing_may_be_written(running: Federated, shop: str) -> None:
    host, m1, m2 = running.host, running.members["m1"], running.members["m2"]
    await host.apply(ROLLOUT_POLICY, rollout_policy("halves", shop, A_CONFIGMAP, batches=2))
    await host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.everywhere(CONFIGMAPS, "settings", shop, holds("1"))
    await host.until(BINDINGS, SETTINGS, shop, lambda b: b and condition(b, "Applied") == "True")
    await host.apply(POLICIES, policy("all", shop, A_CONFIGMAP, suspension=STOPPED))
    await host.until(BINDINGS, SETTINGS, shop, lambda b: b and condition(b, "Suspended") == "True")
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="2"))
    run = await host.until(
        ROLLOUT, "settings-1", shop, lambda r: (r or {}).get("status", {}).get("reason") == "Suspended"
    )
    assert run["status"]["phase"] == "Paused"
    assert f"PropagationPolicy {shop}/all suspends writes to all clusters" in run["status"]["message"]
    await m1.until(CONFIGMAPS, "settings", shop, holds("1"))
    await m2.until(CONFIGMAPS, "settings", shop, holds("1"))
    await host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    await host.until(ROLLOUT, "settings-1", shop, lambda r: r and r["status"]["phase"] == "Completed")
    await running.everywhere(CONFIGMAPS, "settings", shop, holds("2"))


@pytest.mark.soak
async def test_what_is_preserved_bears_no_mark_of_a_release_either(running: Federated, shop: str) -> None:
    def marks(live: Manifest | None) -> set[str]:
        metadata = (live or {}).get("metadata", {})
        names = {*metadata.get("labels", {}), *metadata.get("annotations", {})}
        return {name for name in names if name.startswith(f"{GROUP}/")}

    host, m1 = running.host, running.members["m1"]
    await host.apply(ROLLOUT_POLICY, rollout_policy("halves", shop, A_CONFIGMAP, batches=2))
    await host.apply(POLICIES, policy("all", shop, A_CONFIGMAP, preserveResourcesOnDeletion=True))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await host.until(BINDINGS, SETTINGS, shop, lambda b: b and condition(b, "Applied") == "True")
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="2"))
    await m1.until(CONFIGMAPS, "settings", shop, lambda live: f"{GROUP}/release" in marks(live))
    await host.delete(CONFIGMAPS, "settings", shop)
    await host.until(BINDINGS, SETTINGS, shop, absent)
    left = await m1.get(CONFIGMAPS, "settings", shop)
    assert left
    assert marks(left) == set()


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
