"""What the host says of the members: rolled-up status, conditions with reasons, policies that speak."""

from __future__ import annotations

from tests.federated import (
    A_CONFIGMAP,
    A_DEPLOYMENT,
    BINDINGS,
    CONFIGMAPS,
    CRDS,
    DEPLOYMENTS,
    NAMESPACES,
    POLICIES,
    Federated,
    Manifest,
    Resource,
    absent,
    condition,
    configmap,
    crd,
    deployment,
    eventually,
    policy,
    reason,
    selects,
)


def complete(generation: int, replicas: int) -> Manifest:
    """The status a Deployment controller writes when all is well."""
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    conditions = [
        {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
    ]
    return {"observedGeneration": generation, "conditions": conditions} | dict.fromkeys(counts, replicas)


async def report(running: Federated, namespace: str, clusters: dict[str, int]) -> None:
    """Play the Deployment controller of each member."""
    for name, replicas in clusters.items():
        live = await running.members[name].until(DEPLOYMENTS, "web", namespace, bool)
        status = complete(live["metadata"]["generation"], replicas)
        await running.members[name].api.patch(
            DEPLOYMENTS, "web", namespace, {"status": status}, manager="controller", subresource="status"
        )


async def test_the_hosts_status_is_the_sum_and_waits_for_every_cluster(running: Federated, shop: str) -> None:
    await running.host.apply(POLICIES, policy("all", shop, A_DEPLOYMENT))
    template = await running.host.apply(DEPLOYMENTS, deployment("web", shop))
    await report(running, shop, {"m1": 2})
    half = await running.host.until(
        DEPLOYMENTS, "web", shop, lambda d: d and d.get("status", {}).get("readyReplicas") == 2
    )
    assert "observedGeneration" not in half["status"]
    await report(running, shop, {"m2": 2})
    whole = await running.host.until(
        DEPLOYMENTS, "web", shop, lambda d: d and d["status"].get("readyReplicas") == 4
    )
    assert whole["status"]["observedGeneration"] == template["metadata"]["generation"]
    assert condition(whole, "Available") == "True"
    await running.host.until(
        BINDINGS, "web.deployments.apps", shop, lambda b: b and condition(b, "Healthy") == "True"
    )
    await running.host.apply(DEPLOYMENTS, deployment("web", shop, image="nginx:1.28"))
    await report(running, shop, {"m1": 2})
    waiting = await running.host.get(DEPLOYMENTS, "web", shop)
    assert waiting
    assert waiting["status"]["observedGeneration"] < waiting["metadata"]["generation"]


async def test_an_unknown_kinds_status_is_on_the_binding(running: Federated, shop: str) -> None:
    group = f"{shop}.example"
    widgets = Resource(group, "v1", "widgets", "Widget")
    definition = crd(group, "widgets", "Widget")
    definition["spec"]["versions"][0]["subresources"] = {"status": {}}
    for cluster in (running.host, *running.members.values()):
        await cluster.apply(CRDS, definition)
    await running.host.apply(POLICIES, policy("all", shop, selects(f"{group}/v1", "Widget")))
    widget = {
        "apiVersion": f"{group}/v1",
        "kind": "Widget",
        "metadata": {"name": "w", "namespace": shop},
        "spec": {"size": 1},
    }
    await _stored(running, widgets, widget)
    live = await running.members["m1"].until(widgets, "w", shop, bool, seconds=30)
    assert live["spec"] == {"size": 1}
    await running.members["m1"].api.patch(
        widgets, "w", shop, {"status": {"phase": "Spinning"}}, manager="controller", subresource="status"
    )
    await running.host.until(
        BINDINGS, f"w.widgets.{group}", shop,
        lambda b: {"phase": "Spinning"} in [
            c.get("status") for c in (b or {}).get("status", {}).get("clusters", [])
        ],
    )  # fmt: skip


async def test_a_kind_that_a_member_comes_to_serve_later_is_placed_there_then(
    running: Federated, shop: str
) -> None:
    group = f"{shop}.example"
    widgets = Resource(group, "v1", "widgets", "Widget")
    for cluster in (running.host, running.members["m1"]):
        await cluster.apply(CRDS, crd(group, "widgets", "Widget"))
    await running.host.apply(POLICIES, policy("all", shop, selects(f"{group}/v1", "Widget")))
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": shop}}
    await _stored(running, widgets, widget)
    await running.members["m1"].until(widgets, "w", shop, bool, seconds=30)
    await running.members["m2"].apply(CRDS, crd(group, "widgets", "Widget"))

    async def arrived() -> bool:
        try:
            return await running.members["m2"].get(widgets, "w", shop) is not None
        except Exception:
            return False

    await eventually(arrived, lambda: "the widget is not in m2", 30)


async def _stored(running: Federated, resource: Resource, manifest: Manifest) -> None:
    async def stored() -> bool:
        try:
            await running.host.apply(resource, manifest)
        except Exception:
            return False
        return True

    await eventually(stored, lambda: "the host does not serve the CRD")


async def test_a_namespace_on_its_way_out_is_waited_for(running: Federated, shop: str) -> None:
    m1 = running.members["m1"]
    await m1.apply(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": shop}})
    await m1.delete(NAMESPACES, shop)  # no controller runs here: it stays in termination until we end it
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.members["m2"].until(CONFIGMAPS, "settings", shop, bool)
    binding = await running.host.until(
        BINDINGS, "settings.configmaps", shop, lambda b: reason(b, "Applied") == "NamespaceTerminating"
    )
    assert "once the namespace is gone" in str(binding["status"]["conditions"])
    terminating = await m1.get(NAMESPACES, shop)
    assert terminating
    body = terminating | {"spec": {"finalizers": []}}
    await m1.api.request("PUT", f"/api/v1/namespaces/{shop}/finalize", body=body)
    await m1.until(CONFIGMAPS, "settings", shop, bool)


async def test_a_policy_counts_what_it_governs_and_names_failures(running: Federated, shop: str) -> None:
    await running.members["m1"].apply(
        NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": shop}}
    )
    await running.members["m1"].apply(CONFIGMAPS, configmap("taken", shop, mine="yes"))
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.host.apply(CONFIGMAPS, configmap("taken", shop, a="1"))
    told = await running.host.until(
        POLICIES, "all", shop, lambda p: p and p.get("status", {}).get("failed") == 1
    )
    status = told["status"]
    assert (status["matched"], status["applied"]) == (2, 1)
    assert status["failures"][0]["cluster"] == "m1"
    assert status["failures"][0]["reason"] == "ConflictResolutionAbort"
    assert condition(told, "Ready") == "False"
    await running.members["m1"].delete(CONFIGMAPS, "taken", shop)
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP, conflictResolution="Overwrite"))
    await running.host.until(POLICIES, "all", shop, lambda p: p and condition(p, "Ready") == "True")


async def test_a_broken_policy_in_the_store_becomes_a_condition_and_moves_nothing(
    running: Federated, shop: str
) -> None:
    """Here the webhook is not registered, as when it was down."""
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.everywhere(CONFIGMAPS, "settings", shop, bool)
    broken = selects("v1", "ConfigMap", labelSelector={"matchLabels": {"not a key": "x"}})
    await running.host.apply(POLICIES, policy("all", shop, broken))
    told = await running.host.until(POLICIES, "all", shop, lambda p: reason(p, "Ready") == "Invalid")
    assert "spec.resourceSelectors[0].labelSelector" in str(told["status"]["conditions"])
    await running.host.until(
        BINDINGS, "settings.configmaps", shop, lambda b: reason(b, "Scheduled") == "PolicyInvalid"
    )
    await running.everywhere(CONFIGMAPS, "settings", shop, bool)
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    await running.host.until(
        BINDINGS, "settings.configmaps", shop, lambda b: b and condition(b, "Scheduled") == "True"
    )


async def test_a_policy_waits_for_the_overrides_it_depends_on(running: Federated, shop: str) -> None:
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP, dependentOverrides=["needed"]))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.host.until(
        BINDINGS, "settings.configmaps", shop, lambda b: reason(b, "Applied") == "DependentOverrideMissing"
    )
    for member in running.members.values():
        assert absent(await member.get(CONFIGMAPS, "settings", shop))
    override = {
        "apiVersion": "federation.atoll.dev/v1alpha1",
        "kind": "OverridePolicy",
        "metadata": {"name": "needed", "namespace": shop},
        "spec": {
            "overrideRules": [{"overriders": {"labelsOverrider": [{"operator": "add", "value": {"x": "y"}}]}}]
        },
    }
    await running.host.apply(
        Resource("federation.atoll.dev", "v1alpha1", "overridepolicies", "OverridePolicy"), override
    )
    await running.everywhere(
        CONFIGMAPS, "settings", shop, lambda c: c and c["metadata"]["labels"].get("x") == "y"
    )
