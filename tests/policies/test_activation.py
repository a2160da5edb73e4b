"""A Lazy policy moves nothing by being changed: a template goes by what is on record until it changes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import activation
from policies.api.binding import BindingSpec, TargetCluster
from policies.api.propagation import PropagationSpec
from policies.verdicts import Verdict
from tests.policies.examples import pp

RESOURCE = {"apiVersion": "apps/v1", "kind": "Deployment", "plural": "deployments", "name": "web"}
BLANK = BindingSpec.model_validate({"resource": RESOURCE})
OLD, NEW = b"template", b"template, changed"
STAYING = frozenset({"m1", "m2", "m3"})


def lazy(*names: str, **more: Any) -> PropagationSpec:
    return policy(*names, activationPreference="Lazy", **more)


def policy(*names: str, **more: Any) -> PropagationSpec:
    return pp("p", placement={"clusterAffinity": {"clusterNames": names}}, **more).spec


def decide(
    spec: PropagationSpec, before: BindingSpec, template: bytes, *, fits: bool = True
) -> activation.Activated:
    """What the scheduler does, where placing is to take the clusters that are named."""
    digest = activation.digest(spec, template)
    counts = activation.in_force(spec, before, digest)
    assert counts.placement.cluster_affinity
    names = counts.placement.cluster_affinity.cluster_names
    decided = BindingSpec(
        resource=BLANK.resource,
        clusters=[TargetCluster(name=name) for name in names] if fits else before.clusters,
        conflict_resolution=counts.conflict_resolution,
        preserve_resources_on_deletion=counts.preserve_resources_on_deletion,
    )
    unmet = None if fits else Verdict("NoClusterFit", "0/3 clusters fit")
    return activation.activated(spec, before, digest, decided, unmet, STAYING)


def clusters(found: activation.Activated) -> list[str]:
    return [target.name for target in found.spec.clusters]


def test_a_new_template_is_placed_at_once() -> None:
    found = decide(lazy("m1"), BLANK, OLD)
    assert (clusters(found), found.waiting) == (["m1"], False)


def test_a_change_of_the_policy_waits_for_the_next_change_of_the_template() -> None:
    before = decide(lazy("m1"), BLANK, OLD).spec
    waiting = decide(lazy("m2"), before, OLD)
    assert (clusters(waiting), waiting.waiting) == (["m1"], True)
    assert waiting.spec == before, "what waits is not written"
    taken = decide(lazy("m2"), waiting.spec, NEW)
    assert (clusters(taken), taken.waiting) == (["m2"], False)


def test_of_several_changes_the_last_counts_when_the_template_changes() -> None:
    before = decide(lazy("m1"), BLANK, OLD).spec
    for name in ("m2", "m3"):
        before = decide(lazy(name), before, OLD).spec
    assert clusters(decide(lazy("m3"), before, NEW)) == ["m3"]


def test_a_change_that_is_taken_back_leaves_nothing_waiting() -> None:
    before = decide(lazy("m1"), BLANK, OLD).spec
    waiting = decide(lazy("m2"), before, OLD).spec
    assert not decide(lazy("m1"), waiting, OLD).waiting


def test_what_waits_comes_with_a_policy_that_is_not_lazy_any_more() -> None:
    before = decide(lazy("m1"), BLANK, OLD).spec
    found = decide(policy("m2"), before, OLD)
    assert (clusters(found), found.waiting) == (["m2"], False)
    assert (found.spec.placement, found.spec.template_digest) == (None, "")


@pytest.mark.parametrize("more", [{"conflictResolution": "Overwrite"}, {"preserveResourcesOnDeletion": True}])
def test_what_is_on_record_of_the_policy_waits_too(more: dict[str, Any]) -> None:
    before = decide(lazy("m1"), BLANK, OLD).spec
    waiting = decide(lazy("m1", **more), before, OLD)
    assert waiting.waiting
    assert waiting.spec == before
    taken = decide(lazy("m1", **more), before, NEW)
    assert taken.spec != before
    assert not taken.waiting


def test_becoming_lazy_moves_nothing_that_is_placed() -> None:
    before = decide(policy("m1"), BLANK, OLD).spec
    waiting = decide(lazy("m2"), before, OLD)
    assert (clusters(waiting), waiting.waiting) == (["m1"], True)
    again = decide(lazy("m2"), waiting.spec, OLD)
    assert again.spec == waiting.spec
    assert clusters(decide(lazy("m2"), again.spec, NEW)) == ["m2"]


def test_to_be_placed_afresh_waits_where_nobody_knows_by_which_placement() -> None:
    asked = {"rebalance_triggered_at": "2026-01-01T00:00:00Z"}
    before = decide(policy("m1"), BLANK, OLD).spec.model_copy(update=asked)
    held = decide(lazy("m2"), before, OLD).spec
    assert held.rebalance_triggered_at == before.rebalance_triggered_at
    assert decide(lazy("m2"), held, NEW).spec.rebalance_triggered_at is None


def test_becoming_lazy_by_a_policy_that_places_nowhere_moves_nothing_later_either() -> None:
    before = decide(policy("m1"), BLANK, OLD).spec
    waiting = decide(lazy("m2"), before, OLD, fits=False)
    assert (waiting.unmet, waiting.waiting) == (None, True)
    assert clusters(decide(lazy("m2"), waiting.spec, OLD)) == ["m1"]


def test_becoming_lazy_and_nothing_else_leaves_nothing_waiting() -> None:
    before = decide(policy("m1"), BLANK, OLD).spec
    found = decide(lazy("m1"), before, OLD)
    assert not found.waiting
    assert clusters(decide(lazy("m2"), found.spec, OLD)) == ["m1"]


def test_what_is_placed_nowhere_is_placed_by_the_policy_as_it_is() -> None:
    nowhere = decide(lazy("m1"), BLANK, OLD).spec.model_copy(update={"clusters": []})
    assert clusters(decide(lazy("m2"), nowhere, OLD)) == ["m2"]


def test_a_cluster_that_is_gone_is_dropped_while_a_change_waits() -> None:
    before = decide(policy("m1", "m9"), BLANK, OLD).spec
    assert clusters(decide(lazy("m2"), before, OLD)) == ["m1"]


def test_a_policy_that_is_not_lazy_costs_no_digest_and_no_record() -> None:
    assert activation.digest(policy("m1"), OLD) == ""
    found = decide(policy("m1"), BLANK, OLD).spec
    assert (found.placement, found.template_digest) == (None, "")


EDITS = st.one_of(
    st.tuples(st.just("policy"), st.sampled_from(["m1", "m2", "m3"])),
    st.tuples(st.just("template"), st.sampled_from([OLD, NEW])),
    st.tuples(st.just("look"), st.none()),
)


@given(st.lists(EDITS, max_size=12))
def test_where_it_is_only_ever_follows_a_change_of_the_template(edits: list[tuple[str, Any]]) -> None:
    """The record is all there is of the past, so a restart at any point makes no difference."""
    present, template = "m1", OLD
    before, wished = decide(lazy(present), BLANK, template).spec, present
    for what, value in edits:
        changed = what == "template" and value != template
        template = value if what == "template" else template
        wished = value if what == "policy" else wished
        present = wished if changed else present
        found = decide(lazy(wished), before, template)
        assert clusters(found) == [present]
        assert found.waiting == (wished != present)
        before = found.spec
