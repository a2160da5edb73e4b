"""Policies of Karmada to ours: every field is carried over or accounted for."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from policies.api.meta import API_VERSION, Manifest
from policies.karmada.conversion import CONVERTED, KARMADA, Converted, carried, convert
from policies.karmada.notes import BY_HAND, DIFFERENT, DROPPED, OWN, PURGE_MODES, TAINTS
from policies.validation import validate

SELECTORS = [{"apiVersion": "apps/v1", "kind": "Deployment"}]
PAIR = ("spec.targetCluster", "spec.overriders")
"""Deprecated there: written as a rule."""


def karmada_fields() -> list[tuple[str, str]]:
    fields, kind = [], ""
    for line in (Path(__file__).parent / "karmada_fields.txt").read_text().splitlines():
        if line in CONVERTED:
            kind = line
        elif not line.startswith("#"):
            fields.append((kind, line))
    return fields


def propagation(**spec: Any) -> Manifest:
    return _policy("PropagationPolicy", {"resourceSelectors": SELECTORS, **spec})


def override(**spec: Any) -> Manifest:
    return _policy("OverridePolicy", spec)


def _policy(kind: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": KARMADA,
        "kind": kind,
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": spec,
    }


def said(converted: Converted, field: str) -> str:
    return " ".join(note.message for note in converted.notes if note.field == field)


def test_every_field_of_karmada_is_carried_over_or_noted() -> None:
    fields = karmada_fields()
    assert len(fields) > 200
    assert [
        (kind, path)
        for kind, path in fields
        if not (carried(kind, path) or f"{path}.".startswith(tuple(f"{each}." for each in (*DROPPED, *PAIR))))
    ] == []


def test_what_is_noted_or_ours_alone_is_told_apart_by_the_fields_there_are() -> None:
    theirs = {path for _, path in karmada_fields()}
    assert {*DROPPED, *DIFFERENT} <= theirs
    assert not OWN & theirs


def test_what_has_no_counterpart_is_explained() -> None:
    page = (Path(__file__).parents[2] / "docs" / "karmada.md").read_text()
    named = {*(path.removeprefix("spec.") for path in DROPPED), *BY_HAND, *TAINTS, *PURGE_MODES}
    assert sorted(name for name in named if name not in page) == []


@pytest.mark.parametrize("kind", sorted(CONVERTED))
def test_a_plain_policy_is_one_of_ours_without_a_note(kind: str) -> None:
    spec: Manifest = {"resourceSelectors": SELECTORS}
    if "Override" in kind:
        labels = [{"operator": "add", "value": {"a": "b"}}]
        spec["overrideRules"] = [{"overriders": {"labelsOverrider": labels}}]
    given = _policy(kind, spec)
    before = deepcopy(given)
    converted = convert(given)
    assert converted == Converted(given | {"apiVersion": API_VERSION}, (), ())
    assert given == before
    assert validate(converted.manifest).denials == ()


def test_all_of_a_rich_policy_is_carried_over() -> None:
    spec = {
        "placement": {
            "clusterAffinities": [
                {
                    "affinityName": "near",
                    "clusterNames": ["m1"],
                    "exclude": ["m2"],
                    "labelSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]},
                    "fieldSelector": {
                        "matchExpressions": [{"key": "zone", "operator": "In", "values": ["z"]}]
                    },
                }
            ],
            "clusterTolerations": [{"key": "a", "operator": "Exists", "effect": "NoSchedule"}],
            "spreadConstraints": [{"spreadByField": "cluster", "minGroups": 1, "maxGroups": 2}],
            "replicaScheduling": {
                "replicaSchedulingType": "Divided",
                "replicaDivisionPreference": "Weighted",
                "weightPreference": {"dynamicWeight": "AvailableReplicas"},
            },
        },
        "priority": 5,
        "preemption": "Never",
        "propagateDeps": True,
        "dependentOverrides": ["o"],
        "conflictResolution": "Overwrite",
        "suspension": {"dispatchingOnClusters": {"clusterNames": ["m1"]}},
        "activationPreference": "Lazy",
        "failover": {
            "application": {
                "decisionConditions": {"tolerationSeconds": 30},
                "purgeMode": "Directly",
                "statePreservation": {"rules": [{"aliasLabelName": "a", "jsonPath": "{.b}"}]},
            }
        },
    }
    converted = convert(propagation(**spec))
    assert converted.mistakes == ()
    assert converted.manifest["spec"] == {"resourceSelectors": SELECTORS, **spec}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schedulerName", "mine"),
        ("association", True),
        ("schedulePriority", {"priorityClassSource": "KubePriorityClass", "priorityClassName": "high"}),
    ],
)
def test_what_has_no_counterpart_is_left_out_and_noted(field: str, value: Any) -> None:
    converted = convert(propagation(**{field: value}))
    assert converted.manifest["spec"] == {"resourceSelectors": SELECTORS}
    assert [note.field for note in converted.notes] == [f"spec.{field}"]
    assert "left out" in said(converted, f"spec.{field}")


@pytest.mark.parametrize(
    ("constraint", "becomes", "words"),
    [
        ({"spreadByField": "cluster"}, {"spreadByField": "cluster"}, ["without maxGroups"]),
        (
            {"spreadByField": "cluster", "minGroups": 0, "maxGroups": 0},
            {"spreadByField": "cluster"},
            ["without maxGroups"],
        ),
        (
            {"maxGroups": 2},
            {"spreadByField": "cluster", "maxGroups": 2},
            ["spreadByField: cluster is written"],
        ),
        (
            {"spreadByField": "cluster", "maxGroups": 2},
            {"spreadByField": "cluster", "maxGroups": 2},
            [],
        ),
    ],
)
def test_a_spread_constraint_says_what_karmada_takes_for_granted(
    constraint: Manifest, becomes: Manifest, words: list[str]
) -> None:
    converted = convert(propagation(placement={"spreadConstraints": [constraint]}))
    assert converted.manifest["spec"]["placement"]["spreadConstraints"] == [becomes]
    notes = [note.message for note in converted.notes]
    assert [any(word in note for note in notes) for word in words] == [True] * len(notes)


@pytest.mark.parametrize(
    ("by", "noted"),
    [
        ({"spreadByField": "zone"}, True),
        ({"spreadByField": "provider"}, True),
        ({"spreadByLabel": "rack"}, True),
        ({"spreadByField": "region"}, False),
    ],
)
def test_topologies_that_only_filter_there_are_noted(by: Manifest, noted: bool) -> None:
    constraints = [{"spreadByField": "cluster", "maxGroups": 2}, {**by, "maxGroups": 1}]
    converted = convert(propagation(placement={"spreadConstraints": constraints}))
    assert ("select groups" in said(converted, "spec.placement.spreadConstraints[1]")) == noted


def test_static_weights_are_noted_beside_spread_constraints_only() -> None:
    weights = [{"targetCluster": {"clusterNames": ["m1"]}, "weight": 1}]
    placement = {
        "replicaScheduling": {
            "replicaSchedulingType": "Divided",
            "weightPreference": {"staticWeightList": weights},
        }
    }
    field = "spec.placement.replicaScheduling.weightPreference.staticWeightList"
    assert said(convert(propagation(placement=placement)), field) == ""
    constraints = {"spreadConstraints": [{"spreadByField": "cluster", "maxGroups": 2}]}
    assert "Karmada ignores them" in said(convert(propagation(placement=placement | constraints)), field)


def test_the_deprecated_pair_becomes_a_rule() -> None:
    target = {"clusterNames": ["m1"]}
    overriders = {"plaintext": [{"path": "/a", "operator": "add", "value": 1}]}
    converted = convert(override(targetCluster=target, overriders=overriders))
    assert converted.manifest["spec"] == {
        "overrideRules": [{"overriders": overriders, "targetCluster": target}]
    }
    assert [note.field for note in converted.notes] == ["spec.targetCluster", "spec.overriders"]


def test_the_deprecated_pair_comes_after_rules_that_should_not_be_there_with_it() -> None:
    rules = [{"overriders": {"plaintext": [{"path": "/b", "operator": "remove"}]}}]
    converted = convert(override(overrideRules=rules, targetCluster={"clusterNames": ["m1"]}))
    assert converted.manifest["spec"]["overrideRules"][:1] == rules
    assert len(converted.manifest["spec"]["overrideRules"]) == 2


def test_taints_of_clusters_in_trouble_have_our_names() -> None:
    tolerations = [
        {"key": "cluster.karmada.io/not-ready", "operator": "Exists"},
        {"key": "cluster.karmada.io/unschedulable", "operator": "Exists"},
        {"key": "example.com/a", "operator": "Exists"},
    ]
    converted = convert(propagation(placement={"clusterTolerations": tolerations}))
    keys = [each["key"] for each in converted.manifest["spec"]["placement"]["clusterTolerations"]]
    assert keys == ["federation.atoll.dev/not-ready", "cluster.karmada.io/unschedulable", "example.com/a"]
    assert "written as" in said(converted, "spec.placement.clusterTolerations[0].key")
    assert "don't get the taint" in said(converted, "spec.placement.clusterTolerations[1].key")
    assert said(converted, "spec.placement.clusterTolerations[2].key") == ""


@pytest.mark.parametrize(("old", "new"), [("Immediately", "Directly"), ("Graciously", "Gracefully")])
def test_purge_modes_have_their_present_names(old: str, new: str) -> None:
    converted = convert(propagation(failover={"application": {"purgeMode": old}}))
    assert converted.manifest["spec"]["failover"] == {"application": {"purgeMode": new}}
    assert converted.mistakes == ()


def test_a_difference_is_noted_at_the_very_item() -> None:
    images = [{"component": "Tag", "operator": "replace", "value": "v2"}]
    converted = convert(override(overrideRules=[{"overriders": {"imageOverrider": images}}]))
    assert [note.field for note in converted.notes] == ["spec.overrideRules[0].overriders.imageOverrider"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (propagation(placment={}), "spec.placment"),
        (propagation(placement={"clusterAffinity": {"names": []}}), "spec.placement.clusterAffinity.names"),
        (propagation(placement={"failback": "Never"}), "spec.placement.failback"),
        (override(overrideRules=[{"overriders": {"merge": {}}}]), "spec.overrideRules[0].overriders.merge"),
    ],
)
def test_a_field_that_karmada_does_not_have_is_a_mistake(given: Manifest, field: str) -> None:
    assert convert(given).mistakes == (f"{field}: Karmada has no such field; remove it",)


def test_what_is_not_valid_here_is_a_mistake_of_that_field() -> None:
    lease = [{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}]
    (mistake,) = convert(propagation() | {"spec": {"resourceSelectors": lease}}).mistakes
    assert mistake.startswith("spec.resourceSelectors[0]: selects what is never propagated")


def test_labels_and_annotations_are_kept_but_for_those_of_karmada_and_of_kubectl() -> None:
    metadata = {
        "name": "web",
        "uid": "u",
        "labels": {"team": "a", "propagationpolicy.karmada.io/permanent-id": "x"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    }
    assert convert(propagation() | {"metadata": metadata}).manifest["metadata"] == {
        "name": "web",
        "labels": {"team": "a"},
    }
