"""The way of a manifest: host to members and back, over real API servers."""

from __future__ import annotations

import base64

from mcs.names import SHADOW
from tests.federated import (
    A_CONFIGMAP,
    A_DEPLOYMENT,
    BINDINGS,
    CLUSTER_BINDINGS,
    CLUSTER_POLICIES,
    CLUSTER_ROLES,
    CONFIGMAPS,
    CRDS,
    DEPLOYMENTS,
    GROUP,
    NAMESPACES,
    OVERRIDES,
    POLICIES,
    SECRETS,
    SERVICES,
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


async def test_a_deployment_reaches_every_member_and_its_binding_says_so(
    running: Federated, shop: str
) -> None:
    await running.host.apply(POLICIES, policy("all", shop, A_DEPLOYMENT))
    await running.host.apply(DEPLOYMENTS, deployment("web", shop))
    await running.everywhere(DEPLOYMENTS, "web", shop, lambda d: d and d["spec"]["replicas"] == 2)
    binding = await running.host.until(
        BINDINGS, "web.deployments.apps", shop, lambda b: b and condition(b, "Applied") == "True"
    )
    assert condition(binding, "Scheduled") == "True"
    assert [c["name"] for c in binding["status"]["clusters"]] == ["m1", "m2"]


async def test_divided_replicas_follow_static_weights(running: Federated, shop: str) -> None:
    weights = [
        {"targetCluster": {"clusterNames": ["m1"]}, "weight": 2},
        {"targetCluster": {"clusterNames": ["m2"]}, "weight": 1},
    ]
    placement = {"replicaScheduling": {"weightPreference": {"staticWeightList": weights}}}
    await running.host.apply(POLICIES, policy("divided", shop, A_DEPLOYMENT, placement=placement))
    await running.host.apply(DEPLOYMENTS, deployment("web", shop, replicas=9))
    await running.members["m1"].until(DEPLOYMENTS, "web", shop, lambda d: d and d["spec"]["replicas"] == 6)
    await running.members["m2"].until(DEPLOYMENTS, "web", shop, lambda d: d and d["spec"]["replicas"] == 3)


async def test_overrides_hold_for_their_cluster_only(running: Federated, shop: str) -> None:
    rule = {
        "targetCluster": {"clusterNames": ["m2"]},
        "overriders": {
            "imageOverrider": [{"component": "Registry", "operator": "add", "value": "eu.example"}]
        },
    }
    override = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "OverridePolicy",
        "metadata": {"name": "eu", "namespace": shop},
        "spec": {"overrideRules": [rule]},
    }
    await running.host.apply(OVERRIDES, override)
    await running.host.apply(POLICIES, policy("all", shop, A_DEPLOYMENT))
    await running.host.apply(DEPLOYMENTS, deployment("web", shop))
    await running.members["m2"].until(
        DEPLOYMENTS, "web", shop, lambda d: _image(d) == "eu.example/nginx:1.27"
    )
    await running.members["m1"].until(DEPLOYMENTS, "web", shop, lambda d: _image(d) == "nginx:1.27")
    await running.host.delete(OVERRIDES, "eu", shop)
    await running.members["m2"].until(DEPLOYMENTS, "web", shop, lambda d: _image(d) == "nginx:1.27")


def _image(manifest: Manifest | None) -> str | None:
    return manifest["spec"]["template"]["spec"]["containers"][0]["image"] if manifest else None


async def test_an_override_that_cannot_be_carried_out_stops_its_cluster_alone(
    running: Federated, shop: str
) -> None:
    rule = {
        "targetCluster": {"clusterNames": ["m2"]},
        "overriders": {"plaintext": [{"path": "/data/none", "operator": "remove"}]},
    }
    override = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "OverridePolicy",
        "metadata": {"name": "broken", "namespace": shop},
        "spec": {"overrideRules": [rule]},
    }
    await running.host.apply(OVERRIDES, override)
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.members["m1"].until(CONFIGMAPS, "settings", shop, lambda c: c and c["data"] == {"a": "1"})
    binding = await running.host.until(
        BINDINGS, "settings.configmaps", shop, lambda b: reason(b, "Applied") == "OverrideFailed"
    )
    message = next(c for c in binding["status"]["clusters"] if c["name"] == "m2")["message"]
    assert "spec.overrideRules[0]" in message
    assert "/data/none" in message
    assert await running.members["m2"].get(CONFIGMAPS, "settings", shop) is None


async def test_a_deleted_template_leaves_every_member(running: Federated, shop: str) -> None:
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.everywhere(CONFIGMAPS, "settings", shop, bool)
    await running.host.delete(CONFIGMAPS, "settings", shop)
    await running.everywhere(CONFIGMAPS, "settings", shop, absent)
    await running.host.until(BINDINGS, "settings.configmaps", shop, absent)


async def test_a_template_created_anew_at_once_is_in_every_member(running: Federated, shop: str) -> None:
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    for round_ in range(5):
        await running.host.apply(CONFIGMAPS, configmap("settings", shop, a=str(round_)))
        await running.everywhere(
            CONFIGMAPS, "settings", shop, lambda c, a=str(round_): c and c["data"]["a"] == a
        )
        await running.host.delete(CONFIGMAPS, "settings", shop)
        fresh = await running.host.apply(CONFIGMAPS, configmap("settings", shop, a=f"again-{round_}"))
        await running.everywhere(
            CONFIGMAPS, "settings", shop, lambda c, a=f"again-{round_}": c and c["data"]["a"] == a
        )
        await running.host.until(
            BINDINGS, "settings.configmaps", shop,
            lambda b, uid=fresh["metadata"]["uid"]: b and b["spec"]["resource"]["uid"] == uid
            and b["metadata"]["ownerReferences"][0]["uid"] == uid and condition(b, "Applied") == "True",
        )  # fmt: skip


async def test_without_a_policy_the_copies_stay_as_they_are(running: Federated, shop: str) -> None:
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.everywhere(CONFIGMAPS, "settings", shop, bool)
    await running.host.delete(POLICIES, "all", shop)
    await running.host.until(
        BINDINGS, "settings.configmaps", shop, lambda b: reason(b, "Scheduled") == "NoPolicy"
    )
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="2"))
    await running.host.apply(CONFIGMAPS, configmap("other", shop, a="1"))
    await running.host.apply(POLICIES, policy("named", shop, selects("v1", "ConfigMap", name="other")))
    await running.everywhere(CONFIGMAPS, "other", shop, bool)
    await running.everywhere(CONFIGMAPS, "settings", shop, lambda c: c and c["data"] == {"a": "1"})
    await running.host.delete(CONFIGMAPS, "settings", shop)
    await running.everywhere(CONFIGMAPS, "settings", shop, absent)


async def test_a_policy_that_moves_on_takes_the_copy_along(running: Federated, shop: str) -> None:
    await running.host.apply(POLICIES, policy("one", shop, A_CONFIGMAP, placement=_only("m1")))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.members["m1"].until(CONFIGMAPS, "settings", shop, bool)
    await running.host.apply(POLICIES, policy("one", shop, A_CONFIGMAP, placement=_only("m2")))
    await running.members["m2"].until(CONFIGMAPS, "settings", shop, bool)
    await running.members["m1"].until(CONFIGMAPS, "settings", shop, absent)


def _only(*clusters: str) -> Manifest:
    return {"clusterAffinity": {"clusterNames": list(clusters)}}


async def test_no_cluster_fits_and_the_binding_counts_the_reasons(running: Federated, shop: str) -> None:
    await running.host.apply(POLICIES, policy("nowhere", shop, A_CONFIGMAP, placement=_only("m9")))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    binding = await running.host.until(
        BINDINGS, "settings.configmaps", shop, lambda b: reason(b, "Scheduled") == "NoClusterFit"
    )
    message = binding["status"]["conditions"][0]["message"]
    assert message == "0/2 clusters fit: 2 do not match clusterAffinity"


async def test_an_unmanaged_object_is_left_alone_until_the_policy_says_overwrite(
    running: Federated, shop: str
) -> None:
    m1 = running.members["m1"]
    await m1.apply(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": shop}})
    await m1.apply(CONFIGMAPS, configmap("settings", shop, mine="yes"))
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.host.until(
        BINDINGS, "settings.configmaps", shop, lambda b: reason(b, "Applied") == "ConflictResolutionAbort"
    )
    untouched = await m1.get(CONFIGMAPS, "settings", shop)
    assert untouched
    assert untouched["data"] == {"mine": "yes"}
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP, conflictResolution="Overwrite"))
    await m1.until(CONFIGMAPS, "settings", shop, lambda c: c and c["data"].get("a") == "1")


async def test_a_service_takes_the_place_of_one_that_was_made_because_there_was_none(
    running: Federated, shop: str
) -> None:
    """Else a cluster that only called would never get the Service that it is to have."""
    m1 = running.members["m1"]
    await m1.apply(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": shop}})
    spec = {"ports": [{"name": "http", "port": 80}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": shop, "name": "web"}}
    shadow = {"metadata": service["metadata"] | {"labels": {SHADOW: "true"}}, "spec": spec}
    await m1.apply(SERVICES, service | shadow)
    await running.host.apply(POLICIES, policy("all", shop, {"apiVersion": "v1", "kind": "Service"}))
    await running.host.apply(SERVICES, service | {"spec": spec | {"selector": {"app": "web"}}})
    await m1.until(SERVICES, "web", shop, lambda live: live and live["spec"].get("selector"))


async def test_an_object_of_another_host_is_never_taken(running: Federated, shop: str) -> None:
    m1 = running.members["m1"]
    await m1.apply(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": shop}})
    foreign = configmap("settings", shop, theirs="yes")
    foreign["metadata"]["labels"] = {f"{GROUP}/host": "0123456789ab"}
    await m1.apply(CONFIGMAPS, foreign)
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP, conflictResolution="Overwrite"))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    binding = await running.host.until(
        BINDINGS, "settings.configmaps", shop, lambda b: reason(b, "Applied") == "OwnedByAnotherHost"
    )
    assert "--host-id 0123456789ab" in str(binding["status"]["conditions"])
    left = await m1.get(CONFIGMAPS, "settings", shop)
    assert left
    assert left["data"] == {"theirs": "yes"}


async def test_drift_is_put_back_and_foreign_fields_are_left_alone(running: Federated, shop: str) -> None:
    await running.host.apply(POLICIES, policy("all", shop, A_DEPLOYMENT))
    await running.host.apply(DEPLOYMENTS, deployment("web", shop))
    m1 = running.members["m1"]
    await m1.until(DEPLOYMENTS, "web", shop, bool)
    edit = {"spec": {"replicas": 7, "paused": True, "template": {"spec": {"containers": [
        {"name": "web", "image": "evil:1"}]}}}, "metadata": {"annotations": {"team": "shop"}}}  # fmt: skip
    await m1.api.patch(
        DEPLOYMENTS, "web", shop, edit, manager="kubectl-edit",
        content_type="application/strategic-merge-patch+json",
    )  # fmt: skip
    live = await m1.until(
        DEPLOYMENTS, "web", shop,
        lambda d: d and d["spec"]["replicas"] == 2 and _image(d) == "nginx:1.27", seconds=5,
    )  # fmt: skip
    assert live["spec"]["paused"] is True
    assert live["metadata"]["annotations"]["team"] == "shop"


async def test_a_copy_deleted_in_a_member_comes_back(running: Federated, shop: str) -> None:
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    m1 = running.members["m1"]
    first = await m1.until(CONFIGMAPS, "settings", shop, bool)
    await m1.delete(CONFIGMAPS, "settings", shop)
    uid = first["metadata"]["uid"]
    await m1.until(CONFIGMAPS, "settings", shop, lambda c: c and c["metadata"]["uid"] != uid, seconds=5)


async def test_an_immutable_field_becomes_a_reason_with_a_remedy(running: Federated, shop: str) -> None:
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1") | {"immutable": True})
    await running.everywhere(CONFIGMAPS, "settings", shop, bool)
    await running.host.delete(CONFIGMAPS, "settings", shop)
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="2") | {"immutable": True})
    # whether the copies went with the first template or stayed for the second, the end is the same
    await running.host.until(
        BINDINGS, "settings.configmaps", shop,
        lambda b: b and (condition(b, "Applied") == "True" or reason(b, "Applied") == "ImmutableField"),
    )  # fmt: skip


async def test_a_service_keeps_the_address_its_member_gave_it(running: Federated, shop: str) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": shop},
        "spec": {"selector": {"app": "web"}, "type": "NodePort", "ports": [{"port": 80}]},
    }
    await running.host.apply(POLICIES, policy("all", shop, selects("v1", "Service")))
    await running.host.apply(SERVICES, service)
    m1 = running.members["m1"]
    first = await m1.until(SERVICES, "web", shop, bool)
    service["spec"]["ports"][0]["name"] = "http"  # type: ignore[index]
    await running.host.apply(SERVICES, service)
    live = await m1.until(SERVICES, "web", shop, lambda s: s and s["spec"]["ports"][0].get("name") == "http")
    assert live["spec"]["clusterIP"] == first["spec"]["clusterIP"]
    assert live["spec"]["ports"][0]["nodePort"] == first["spec"]["ports"][0]["nodePort"]


async def test_a_secret_of_a_mebibyte_arrives_whole(running: Federated, shop: str) -> None:
    payload = base64.b64encode(bytes(1024 * 1024 - 64)).decode()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "big", "namespace": shop},
        "data": {"blob": payload},
    }
    await running.host.apply(POLICIES, policy("all", shop, selects("v1", "Secret")))
    await running.host.api.create(SECRETS, secret, manager="test-user")
    await running.everywhere(SECRETS, "big", shop, lambda s: s and s["data"]["blob"] == payload)


async def test_names_with_colons_and_of_full_length(running: Federated, shop: str) -> None:
    role = f"system:{shop}"
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    await running.host.apply(
        CLUSTER_POLICIES,
        policy(shop, "", selects("rbac.authorization.k8s.io/v1", "ClusterRole", name=role))
        | {"kind": "ClusterPropagationPolicy", "metadata": {"name": shop}},
    )
    manifest = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": role},
    }
    await running.host.apply(CLUSTER_ROLES, manifest | {"rules": rules})
    await running.everywhere(CLUSTER_ROLES, role, None, lambda r: r and r["rules"] == rules)
    bindings = [page async for page in running.host.api.list(CLUSTER_BINDINGS)]
    assert role in [b["spec"]["resource"]["name"] for page in bindings for b in page.items]
    long = "a." * 126 + "b"
    assert len(long) == 253
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP))
    await running.host.apply(CONFIGMAPS, configmap(long, shop, a="1"))
    await running.everywhere(CONFIGMAPS, long, shop, bool)
    await running.host.delete(CLUSTER_ROLES, role)
    await running.everywhere(CLUSTER_ROLES, role, None, absent)
    await running.host.delete(CLUSTER_POLICIES, shop)


async def test_two_kinds_of_one_name_in_different_groups_do_not_collide(
    running: Federated, shop: str
) -> None:
    group = f"{shop}.example"
    widget = crd(group, "deployments", "Deployment")
    resource = Resource(group, "v1", "deployments", "Deployment")
    for cluster in (running.host, *running.members.values()):
        await cluster.apply(CRDS, widget)
    await running.host.apply(
        POLICIES, policy("all", shop, A_DEPLOYMENT, selects(f"{group}/v1", "Deployment"))
    )
    await running.host.apply(DEPLOYMENTS, deployment("web", shop))
    ours = {"apiVersion": f"{group}/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": shop}}

    async def stored() -> bool:
        try:
            await running.host.apply(resource, ours | {"spec": {"size": 3}})
        except Exception:
            return False
        return True

    await eventually(stored, lambda: "the CRD is not served")
    for cluster in running.members.values():
        await cluster.until(resource, "web", shop, lambda w: w and w["spec"] == {"size": 3}, seconds=30)
    await running.everywhere(DEPLOYMENTS, "web", shop, bool)


async def test_preserved_objects_stay_when_the_template_goes(running: Federated, shop: str) -> None:
    await running.host.apply(POLICIES, policy("all", shop, A_CONFIGMAP, preserveResourcesOnDeletion=True))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await running.everywhere(CONFIGMAPS, "settings", shop, bool)
    await running.host.delete(CONFIGMAPS, "settings", shop)
    await running.host.until(BINDINGS, "settings.configmaps", shop, absent)
    for member in running.members.values():
        left = await member.get(CONFIGMAPS, "settings", shop)
        assert left
        assert left["data"] == {"a": "1"}
        assert f"{GROUP}/host" not in left["metadata"].get("labels", {})
        assert not any(entry["manager"] == "atoll" for entry in left["metadata"].get("managedFields", []))


async def test_re_applying_the_same_or_touching_status_writes_nothing(running: Federated, shop: str) -> None:
    await running.host.apply(POLICIES, policy("all", shop, A_DEPLOYMENT))
    await running.host.apply(DEPLOYMENTS, deployment("web", shop))
    await running.host.until(
        BINDINGS, "web.deployments.apps", shop, lambda b: b and condition(b, "Applied") == "True"
    )
    await running.host.until(POLICIES, "all", shop, lambda p: p and p.get("status", {}).get("applied") == 1)
    before = _writes(running)
    await running.host.apply(DEPLOYMENTS, deployment("web", shop))
    await running.host.api.patch(
        DEPLOYMENTS, "web", shop, {"status": {"observedGeneration": 1}}, manager="other", subresource="status"
    )
    # a change that is written shows that everything before it has been seen
    await running.host.apply(CONFIGMAPS, configmap("marker", shop, a="1"))
    await running.host.apply(POLICIES, policy("marker", shop, A_CONFIGMAP))
    await running.everywhere(CONFIGMAPS, "marker", shop, bool)
    written = {k: v - before.get(k, 0) for k, v in _writes(running).items() if v != before.get(k, 0)}
    assert not any("deployments" in what for _, what in written), written
    assert written.get(("m1", "configmaps")) == 1


def _writes(running: Federated) -> dict[tuple[str, str], float]:
    counts: dict[tuple[str, str], float] = {}
    for line in running.metrics.text().decode().splitlines():
        if line.startswith("atoll_writes_total{"):
            labels, _, value = line.partition("} ")
            parts = dict(part.split("=") for part in labels.partition("{")[2].split(","))
            key = parts["cluster"].strip('"'), parts["resource"].strip('"')
            counts[key] = counts.get(key, 0) + float(value)
    return counts
