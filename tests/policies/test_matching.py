"""Which policy governs a template, and what no policy can propagate."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.api.binding import PolicyReference
from policies.api.meta import Manifest
from policies.api.propagation import ClusterPropagationPolicy, PropagationPolicy
from policies.matching import (
    BY_KIND,
    BY_LABEL,
    BY_NAME,
    NOT_SELECTED,
    Index,
    governing,
    never_propagated,
    ranking,
    specificity,
    subject_of,
)
from tests.policies.examples import DEPLOYMENTS, WEB, cpp, pp

NAMED = {**DEPLOYMENTS, "name": "web"}
LABELED = {**DEPLOYMENTS, "labelSelector": {"matchLabels": {"app": "web"}}}


def reference(policy: PropagationPolicy) -> PolicyReference:
    wide = isinstance(policy, ClusterPropagationPolicy)
    return PolicyReference(
        kind="ClusterPropagationPolicy" if wide else "PropagationPolicy",
        namespace=policy.metadata.namespace,
        name=policy.metadata.name,
    )


def governor(*policies: PropagationPolicy, current: PropagationPolicy | None = None) -> str | None:
    found = governing(WEB, policies, reference(current) if current else None)
    return found.metadata.name if found else None


@pytest.mark.parametrize(
    ("selector", "rank"),
    [
        (NAMED, BY_NAME),
        ({**NAMED, "name": "other"}, NOT_SELECTED),
        (LABELED, BY_LABEL),
        ({**DEPLOYMENTS, "labelSelector": {"matchLabels": {"app": "other"}}}, NOT_SELECTED),
        ({**NAMED, "labelSelector": {"matchLabels": {"app": "other"}}}, BY_NAME),
        (DEPLOYMENTS, BY_KIND),
        ({**DEPLOYMENTS, "apiVersion": "apps/v1beta1"}, BY_KIND),
        ({**DEPLOYMENTS, "apiVersion": "extensions/v1"}, NOT_SELECTED),
        ({**DEPLOYMENTS, "apiVersion": "v1"}, NOT_SELECTED),
        ({**DEPLOYMENTS, "kind": "StatefulSet"}, NOT_SELECTED),
        ({**DEPLOYMENTS, "namespace": "shop"}, BY_KIND),
        ({**DEPLOYMENTS, "namespace": "other"}, NOT_SELECTED),
    ],
)
def test_a_selector_selects_by_name_else_by_labels_else_the_whole_kind(selector: Manifest, rank: int) -> None:
    assert specificity(pp("p", selectors=[selector]).spec.resource_selectors, WEB) == rank


def test_the_best_selector_of_a_policy_counts() -> None:
    assert (
        specificity(pp("p", selectors=[DEPLOYMENTS, NAMED, LABELED]).spec.resource_selectors, WEB) == BY_NAME
    )
    assert specificity([], WEB) == NOT_SELECTED


@pytest.mark.parametrize(
    ("policies", "winner"),
    [
        ([], None),
        ([pp("p", namespace="other")], None),
        ([pp("p", selectors=[{**NAMED, "name": "other"}])], None),
        ([pp("p", leaving=True)], None),
        ([cpp("wide", priority=100, selectors=[NAMED]), pp("p")], "p"),
        ([pp("low", priority=-1, selectors=[NAMED]), pp("high")], "high"),
        ([pp("kind"), pp("name", selectors=[NAMED]), pp("label", selectors=[LABELED])], "name"),
        ([pp("kind"), pp("label", selectors=[LABELED])], "label"),
        ([pp("b"), pp("a"), pp("c")], "a"),
        ([cpp("b"), cpp("a", selectors=[{**DEPLOYMENTS, "namespace": "other"}]), cpp("c")], "b"),
    ],
)
def test_namespace_then_priority_then_implicit_priority_then_name_decide(
    policies: list[PropagationPolicy], winner: str | None
) -> None:
    assert governor(*policies) == winner
    assert governor(*reversed(policies)) == winner


def always(**options: Any) -> dict[str, Any]:
    return {"selectors": [NAMED], "preemption": "Always", **options}


@pytest.mark.parametrize(
    ("current", "challenger", "taken_over"),
    [
        (pp("old"), pp("new", selectors=[NAMED], priority=9), False),
        (pp("old"), pp("new", **always()), False),
        (pp("old"), pp("new", **always(priority=1)), True),
        (pp("old", priority=1), pp("new", **always(priority=1)), False),
        (pp("old"), cpp("new", **always(priority=9)), False),
        (cpp("old", priority=9), pp("new"), False),
        (cpp("old", priority=9), pp("new", **always()), True),
        (cpp("old"), cpp("new", **always(priority=1)), True),
        (cpp("old"), cpp("new", **always()), False),
    ],
)
def test_the_choice_is_sticky_unless_a_policy_preempts(
    current: PropagationPolicy, challenger: PropagationPolicy, taken_over: bool
) -> None:
    assert governor(current, challenger, current=current) == ("new" if taken_over else "old")


def test_of_several_preempting_policies_the_best_takes_over() -> None:
    low, high, wide = (
        pp("low", **always(priority=1)),
        pp("high", **always(priority=2)),
        cpp("wide", **always(priority=9)),
    )
    assert governor(low, wide, high, current=cpp("old")) == "high"


@pytest.mark.parametrize(
    "current",
    [pp("gone"), pp("here", selectors=[{**NAMED, "name": "other"}]), pp("here", leaving=True), cpp("next")],
    ids=["deleted", "selects it no more", "being deleted", "of the other kind"],
)
def test_when_the_governing_policy_is_gone_the_next_best_governs(current: PropagationPolicy) -> None:
    remaining = [current] if current.metadata.name == "here" else []
    assert governor(*remaining, pp("next"), current=current) == "next"


@pytest.mark.parametrize(
    ("winner", "loser", "reason", "words"),
    [
        (pp("p"), cpp("wide", priority=9), "ClusterWide", "ClusterPropagationPolicy wide is cluster-wide"),
        (pp("p", priority=2), pp("low", selectors=[NAMED]), "LowerPriority", "has priority 0, and"),
        (pp("p", selectors=[NAMED]), pp("a"), "LessSpecific", "with all of its kind, and"),
        (pp("p", selectors=[NAMED]), pp("a", selectors=[LABELED]), "LessSpecific", "by labels, and"),
        (pp("p"), pp("q"), "LaterName", "comes after PropagationPolicy p by name"),
    ],
)
def test_a_policy_that_lost_is_told_by_which_rule(
    winner: PropagationPolicy, loser: PropagationPolicy, reason: str, words: str
) -> None:
    found = ranking(WEB, [loser, winner], None)
    assert found.governing is winner
    assert [(each.policy, each.verdict.reason) for each in found.losers] == [(loser, reason)]
    assert words in found.losers[0].verdict.message


@pytest.mark.parametrize(
    ("current", "better", "remedy"),
    [
        (pp("old"), pp("a"), "give it spec.preemption: Always and a spec.priority above 0"),
        (pp("old"), pp("new", priority=9), "give it spec.preemption: Always"),
        (pp("old"), pp("a", **always()), "give it a spec.priority above 0"),
        (cpp("old", priority=9), pp("new"), "give it spec.preemption: Always"),
    ],
)
def test_a_better_policy_that_does_not_preempt_is_told_how_it_would(
    current: PropagationPolicy, better: PropagationPolicy, remedy: str
) -> None:
    found = ranking(WEB, [current, better], reference(current))
    assert found.governing is current
    assert [each.verdict.reason for each in found.losers] == ["NotPreempting"]
    assert found.losers[0].verdict.message.endswith(f"to take over, {remedy}")


def test_policies_that_do_not_select_a_template_are_no_losers() -> None:
    others = [pp("other", selectors=[{**NAMED, "name": "other"}]), pp("elsewhere", namespace="other")]
    assert ranking(WEB, others, None) == (None, ())


POLICIES = st.lists(
    st.builds(
        lambda name, wide, priority, selector, preempts: (cpp if wide else pp)(
            name, priority=priority, selectors=[selector], preemption="Always" if preempts else "Never"
        ),
        st.sampled_from("abcd"),
        st.booleans(),
        st.integers(0, 2),
        st.sampled_from([DEPLOYMENTS, LABELED, NAMED]),
        st.booleans(),
    ),
    max_size=6,
    unique_by=lambda policy: (policy.metadata.name, policy.kind),
)


@given(POLICIES, st.randoms(use_true_random=False), st.integers(0, 6))
def test_the_choice_is_stable_and_does_not_depend_on_the_order(policies, random, n: int) -> None:
    current = reference(policies[n]) if n < len(policies) else None
    chosen = governing(WEB, policies, current)
    shuffled = random.sample(policies, len(policies))
    assert governing(WEB, shuffled, current) is chosen
    assert chosen is None or governing(WEB, shuffled, reference(chosen)) is chosen


@given(POLICIES, st.integers(0, 6))
def test_every_policy_that_selects_a_template_governs_it_or_is_told_why_not(policies, n: int) -> None:
    current = reference(policies[n]) if n < len(policies) else None
    found = ranking(WEB, policies, current)
    assert found.governing is governing(WEB, policies, current)
    named = [found.governing, *(each.policy for each in found.losers)] if found.governing else []
    assert sorted(map(str, named)) == sorted(map(str, policies))


@given(POLICIES, st.integers(0, 6))
def test_the_remedy_that_a_policy_is_told_has_it_govern(policies, n: int) -> None:
    current = reference(policies[n]) if n < len(policies) else None
    for loser in ranking(WEB, policies, current).losers:
        if loser.verdict.reason == "NotPreempting":
            spec = {"preemption": "Always"}
            if "spec.priority" in loser.verdict.message:
                spec["priority"] = loser.policy.spec.priority + 1
            better = loser.policy.model_copy(update={"spec": loser.policy.spec.model_copy(update=spec)})
            changed = [better if each is loser.policy else each for each in policies]
            assert governing(WEB, changed, current) is better


def test_an_index_finds_every_policy_that_can_select_a_template_and_no_other_kinds() -> None:
    policies = [
        pp("kind"),
        pp("name", selectors=[NAMED, LABELED]),
        pp("other-name", selectors=[{**NAMED, "name": "other"}]),
        pp("other-kind", selectors=[{"apiVersion": "v1", "kind": "Service"}]),
        pp("elsewhere", namespace="other"),
        cpp("wide"),
    ]
    index = Index(policies)
    assert {policy.metadata.name for policy in index.candidates(WEB)} == {"kind", "name", "wide"}
    assert index.kinds() == {("apps", "Deployment"), ("", "Service")}


def test_only_cluster_wide_policies_are_candidates_for_a_cluster_scoped_template() -> None:
    roles = [{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}]
    wide, namespaced = cpp("wide", selectors=roles), pp("p", selectors=roles)
    role = WEB._replace(group="rbac.authorization.k8s.io", kind="ClusterRole", namespace="", name="system:x")
    assert list(Index([wide, namespaced]).candidates(role)) == [wide]
    assert governing(role, [wide, namespaced], None) is wide


def a(api_version: str, kind: str, name: str = "x", namespace: str = "shop", **fields: Any) -> Manifest:
    metadata = {"name": name, "namespace": namespace, **fields.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def managed_by(manager: str) -> Manifest:
    return {"metadata": {"labels": {"endpointslice.kubernetes.io/managed-by": manager}}}


def labeled(**labels: str) -> Manifest:
    return {
        "metadata": {
            "labels": {f"multicluster.kubernetes.io/{k.replace('_', '-')}": v for k, v in labels.items()}
        }
    }


OWNED = {"metadata": {"ownerReferences": [{"kind": "ReplicaSet", "name": "web-1", "controller": True}]}}


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        (a("v1", "ConfigMap", namespace="kube-system"), "kube-system"),
        (a("v1", "ConfigMap", namespace="atoll-system"), "atoll-system"),
        (a("v1", "Namespace", "kube-public", ""), "kube-public"),
        (a("federation.atoll.dev/v1alpha1", "PropagationPolicy"), "Atoll's own"),
        (a("multicluster.federation.atoll.dev/v1", "Anything"), "Atoll's own"),
        (a("v1", "Event"), "Events"),
        (a("events.k8s.io/v1", "Event"), "Events"),
        (a("v1", "Endpoints"), "Endpoints"),
        (a("coordination.k8s.io/v1", "Lease"), "Leases"),
        (a("v1", "Node", namespace=""), "Nodes"),
        (a("v1", "ConfigMap", "kube-root-ca.crt"), "kube-root-ca.crt"),
        (a("v1", "ServiceAccount", "default"), "default ServiceAccount"),
        (a("v1", "Service", "kubernetes", "default"), "kubernetes Service"),
        (a("v1", "Secret", type="kubernetes.io/service-account-token"), "one cluster only"),
        (a("v1", "Pod", **OWNED), "belongs to ReplicaSet web-1"),
        (
            a("discovery.k8s.io/v1", "EndpointSlice", **managed_by("endpointslice-controller.k8s.io")),
            "platform",
        ),
        (a("multicluster.x-k8s.io/v1beta1", "ServiceImport"), "in each cluster that imports"),
        (a("discovery.k8s.io/v1", "EndpointSlice", **labeled(source_cluster="m1")), "source-cluster"),
        (a("v1", "Namespace", "fed-m1", "", **labeled(source_cluster="m1")), "source-cluster"),
        (a("v1", "Service", "derived-0a1b2c3d4e", **labeled(service_name="web")), "service-name"),
    ],
)
def test_never_propagated(manifest: Manifest, why: str) -> None:
    assert why in never_propagated(manifest)


@pytest.mark.parametrize(
    "manifest",
    [
        a("apps/v1", "Deployment"),
        a("v1", "ConfigMap", "default"),
        a("v1", "Service", "kubernetes", "shop"),
        a("v1", "Secret", type="Opaque"),
        a("v1", "Pod"),
        a("v1", "Pod", metadata={"ownerReferences": [{"kind": "Application", "name": "shop"}]}),
        a("v1", "Namespace", "shop", ""),
        a("v1", "Namespace", "fed-shop", ""),
        a("multicluster.x-k8s.io/v1beta1", "ServiceExport"),
        a("v1", "ConfigMap", namespace="kubeflow"),
        a("discovery.k8s.io/v1", "EndpointSlice", **managed_by("me")),
        a("rbac.authorization.k8s.io/v1", "ClusterRole", "system:x", ""),
        a("notfederation.atoll.dev.example/v1", "Widget"),
    ],
)
def test_everything_else_may_go(manifest: Manifest) -> None:
    assert never_propagated(manifest) == ""


def test_a_subject_is_what_selectors_see_of_a_manifest() -> None:
    labels = {"app": "web", "tier": "front"}
    assert subject_of(a("apps/v1", "Deployment", "web", metadata={"labels": labels})) == WEB
    assert subject_of({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}) == (
        "",
        "Node",
        "",
        "n",
        {},
    )
