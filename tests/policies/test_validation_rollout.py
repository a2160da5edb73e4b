"""Strategies and runs: what is denied, what is warned of, and what passes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kinds import DEPLOYMENTS, manifest

from policies.api.meta import Manifest
from policies.validation import Verdict, validate

RP, CRP, RO = "RolloutPolicy", "ClusterRolloutPolicy", "Rollout"
CLUSTERS = ["m1", "m2"]
CANARY = {"clusterNames": ["m1"]}
ALL = {"updated": "100%"}


def strategy(*amounts: int | str, **fields: Any) -> Manifest:
    """The spec of a policy with these steps and one of all, or with two batches."""
    steps = [*({"updated": amount} for amount in amounts), ALL]
    parts: Manifest = {"steps": steps} if amounts else {"batches": 2}
    return {"resourceSelectors": [DEPLOYMENTS], **parts, **fields}


def stepping(*steps: Manifest, **fields: Any) -> Manifest:
    return {"resourceSelectors": [DEPLOYMENTS], "steps": list(steps), **fields}


def run(*, strategy: Manifest | None = None, **verbs: Any) -> Manifest:
    """The spec of a Rollout."""
    return {
        "workloadRef": {**DEPLOYMENTS, "plural": "deployments", "name": "web"},
        "targetRevision": "web-2",
        "stableRevision": "web-1",
        "strategy": strategy or {"batches": 2},
        **verbs,
    }


def judged(kind: str, spec: Manifest) -> Verdict:
    return validate(manifest(kind, spec, namespace="shop"), CLUSTERS)


DENIED = {
    "neither steps nor batches": (RP, {"resourceSelectors": [DEPLOYMENTS]}, "spec"),
    "both steps and batches": (RP, stepping(ALL, batches=2), "spec"),
    "no batches": (RP, strategy(batches=0), "spec.batches"),
    "too many batches": (RP, strategy(batches=51), "spec.batches"),
    "a step over 100%": (RP, stepping({"updated": "110%"}, ALL), "spec.steps[0].updated"),
    "a step below 0": (RP, strategy(-1), "spec.steps[0].updated"),
    "a step without unit": (RP, strategy("5"), "spec.steps[0].updated"),
    "a step of half a percent": (RP, strategy("0.5%"), "spec.steps[0].updated"),
    "a step with a line end": (RP, strategy("5%\n"), "spec.steps[0].updated"),
    "nothing may be down": (RP, strategy(maxUnavailable=0), "spec.maxUnavailable"),
    "0% may be down": (RP, strategy(maxUnavailable="0%"), "spec.maxUnavailable"),
    "a negative bound": (RP, strategy(maxUnavailable=-1), "spec.maxUnavailable"),
    "a bound in words": (RP, strategy(maxUnavailable="some"), "spec.maxUnavailable"),
    "nothing may be down in a cluster": (
        RP,
        strategy(maxUnavailablePerCluster=0),
        "spec.maxUnavailablePerCluster",
    ),
    "too much may be down in a cluster": (
        RP,
        strategy(maxUnavailablePerCluster="101%"),
        "spec.maxUnavailablePerCluster",
    ),
    "a rollback that can't move": (
        RP,
        strategy(rollback={"maxUnavailable": "0%"}),
        "spec.rollback.maxUnavailable",
    ),
    "a rollback's bound": (RP, strategy(rollback={"maxUnavailable": "25"}), "spec.rollback.maxUnavailable"),
    "a budget": (RP, strategy(failureBudget={"pods": "200%"}), "spec.failureBudget.pods"),
    "a step back": (RP, strategy("50%", "10%"), "spec.steps[1].updated"),
    "a step on the spot": (RP, strategy("10%", "10%"), "spec.steps[1].updated"),
    "a count back": (RP, strategy(5, 3), "spec.steps[1].updated"),
    "a step back over another unit": (RP, strategy("50%", 5, "20%"), "spec.steps[2].updated"),
    "a step back in the canary": (
        RP,
        stepping({"updated": 3, "clusters": CANARY}, {"updated": 2, "clusters": CANARY}, ALL),
        "spec.steps[1].updated",
    ),
    "a step back over the canary": (
        RP,
        stepping({"updated": "20%"}, {"updated": "100%", "clusters": CANARY}, {"updated": "10%"}, ALL),
        "spec.steps[2].updated",
    ),
    "an empty scope is that of all": (
        RP,
        stepping({"updated": "20%"}, {"updated": "10%", "clusters": {}}, ALL),
        "spec.steps[1].updated",
    ),
    "all twice": (RP, stepping(ALL, ALL), "spec.steps[1].updated"),
    "a scope's label": (
        RP,
        stepping({"updated": 1, "clusters": {"labelSelector": {"matchLabels": {"a b": "c"}}}}, ALL),
        "spec.steps[0].clusters.labelSelector.matchLabels",
    ),
    "another namespace": (
        RP,
        strategy(resourceSelectors=[{**DEPLOYMENTS, "namespace": "other"}]),
        "spec.resourceSelectors[0].namespace",
    ),
    "a kind whose content is secret": (
        RP,
        strategy(resourceSelectors=[{"apiVersion": "v1", "kind": "Secret"}]),
        "spec.resourceSelectors[0].kind",
    ),
    "a kind without namespace": (
        CRP,
        strategy(resourceSelectors=[{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass"}]),
        "spec.resourceSelectors[0].kind",
    ),
    "a cluster-scoped policy's bound": (CRP, strategy(maxUnavailable=0), "spec.maxUnavailable"),
    "a run's steps": (RO, run(strategy=strategy(5, 3)), "spec.strategy.steps[1].updated"),
    "a run without steps": (RO, run(strategy={"steps": []}), "spec.strategy"),
    "a run's bound": (
        RO,
        run(strategy={"batches": 2, "maxUnavailable": 0}),
        "spec.strategy.maxUnavailable",
    ),
}

WARNED = {
    "a policy that must be named": (RP, strategy(resourceSelectors=[]), "spec.resourceSelectors"),
    "a last step of some pods": (RP, stepping({"updated": "10%"}), "spec.steps"),
    "a last step that counts": (RP, stepping({"updated": 100}), "spec.steps"),
    "a last step of some clusters": (RP, stepping(ALL | {"clusters": CANARY}), "spec.steps"),
    "an unknown cluster in the order": (RP, strategy(clusterOrder=["m1", "m9"]), "spec.clusterOrder[1]"),
    "an unknown cluster in a step": (
        RP,
        stepping({"updated": 1, "clusters": {"clusterNames": ["m9"]}}, ALL),
        "spec.steps[0].clusters.clusterNames[0]",
    ),
    "an unknown cluster left out": (RO, run(skipClusters=["m2", "m9"]), "spec.skipClusters[1]"),
}

GOOD = {
    "batches": (RP, strategy()),
    "percentages": (RP, strategy("1%", "10%", "50%")),
    "counts": (RP, strategy(0, 1, 10)),
    "a count after a percentage": (RP, strategy("50%", 1)),
    "the canary first": (
        RP,
        stepping({"updated": "100%", "clusters": CANARY}, {"updated": "10%"}, ALL),
    ),
    "two canaries": (
        RP,
        stepping(
            {"updated": "50%", "clusters": CANARY},
            {"updated": "50%", "clusters": {"clusterNames": ["m2"]}},
            ALL,
        ),
    ),
    "bounds": (
        RP,
        strategy(
            maxUnavailable="1%",
            maxUnavailablePerCluster=1,
            rollback={"maxUnavailable": "100%"},
            failureBudget={"pods": 0, "clusters": 0},
        ),
    ),
    "any namespace": (CRP, strategy(resourceSelectors=[{**DEPLOYMENTS, "namespace": "other"}])),
    "a run": (RO, run(paused=True, approvedStep=1, skipClusters=["m1"])),
    "a run whose strategy was warned of": (
        RO,
        run(strategy={"steps": [{"updated": 1}], "clusterOrder": ["m9"]}),
    ),
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


def test_nothing_is_said_of_cluster_names_while_clusters_are_not_known() -> None:
    policy = manifest(RP, strategy(clusterOrder=["m9"]), namespace="shop")
    assert validate(policy, None) == Verdict()


def test_a_mistake_reads_as_one_line_with_the_remedy() -> None:
    spec = stepping({"updated": "50%"}, {"updated": "10%"}, ALL, maxUnavailable="0%")
    assert [str(denial) for denial in judged(RP, spec).denials] == [
        "spec.maxUnavailable: with 0 no pod could ever be replaced; set 1 or more, or a percentage",
        "spec.steps[1].updated: 10% is no more than what steps[0] reaches already; "
        "counts and percentages include the steps before: raise it or remove the step",
    ]


@given(st.lists(st.integers(0, 100), min_size=1, max_size=20))
def test_steps_of_one_unit_pass_if_and_only_if_they_grow(shares: list[int]) -> None:
    steps = [{"updated": f"{share}%"} for share in shares]
    denials = judged(RP, stepping(*steps)).denials
    grows = all(a < b for a, b in pairwise(shares))
    assert (denials == ()) is grows


@given(st.text("0123456789%+-. ", max_size=4))
def test_what_passes_as_a_bound_is_a_percentage(text: str) -> None:
    """The planner counts on it."""
    denials = judged(RP, strategy(maxUnavailable=text)).denials
    percentages = {f"{share}%" for share in range(1, 101)}
    assert (denials == ()) is (text in percentages)
