"""Selectors mean what Kubernetes' own do."""

from __future__ import annotations

from typing import Any

import pytest

from policies.api.meta import LabelSelector, Taint, Toleration
from policies.api.propagation import ClusterAffinity
from policies.selectors import matches_affinity, matches_labels, untolerated
from tests.policies.examples import cluster


def term(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "labels", "matches"),
    [
        ({}, {}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "1", "b": "2"}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "2"}, False),
        ({"matchLabels": {"a": "1", "b": "2"}}, {"a": "1"}, False),
        (term("a", "In", "1", "2"), {"a": "2"}, True),
        (term("a", "In", "1", "2"), {"a": "3"}, False),
        (term("a", "In", "1"), {}, False),
        (term("a", "NotIn", "1"), {"a": "2"}, True),
        (term("a", "NotIn", "1"), {"a": "1"}, False),
        (term("a", "NotIn", "1"), {}, True),
        (term("a", "Exists"), {"a": ""}, True),
        (term("a", "Exists"), {}, False),
        (term("a", "DoesNotExist"), {}, True),
        (term("a", "DoesNotExist"), {"a": "1"}, False),
        ({"matchLabels": {"a": "1"}, **term("b", "Exists")}, {"a": "1"}, False),
    ],
)
def test_a_label_selector_matches_when_all_its_terms_hold(
    selector: dict[str, Any], labels: dict[str, str], matches: bool
) -> None:
    assert matches_labels(LabelSelector.model_validate(selector), labels) is matches


def fields(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"fieldSelector": term(key, operator, *values)}


M1 = cluster("m1", labels={"env": "prod"}, provider="aws", region="eu", zones=["eu-1", "eu-2"])
NOWHERE = cluster("nowhere")


@pytest.mark.parametrize(
    ("affinity", "matches"),
    [
        ({}, True),
        ({"clusterNames": ["m1", "m2"]}, True),
        ({"clusterNames": ["m2"]}, False),
        ({"exclude": ["m1"]}, False),
        ({"clusterNames": ["m1"], "exclude": ["m1"]}, False),
        ({"labelSelector": {"matchLabels": {"env": "prod"}}}, True),
        ({"labelSelector": {"matchLabels": {"env": "test"}}}, False),
        ({"labelSelector": {}}, True),
        (fields("provider", "In", "aws", "gcp"), True),
        (fields("provider", "NotIn", "aws"), False),
        (fields("region", "In", "us"), False),
        (fields("region", "NotIn", "us"), True),
        (fields("zone", "In", "eu-2"), True),
        (fields("zone", "In", "eu-3"), False),
        (fields("zone", "NotIn", "eu-1"), True),
        (fields("zone", "NotIn", "eu-1", "eu-2"), False),
        ({"labelSelector": {"matchLabels": {"env": "prod"}}, **fields("region", "In", "us")}, False),
        ({"labelSelector": {"matchLabels": {"env": "prod"}}, "clusterNames": ["m2"]}, False),
    ],
)
def test_an_affinity_selects_the_clusters_that_meet_all_terms_and_are_not_excluded(
    affinity: dict[str, Any], matches: bool
) -> None:
    assert matches_affinity(ClusterAffinity.model_validate(affinity), M1) is matches


@pytest.mark.parametrize("key", ["provider", "region", "zone"])
def test_a_field_a_cluster_does_not_have_is_in_no_list(key: str) -> None:
    assert not matches_affinity(ClusterAffinity.model_validate(fields(key, "In", "x")), NOWHERE)
    assert matches_affinity(ClusterAffinity.model_validate(fields(key, "NotIn", "x")), NOWHERE)


@pytest.mark.parametrize(
    ("toleration", "tolerates"),
    [
        ({"key": "k", "operator": "Exists"}, True),
        ({"key": "k", "operator": "Equal", "value": "v"}, True),
        ({"key": "k", "operator": "Equal", "value": "w"}, False),
        ({"key": "k"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"operator": "Exists"}, True),
        ({"key": "k", "operator": "Exists", "effect": "NoSchedule"}, True),
        ({"key": "k", "operator": "Exists", "effect": "NoExecute"}, False),
    ],
)
def test_a_toleration_covers_taints_as_for_pods(toleration: dict[str, Any], tolerates: bool) -> None:
    taint = Taint(key="k", value="v", effect="NoSchedule")
    found = untolerated([taint], [Toleration.model_validate(toleration)])
    assert found == (None if tolerates else taint)


def test_the_first_untolerated_taint_is_named() -> None:
    taints = [Taint(key=key, effect="NoExecute") for key in ("a", "b", "c")]
    assert untolerated(taints, [Toleration(key="a", operator="Exists")]) == taints[1]
    assert untolerated([], []) is None
