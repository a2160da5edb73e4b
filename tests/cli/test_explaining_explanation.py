"""What is explained of an object, from manifests as the host would list them: without a server."""

from __future__ import annotations

from typing import Any

import pytest
from kinds import manifest

from federation.cli.explaining.explanation import Explanation, explained
from federation.cli.explaining.known import Known, Nobody
from federation.controllers.host import Host
from federation.kube.api import Api
from federation.kube.config import Configuration
from federation.kube.differences import AFTER, BEFORE
from federation.kube.discovery import Discovery
from federation.kube.ref import Ref
from federation.kube.resources import Manifest, Resource
from federation.resources import (
    CLUSTER_PROPAGATION,
    DEPLOYMENTS,
    OVERRIDE,
    PROPAGATION,
    RESOURCE_BINDING,
    SECRETS,
)
from tests.federated import A_DEPLOYMENT, deployment, policy

APIS = [{"groupVersion": "apps/v1", "kinds": ["Deployment"]}, {"groupVersion": "v1", "kinds": ["Secret"]}]
GOVERNS = {"kind": "PropagationPolicy", "namespace": "shop", "name": "web"}


def stored(live: Manifest, version: int = 1) -> Manifest:
    """An object as a server gives it."""
    metadata = {"uid": f"uid-{live['metadata']['name']}", "resourceVersion": str(version)}
    return live | {"metadata": live["metadata"] | metadata}


class World:
    """A host with two clusters, and what a test puts there."""

    def __init__(self, live: Manifest | None = None, resource: Resource = DEPLOYMENTS) -> None:
        api = Api(Configuration(host="https://nowhere"))
        self.host = Host(api, Discovery(api), Nobody())
        self.live, self.ref = stored(live or deployment("web", "shop")), Ref(resource, "shop", "web")
        for name in ("m1", "m2"):
            self.host.clusters.observe(
                stored(manifest("Cluster", {}, name=name)) | {"status": {"apis": APIS}}
            )

    def put(self, resource: Resource, *manifests: Manifest) -> World:
        for each in manifests:
            self.host.observe_policy(resource, stored(each))
        return self

    def place(self, *clusters: str, **spec: Any) -> World:
        ref = self.ref
        kind = {"apiVersion": ref.resource.api_version, "kind": ref.resource.kind}
        resource = {**kind, "plural": ref.resource.plural, "namespace": "shop", "name": "web"}
        targets = [{"name": name, "replicas": 2} for name in clusters]
        name = self.host.binding_key(ref)[1][1]
        whole = {"resource": resource, "policy": GOVERNS, "clusters": targets, **spec}
        self.host.observe_binding(
            RESOURCE_BINDING, stored(manifest("ResourceBinding", whole, name=name, namespace="shop"))
        )
        return self

    def explained(self) -> Explanation:
        self.host.templates.want({self.ref.resource})
        self.host.observe_template(self.ref, self.live)
        template = self.host.template(self.ref)
        assert template is not None
        return explained(Known(self.host, self.ref, template, self.host.binding(self.ref)))


def reasons(found: Explanation) -> dict[str, str]:
    """Why it is not in a cluster."""
    return {each.cluster: each.verdict.reason for each in found.clusters if each.verdict is not None}


def placing(**placement: Any) -> Manifest:
    return policy("web", "shop", A_DEPLOYMENT, placement=placement)


def test_the_policy_on_record_governs_although_a_better_one_came() -> None:
    found = (
        World().put(PROPAGATION, placing(), policy("a", "shop", A_DEPLOYMENT)).place("m1", "m2").explained()
    )
    assert [(each.name, each.verdict and each.verdict.reason) for each in found.policies] == [
        ("web", None),
        ("a", "NotPreempting"),
    ]


def test_a_cluster_wide_policy_loses_to_one_of_the_namespace() -> None:
    wide = manifest("ClusterPropagationPolicy", {"resourceSelectors": [A_DEPLOYMENT]}, name="all")
    found = World().put(PROPAGATION, placing()).put(CLUSTER_PROPAGATION, wide).explained()
    assert [each.verdict.reason for each in found.policies if each.verdict] == ["ClusterWide"]


def test_a_cluster_that_it_is_evicted_from_says_so() -> None:
    eviction = {"fromCluster": "m2", "reason": "Tainted"}
    found = World().put(PROPAGATION, placing()).place("m1", evictions=[eviction]).explained()
    assert reasons(found) == {"m2": "Evicting"}


def test_where_capacity_decides_nothing_is_said_of_what_the_controller_would_do() -> None:
    scheduling = {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Aggregated"}
    found = World().put(PROPAGATION, placing(replicaScheduling=scheduling)).place("m1").explained()
    assert reasons(found) == {"m2": "NotChosen"}


def test_the_reasons_are_of_the_group_of_clusters_in_use() -> None:
    groups = [
        {"affinityName": "near", "clusterNames": ["m2"]},
        {"affinityName": "far", "clusterNames": ["m1"]},
    ]
    world = World().put(PROPAGATION, placing(clusterAffinities=groups)).place("m1", affinityName="far")
    found = world.explained()
    assert (found.affinity, reasons(found)) == ("far", {"m2": "AffinityMismatch"})


def test_without_a_policy_clusters_have_no_reasons() -> None:
    found = World().explained()
    assert (found.governing, found.scheduled, reasons(found)) == (None, None, {})


@pytest.mark.parametrize(("kind", "told"), [("ConfigMap", 0), ("Deployment", 1)])
def test_only_policies_that_select_the_object_are_told(kind: str, told: int) -> None:
    selector = {"apiVersion": "apps/v1" if told else "v1", "kind": kind}
    found = World().put(PROPAGATION, placing(), policy("z", "shop", selector)).explained()
    assert len([each for each in found.policies if each.verdict is not None]) == told


def test_a_policy_that_is_not_valid_is_named_for_it_may_be_the_one() -> None:
    world = World().put(PROPAGATION, policy("bad", "shop", {**A_DEPLOYMENT, "namespace": "other"}))
    ((name, verdict),) = ((each.name, each.verdict) for each in world.explained().policies)
    assert verdict is not None
    assert (name, verdict.reason) == ("bad", "PolicyInvalid")
    assert "namespace" in verdict.message


def overriding(**overriders: Any) -> Manifest:
    spec = {"overrideRules": [{"overriders": overriders}]}
    return manifest("OverridePolicy", spec, name="o", namespace="shop")


def test_overrides_begin_with_the_replicas_of_the_cluster() -> None:
    more = overriding(plaintext=[{"path": "/spec/replicas", "operator": "replace", "value": 9}])
    found = World(deployment("web", "shop", replicas=4)).put(PROPAGATION, placing()).put(OVERRIDE, more)
    (m1, _) = found.place("m1").explained().clusters
    ((rule,),) = (each.changes for each in m1.overrides)
    assert (rule.field, rule.before, rule.after) == ("spec.replicas", 2, 9)


def test_a_rule_that_fails_is_told_with_its_reason() -> None:
    broken = overriding(plaintext=[{"path": "/spec/nothing", "operator": "remove"}])
    found = World().put(PROPAGATION, placing()).put(OVERRIDE, broken).place("m1").explained()
    (rule,) = found.clusters[0].overrides
    assert rule.failed is not None
    assert (rule.failed.reason, rule.changes) == ("OverrideFailed", ())


def test_what_an_override_puts_into_a_secret_is_not_told() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web", "namespace": "shop"}}
    change = {"path": "/data/key", "operator": "replace", "value": "bmV3"}
    world = World({**secret, "data": {"key": "b2xk"}}, SECRETS)
    world.put(PROPAGATION, policy("web", "shop", {"apiVersion": "v1", "kind": "Secret"}))
    world.put(OVERRIDE, overriding(plaintext=[change]))
    (m1, _) = world.place("m1").explained().clusters
    ((rule,),) = (each.changes for each in m1.overrides)
    assert (rule.field, rule.before, rule.after) == ("data.key", BEFORE, AFTER)
