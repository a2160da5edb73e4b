"""What a schema can't say: a mistake is denied with its field and the remedy, a doubt is only warned of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kinds import DEPLOYMENTS, manifest, overriding, propagation

from policies.api.meta import Manifest
from policies.validation import Denial, Verdict, syntax, validate

PP, CPP, OP = "PropagationPolicy", "ClusterPropagationPolicy", "OverridePolicy"
CLUSTERS = ["m1", "m2"]
LONG = "a" * 64


def judged(kind: str, spec: Manifest, *, namespace: str = "shop") -> Verdict:
    return validate(manifest(kind, spec, namespace=namespace), CLUSTERS)


def selecting(**fields: Any) -> Manifest:
    return propagation(selectors=[{**DEPLOYMENTS, **fields}])


def affine(**fields: Any) -> Manifest:
    return propagation(placement={"clusterAffinity": fields})


def placed(**fields: Any) -> Manifest:
    return propagation(placement=fields)


def patched(path: str, **fields: Any) -> Manifest:
    return overriding(plaintext=[{"path": path, "operator": "replace", "value": 1, **fields}])


def env(**variable: Any) -> Manifest:
    return overriding(envOverrider=[{"containerName": "a", "operator": "add", "value": [variable]}])


def labels(operator: str = "add", **value: str) -> Manifest:
    return overriding(labelsOverrider=[{"operator": operator, "value": value}])


OVERRIDERS = "spec.overrideRules[0].overriders"

DENIED = {
    "another namespace": (PP, selecting(namespace="other"), "spec.resourceSelectors[0].namespace"),
    "a kind without namespace": (
        PP,
        propagation(selectors=[{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}]),
        "spec.resourceSelectors[0].kind",
    ),
    "a kind of ours": (
        PP,
        propagation(selectors=[{"apiVersion": "federation.atoll.dev/v1alpha1", "kind": PP}]),
        "spec.resourceSelectors[0]",
    ),
    "a kind that stays": (
        CPP,
        propagation(selectors=[{"apiVersion": "v1", "kind": "Node"}]),
        "spec.resourceSelectors[0]",
    ),
    "an object that stays": (
        PP,
        propagation(selectors=[{"apiVersion": "v1", "kind": "ConfigMap", "name": "kube-root-ca.crt"}]),
        "spec.resourceSelectors[0]",
    ),
    "a namespace that stays": (CPP, selecting(namespace="kube-system"), "spec.resourceSelectors[0]"),
    "a label key": (
        PP,
        selecting(labelSelector={"matchLabels": {"-a": "b"}}),
        "spec.resourceSelectors[0].labelSelector.matchLabels",
    ),
    "a label value": (
        PP,
        selecting(labelSelector={"matchLabels": {"a": "b c"}}),
        "spec.resourceSelectors[0].labelSelector.matchLabels[a]",
    ),
    "an expression's key": (
        PP,
        affine(labelSelector={"matchExpressions": [{"key": "a/b/c", "operator": "Exists"}]}),
        "spec.placement.clusterAffinity.labelSelector.matchExpressions[0].key",
    ),
    "an expression's value": (
        PP,
        affine(labelSelector={"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "-"]}]}),
        "spec.placement.clusterAffinity.labelSelector.matchExpressions[0].values[1]",
    ),
    "a group's selector": (
        PP,
        placed(clusterAffinities=[{"affinityName": "a", "labelSelector": {"matchLabels": {"": "b"}}}]),
        "spec.placement.clusterAffinities[0].labelSelector.matchLabels",
    ),
    "a tier's selector": (
        PP,
        placed(
            clusterAffinities=[
                {
                    "affinityName": "a",
                    "overflowAffinities": [{"labelSelector": {"matchLabels": {"a": "?"}}}],
                }
            ]
        ),
        "spec.placement.clusterAffinities[0].overflowAffinities[0].labelSelector.matchLabels[a]",
    ),
    "a toleration's key": (
        PP,
        placed(clusterTolerations=[{"key": "a b", "operator": "Exists"}]),
        "spec.placement.clusterTolerations[0].key",
    ),
    "a toleration's value": (
        PP,
        placed(clusterTolerations=[{"key": "a", "value": "b c"}]),
        "spec.placement.clusterTolerations[0].value",
    ),
    "a label to spread by": (
        PP,
        placed(spreadConstraints=[{"spreadByLabel": "a b"}]),
        "spec.placement.spreadConstraints[0].spreadByLabel",
    ),
    "a label to group by": (
        PP,
        placed(workloadAffinity={"antiAffinity": {"groupByLabelKey": "a b"}}),
        "spec.placement.workloadAffinity.antiAffinity.groupByLabelKey",
    ),
    "a label to carry state": (
        PP,
        propagation(
            failover={
                "cluster": {"statePreservation": {"rules": [{"aliasLabelName": "a b", "jsonPath": "{.a}"}]}}
            }
        ),
        "spec.failover.cluster.statePreservation.rules[0].aliasLabelName",
    ),
    "a path to state that leads to many values": (
        PP,
        propagation(
            failover={
                "cluster": {"statePreservation": {"rules": [{"aliasLabelName": "a", "jsonPath": "{.a[*]}"}]}}
            }
        ),
        "spec.failover.cluster.statePreservation.rules[0].jsonPath",
    ),
    "a pointer without a root": (OP, patched("spec/replicas"), f"{OVERRIDERS}.plaintext[0].path"),
    "a pointer with a stray tilde": (OP, patched("/spec/~2"), f"{OVERRIDERS}.plaintext[0].path"),
    "an operation without a value": (
        OP,
        overriding(plaintext=[{"path": "/a", "operator": "add"}]),
        f"{OVERRIDERS}.plaintext[0].value",
    ),
    "a document's change without a value": (
        OP,
        overriding(fieldOverrider=[{"fieldPath": "/a", "yaml": [{"subPath": "/b", "operator": "replace"}]}]),
        f"{OVERRIDERS}.fieldOverrider[0].yaml[0].value",
    ),
    "a document's path": (
        OP,
        overriding(fieldOverrider=[{"fieldPath": "/a", "json": [{"subPath": "b", "operator": "remove"}]}]),
        f"{OVERRIDERS}.fieldOverrider[0].json[0].subPath",
    ),
    "a document in the status": (
        OP,
        overriding(
            fieldOverrider=[{"fieldPath": "/status/a", "json": [{"subPath": "/b", "operator": "remove"}]}]
        ),
        f"{OVERRIDERS}.fieldOverrider[0].fieldPath",
    ),
    "an image's path": (
        OP,
        overriding(
            imageOverrider=[
                {"predicate": {"path": "image"}, "component": "Tag", "operator": "add", "value": "b"}
            ]
        ),
        f"{OVERRIDERS}.imageOverrider[0].predicate.path",
    ),
    "an image with blanks": (
        OP,
        overriding(imageOverrider=[{"component": "Tag", "operator": "add", "value": "v1 "}]),
        f"{OVERRIDERS}.imageOverrider[0].value",
    ),
    "a variable's name": (OP, env(name="A=B"), f"{OVERRIDERS}.envOverrider[0].value[0].name"),
    "a variable that is a number": (
        OP,
        env(name="A", value=1),
        f"{OVERRIDERS}.envOverrider[0].value[0].value",
    ),
    "a variable of two sources": (
        OP,
        env(name="A", value="1", valueFrom={"fieldRef": {}}),
        f"{OVERRIDERS}.envOverrider[0].value[0]",
    ),
    "a new label's key": (OP, labels(**{"a b": "c"}), f"{OVERRIDERS}.labelsOverrider[0].value[a b]"),
    "a new label's value": (OP, labels(a="b c"), f"{OVERRIDERS}.labelsOverrider[0].value[a]"),
    "our own label": (
        OP,
        labels("remove", **{"federation.atoll.dev/host": ""}),
        f"{OVERRIDERS}.labelsOverrider[0].value[federation.atoll.dev/host]",
    ),
    "our own annotation": (
        OP,
        overriding(
            annotationsOverrider=[{"operator": "add", "value": {"federation.atoll.dev/digest": "b c"}}]
        ),
        f"{OVERRIDERS}.annotationsOverrider[0].value[federation.atoll.dev/digest]",
    ),
    "a merge of the kind": (OP, overriding(merge={"kind": "Pod"}), f"{OVERRIDERS}.merge.kind"),
    "a merge of the name": (
        OP,
        overriding(merge={"metadata": {"name": "b", "labels": {"a": None}}}),
        f"{OVERRIDERS}.merge.metadata.name",
    ),
    "a merge without metadata": (
        OP,
        overriding(merge={"metadata": None}),
        f"{OVERRIDERS}.merge.metadata",
    ),
    "a taint's key": (
        "Cluster",
        {"secretRef": {"namespace": "a", "name": "b"}, "taints": [{"key": "a b", "effect": "NoExecute"}]},
        "spec.taints[0].key",
    ),
    "a taint's value": (
        "Cluster",
        {
            "secretRef": {"namespace": "a", "name": "b"},
            "taints": [{"key": "a", "value": "b c", "effect": "NoExecute"}],
        },
        "spec.taints[0].value",
    ),
    "a pod network that is none": (
        "Cluster",
        {"secretRef": {"namespace": "a", "name": "b"}, "podCIDRs": ["10.1.0.0/16", "10.0.0.1/16"]},
        "spec.podCIDRs[1]",
    ),
}

WEIGHT = "spec.placement.replicaScheduling.weightPreference"
STATIC = {"staticWeightList": [{"targetCluster": {"clusterNames": ["m1"]}, "weight": 1}]}

WARNED = {
    "a name beside labels": (
        PP,
        selecting(name="web", labelSelector={"matchLabels": {"a": "b"}}),
        "spec.resourceSelectors[0].labelSelector",
    ),
    "an unknown cluster": (
        PP,
        affine(clusterNames=["m1", "m9"]),
        "spec.placement.clusterAffinity.clusterNames[1]",
    ),
    "an unknown cluster excluded": (PP, affine(exclude=["m9"]), "spec.placement.clusterAffinity.exclude[0]"),
    "a cluster in and out": (
        PP,
        affine(clusterNames=["m1"], exclude=["m1"]),
        "spec.placement.clusterAffinity.exclude",
    ),
    "an unknown cluster suspended": (
        PP,
        propagation(suspension={"dispatchingOnClusters": {"clusterNames": ["m9"]}}),
        "spec.suspension.dispatchingOnClusters.clusterNames[0]",
    ),
    "weights without division": (
        PP,
        placed(replicaScheduling={"replicaSchedulingType": "Duplicated", "weightPreference": STATIC}),
        WEIGHT,
    ),
    "weights with aggregation": (
        PP,
        placed(replicaScheduling={"replicaDivisionPreference": "Aggregated", "weightPreference": STATIC}),
        WEIGHT,
    ),
    "two kinds of weights": (
        PP,
        placed(replicaScheduling={"weightPreference": {**STATIC, "dynamicWeight": "AvailableReplicas"}}),
        f"{WEIGHT}.staticWeightList",
    ),
    "a weight for no cluster": (
        PP,
        placed(
            clusterAffinity={"clusterNames": ["m2"]},
            replicaScheduling={"weightPreference": STATIC},
        ),
        f"{WEIGHT}.staticWeightList[0].targetCluster.clusterNames",
    ),
    "a rule without changes": (OP, overriding(), OVERRIDERS),
    "a cluster without a way to it": ("Cluster", {}, "spec.secretRef"),
    "a binding": (
        "ResourceBinding",
        {"resource": {"apiVersion": "v1", "kind": "ConfigMap", "plural": "configmaps", "name": "a"}},
        "spec",
    ),
}

GOOD = {
    "its own namespace": (PP, selecting(namespace="shop")),
    "any namespace": (CPP, selecting(namespace="other")),
    "namespaces themselves": (
        CPP,
        propagation(selectors=[{"apiVersion": "v1", "kind": "Namespace", "name": "shop"}]),
    ),
    "a ClusterRole of another group": (
        PP,
        propagation(selectors=[{"apiVersion": "example.com/v1", "kind": "ClusterRole"}]),
    ),
    "prefixed labels": (PP, affine(labelSelector={"matchLabels": {"example.com/a.b_c": ""}})),
    "a group of weights": (
        PP,
        placed(
            clusterAffinity={"labelSelector": {"matchLabels": {"a": "b"}}},
            replicaScheduling={"weightPreference": STATIC},
        ),
    ),
    "escaped pointers": (OP, patched("/metadata/annotations/example.com~1a~0b")),
    "an appended item": (OP, patched("/spec/template/spec/tolerations/-", operator="add")),
    "a null as value": (OP, patched("/spec/paused", value=None)),
    "a removal": (OP, overriding(plaintext=[{"path": "/spec/paused", "operator": "remove"}])),
    "a pod template's name": (OP, patched("/spec/template/metadata/name")),
    "a merge of a label": (OP, overriding(merge={"metadata": {"labels": {"a": "b"}}})),
    "a variable from elsewhere": (OP, env(name="A.b-C", valueFrom={"fieldRef": {"fieldPath": "a"}})),
    "an annotation of any text": (
        OP,
        overriding(annotationsOverrider=[{"operator": "add", "value": {"a": "any text"}}]),
    ),
    "labels removed by key": (OP, labels("remove", a="any text")),
}


@pytest.mark.parametrize(("kind", "spec", "field"), DENIED.values(), ids=DENIED)
def test_a_mistake_is_denied(kind: str, spec: Manifest, field: str) -> None:
    verdict = judged(kind, spec)
    assert [denial.field for denial in verdict.denials] == [field]
    assert verdict.denials[0].remedy
    assert verdict.warnings == ()


@pytest.mark.parametrize(("kind", "spec", "field"), WARNED.values(), ids=WARNED)
def test_a_doubt_is_warned_of(kind: str, spec: Manifest, field: str) -> None:
    verdict = judged(kind, spec)
    assert [advice.field for advice in verdict.warnings] == [field]
    assert verdict.warnings[0].remedy
    assert verdict.denials == ()


@pytest.mark.parametrize(("kind", "spec"), GOOD.values(), ids=GOOD)
def test_a_good_object_passes_in_silence(kind: str, spec: Manifest) -> None:
    assert judged(kind, spec) == Verdict()


@pytest.mark.parametrize(
    "path",
    [
        "/apiVersion",
        "/kind",
        "/metadata",
        "/metadata/",
        "/metadata/name",
        "/metadata/namespace",
        "/metadata/generateName",
        "/metadata/uid",
        "/metadata/resourceVersion",
        "/metadata/managedFields",
        "/metadata/managedFields/0",
        "/metadata/labels/federation.atoll.dev~1host",
        "/metadata/annotations/federation.atoll.dev~1digest",
        "/status",
        "/status/replicas",
    ],
)
def test_what_makes_an_object_itself_is_not_overridden(path: str) -> None:
    assert [denial.field for denial in judged(OP, patched(path)).denials] == [
        f"{OVERRIDERS}.plaintext[0].path"
    ]


def test_nothing_is_said_of_cluster_names_while_clusters_are_not_known() -> None:
    policy = manifest(PP, affine(clusterNames=["m9"]), namespace="shop")
    assert validate(policy, None) == Verdict()
    assert validate(policy, []).warnings != ()


def test_an_object_that_does_not_fit_the_schema_is_denied_and_does_not_crash() -> None:
    spec = propagation(placement={"clusterTolerations": [{"key": "a", "operator": "Lt"}]})
    (denial,) = judged(PP, spec).denials
    assert denial.field == "spec.placement.clusterTolerations[0].operator"
    assert "'Equal' or 'Exists'" in denial.message


def test_all_mistakes_are_told_at_once() -> None:
    spec = propagation(
        selectors=[{**DEPLOYMENTS, "namespace": "other"}],
        placement={"clusterTolerations": [{"key": "a b", "operator": "Exists"}]},
    )
    assert len(judged(PP, spec).denials) == 2


def test_a_finding_reads_as_one_line() -> None:
    assert str(Denial("spec.a[0]", "is wrong", "set b")) == "spec.a[0]: is wrong; set b"


@pytest.mark.parametrize(
    "key", ["a", "A.b_c-d", "0", "example.com/a", "a-b.c/" + "a" * 63, f"{'a' * 253}/b"], ids=str
)
def test_valid_keys(key: str) -> None:
    assert list(syntax.label_key("f", key)) == []


@pytest.mark.parametrize(
    "key",
    ["", "a/", "/a", "a b", "-a", "a-", LONG, "a\n", "Example.com/a", "a..b/c", "a/b/c", f"{'a' * 254}/b"],
    ids=repr,
)
def test_invalid_keys(key: str) -> None:
    assert len(list(syntax.label_key("f", key))) == 1


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1))
def test_every_way_through_an_object_has_a_pointer(keys: list[str]) -> None:
    path = "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)
    assert list(syntax.pointer("f", path)) == []
    assert list(syntax.tokens(path)) == keys
