"""Resource types by the words that people have for them."""

from __future__ import annotations

import pytest

from federation.kube.resources import Resource
from federation.kube.types import ServedType, named

LIST = ("get", "list")
PODS = Resource("", "v1", "pods", "Pod")
REVIEWS = Resource("", "v1", "reviews", "Review")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
OLD = Resource("apps", "v1beta1", "deployments", "Deployment")
SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
KRUISE = Resource("apps.kruise.io", "v1beta1", "statefulsets", "StatefulSet")
PO = Resource("example.com", "v1", "po", "Po")
TYPES = [
    ServedType(PODS, "pod", ("po",), ("all",), LIST),
    ServedType(REVIEWS, "review", (), ("all",), ("create",)),
    ServedType(DEPLOYMENTS, "deployment", ("deploy",), ("all",), LIST),
    ServedType(OLD, "deployment", ("deploy",), ("all",), LIST),
    ServedType(SETS, "statefulset", ("sts",), (), LIST),
    ServedType(KRUISE, "", ("sts", "asts"), (), LIST),
]


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("pods", [PODS]),
        ("Pod", [PODS]),
        ("po", [PODS]),
        ("deploy", [DEPLOYMENTS]),
        ("deployments.apps", [DEPLOYMENTS]),
        ("deploy.v1beta1.apps", [OLD]),
        ("pods.v1", [PODS]),
        ("sts", [SETS]),
        ("statefulset.apps.kruise.io", [KRUISE]),
        ("asts", [KRUISE]),
        ("all", [PODS, DEPLOYMENTS]),
        ("all.apps", []),
        ("pods.apps", []),
        ("widgets", []),
    ],
)
def test_a_word_means_what_it_means_to_kubectl(word: str, found: list[Resource]) -> None:
    assert named(TYPES, word) == found


def test_the_full_name_of_one_type_wins_over_the_short_name_of_another() -> None:
    assert named([*TYPES, ServedType(PO, "", (), (), LIST)], "po") == [PO]
