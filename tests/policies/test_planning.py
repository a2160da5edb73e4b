"""What would become of the copies: two worlds, decided and rendered as by the controllers, and compared."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.api.binding import BindingSpec, PolicyReference, ResourceReference
from policies.api.meta import Manifest
from policies.planning.applying import applied
from policies.planning.comparison import Change, Plan, State, allowed, beyond, compare
from policies.planning.copies import Decided, Renderer, decisions
from policies.planning.fields import ABSENT, HIDDEN, FieldChange, changed
from policies.planning.world import Entity, Identity, World, entity_of, identity_of, serving_everything
from policies.verdicts import Verdict
from tests.policies.examples import DEPLOYMENTS, cluster, clusters, cpp, deployment, op, pp, rule, targets

WEB = Identity("apps", "Deployment", "shop", "web")
DIVIDED = {"replicaScheduling": {"replicaSchedulingType": "Divided"}}


def only(*names: str, **placement: Any) -> Manifest:
    return {"clusterAffinity": {"clusterNames": list(names)}, **placement}


def world(*entities: Entity | Manifest) -> dict[Identity, Entity]:
    found: dict[Identity, Entity] = {}
    for each in entities:
        entity = entity_of(each) if isinstance(each, dict) else each
        assert entity is not None
        manifest = each if isinstance(each, dict) else each.dump()  # type: ignore[union-attr]
        found[identity_of(manifest)] = entity
    return found


def plan(
    before: dict[Identity, Entity],
    after: dict[Identity, Entity],
    *,
    standing: dict[Identity, BindingSpec] | None = None,
    invalid: dict[Identity, Verdict] | None = None,
) -> Plan:
    renderer, now, then = Renderer(_NoYaml()), World(before), World(after)
    was = decisions(now, standing or {}, invalid or {})
    specs = {key: each.spec for key, each in was.items()} if standing is None else standing
    old = {key: Decided(spec, was[key].verdict) for key, spec in specs.items()}
    new = decisions(then, specs, invalid or {})
    return compare(
        State(now, old, renderer.copies(now, specs)),
        State(then, new, renderer.copies(then, {key: each.spec for key, each in new.items()})),
    )


class _NoYaml:
    def loads(self, text: str, /) -> Any:
        raise ValueError(text)

    def dumps(self, value: Any, /) -> str:
        raise ValueError(value)


def changes(found: Plan) -> list[tuple[str, str, str]]:
    return [(each.action, each.cluster, each.source) for one in found.objects for each in one.changes]


M1_M2_M3 = clusters("m1", "m2", "m3")
BASE = world(*M1_M2_M3, pp("p", placement=only("m1", "m2", **DIVIDED)), deployment("a:1"))


def test_everything_is_created_where_nothing_was() -> None:
    found = plan({}, BASE)
    assert found.objects[0].changes == (
        Change("create", "m1", replicas=2),
        Change("create", "m2", replicas=1),
    )
    assert found.present == 0


def test_equal_worlds_have_an_empty_plan() -> None:
    found = plan(BASE, BASE)
    assert [each.quiet for each in found.objects] == [True]
    assert (found.unchanged, found.present, sum(found.counts().values())) == (2, 2, 0)


def test_a_new_image_is_an_update_of_that_field_in_every_cluster() -> None:
    found = plan(BASE, BASE | world(deployment("a:2")))
    field = FieldChange("spec.template.spec.containers[c0].image", "a:1", "a:2")
    assert found.objects[0].changes == (
        Change("update", "m1", fields=(field,)),
        Change("update", "m2", fields=(field,)),
    )


def test_a_copy_that_leaves_one_cluster_as_another_is_entered_has_moved() -> None:
    found = plan(BASE, BASE | world(pp("p", placement=only("m2", "m3", **DIVIDED))))
    assert changes(found) == [("move", "m3", "m1"), ("update", "m2", "")]


def test_what_leaves_without_a_new_place_is_deleted_and_the_others_take_its_replicas() -> None:
    found = plan(BASE, BASE | world(pp("p", placement=only("m2", **DIVIDED))))
    assert changes(found) == [("update", "m2", ""), ("delete", "m1", "")]
    assert found.objects[0].changes[0].fields == (FieldChange("spec.replicas", 1, 3),)


def test_an_override_for_one_cluster_leaves_the_others_unchanged() -> None:
    changed = op("o", rule("m2", labelsOverrider=[{"operator": "add", "value": {"a": "b"}}]))
    found = plan(BASE, BASE | world(changed))
    assert found.objects[0].changes == (
        Change("update", "m2", fields=(FieldChange("metadata.labels", ABSENT, {"a": "b"}),)),
    )
    assert found.unchanged == 1


def test_a_failing_override_keeps_its_copy_as_it_is_and_says_why_once() -> None:
    failing = op("o", rule("m2", plaintext=[{"path": "/x", "operator": "remove"}]))
    found = plan(BASE, BASE | world(failing))
    assert changes(found) == []
    assert [each.cluster for each in found.objects[0].failures] == ["m2"]
    assert (found.failing, found.unchanged) == (1, 2)
    after = BASE | world(failing)
    assert plan(after, after).failing == 0


def test_a_template_that_goes_takes_its_copies_along() -> None:
    found = plan(BASE, {key: each for key, each in BASE.items() if key != WEB})
    assert changes(found) == [("delete", "m1", ""), ("delete", "m2", "")]


def test_a_template_that_goes_leaves_its_copies_where_its_policy_preserves_them() -> None:
    kept = BASE | world(pp("p", placement=only("m1", **DIVIDED), preserveResourcesOnDeletion=True))
    found = plan(kept, {key: each for key, each in kept.items() if key != WEB})
    assert changes(found) == [("release", "m1", "")]


@pytest.mark.parametrize(("removal", "action"), [("Keep", "release"), ("Delete", "delete")])
def test_a_cluster_that_leaves_says_what_becomes_of_its_copies(removal: str, action: str) -> None:
    every = BASE | world(pp("p", placement=only("m1", "m2")))
    found = plan(every, every | world(cluster("m2", leaving=True, removal=removal)))
    assert changes(found) == [(action, "m2", "")]


def test_a_template_that_loses_its_policy_keeps_its_copies_as_they_are() -> None:
    without = {key: each for key, each in BASE.items() if key.kind != "PropagationPolicy"}
    found = plan(BASE, without | world(deployment("a:2")))
    assert changes(found) == []
    assert found.objects[0].verdict is not None
    assert found.objects[0].verdict.reason == "NoPolicy"
    assert found.unchanged == 2


def test_a_governing_policy_is_not_displaced_by_a_better_one_that_does_not_preempt() -> None:
    found = plan(BASE, BASE | world(pp("a", placement=only("m3"), priority=9)))
    assert found.objects[0].policy == PolicyReference(kind="PropagationPolicy", namespace="shop", name="p")
    assert changes(found) == []


def test_a_placement_that_can_not_be_met_any_more_says_why_and_moves_nothing() -> None:
    found = plan(BASE, BASE | world(pp("p", placement=only("m9", **DIVIDED))))
    assert changes(found) == []
    assert found.objects[0].verdict is not None
    assert found.objects[0].verdict.reason == "NoClusterFit"


def test_what_was_not_met_before_is_no_news() -> None:
    unmet = world(*M1_M2_M3, pp("p", placement=only("m9")), deployment("a:1"))
    assert [each.verdict for each in plan(unmet, unmet).objects] == [None]


def test_what_bindings_say_is_what_there_is() -> None:
    spec = BindingSpec(
        resource=ResourceReference(
            api_version="apps/v1", kind="Deployment", plural="deployments", name="web"
        ),
        policy=PolicyReference(kind="PropagationPolicy", namespace="shop", name="p"),
        clusters=list(targets(m2=2, m3=1)),
    )
    found = plan(BASE, BASE, standing={WEB: spec})
    assert changes(found) == [("move", "m1", "m3"), ("update", "m2", "")]


def test_a_stored_policy_that_is_not_valid_holds_what_it_governs() -> None:
    without = {key: each for key, each in BASE.items() if key.kind != "PropagationPolicy"}
    spec = BindingSpec(
        resource=ResourceReference(
            api_version="apps/v1", kind="Deployment", plural="deployments", name="web"
        ),
        policy=PolicyReference(kind="PropagationPolicy", namespace="shop", name="p"),
        clusters=list(targets(m1=3)),
    )
    policy = identity_of(pp("p").dump())
    found = plan(
        without, without, standing={WEB: spec}, invalid={policy: Verdict("PolicyInvalid", "it is not valid")}
    )
    assert changes(found) == []
    assert found.objects[0].unchanged == 1


def workload(name: str, group: str = "g", kind: str = "Deployment") -> Manifest:
    made = deployment("a:1", labels={"group": group}) | {"kind": kind}
    return made | {"metadata": {**made["metadata"], "name": name}}


def placed(found: Plan) -> dict[str, list[str]]:
    return {each.key.name: [change.cluster for change in each.changes] for each in found.objects}


def grouped(**affinity: Any) -> Manifest:
    """One cluster for each workload, by a label."""
    return {
        "spreadConstraints": [{"spreadByField": "cluster", "maxGroups": 1}],
        "workloadAffinity": {name: {"groupByLabelKey": "group"} for name in affinity},
    }


def test_workloads_of_a_group_are_kept_apart_in_a_plan_too() -> None:
    policy = pp("p", placement=grouped(antiAffinity=True))
    found = plan({}, world(*M1_M2_M3, policy, workload("a"), workload("b"), workload("c", "other")))
    assert placed(found) == {"a": ["m1"], "b": ["m2"], "c": ["m1"]}


def test_a_workload_goes_where_its_group_is() -> None:
    policy = pp("p", placement=grouped(affinity=True))
    spec = BindingSpec(
        resource=ResourceReference(api_version="apps/v1", kind="Deployment", plural="deployments", name="a"),
        policy=PolicyReference(kind="PropagationPolicy", namespace="shop", name="p"),
        clusters=list(targets(m3=3)),
    )
    base = world(*M1_M2_M3, policy, workload("a"))
    after = world(workload("b")) | base  # the newcomer is decided first
    found = plan(base, after, standing={Identity("apps", "Deployment", "shop", "a"): spec})
    assert placed(found) == {"a": [], "b": ["m3"]}


@pytest.mark.parametrize("first", ["a", "c"])
def test_what_has_no_pods_is_in_no_group(first: str) -> None:
    config = workload("c", kind="Service") | {"apiVersion": "v1"}
    both = [workload("a"), config] if first == "a" else [config, workload("a")]
    selectors = [DEPLOYMENTS, {"apiVersion": "v1", "kind": "Service"}]
    policy = pp("p", selectors=selectors, placement=grouped(antiAffinity=True))
    assert placed(plan({}, world(*M1_M2_M3, policy, *both))) == {"a": ["m1"], "c": ["m1"]}


def test_a_workload_is_not_held_by_itself_nor_by_other_namespaces() -> None:
    elsewhere = workload("b")
    elsewhere["metadata"]["namespace"] = "other"
    alone = world(*M1_M2_M3, cpp("p", placement=only("m1")), workload("a"))
    wider = only("m1", "m2", workloadAffinity={"affinity": {"groupByLabelKey": "group"}})
    found = plan(alone, world(elsewhere) | alone | world(cpp("p", placement=wider)))
    assert placed(found) == {"a": ["m2"], "b": ["m1", "m2"]}


def test_a_cluster_that_does_not_say_what_it_serves_is_taken_to_serve_all_that_is_placed() -> None:
    silent, telling = cluster("m1", apis=[]), cluster("m2")
    template = entity_of(deployment("a:1"))
    found = serving_everything([silent, telling], [template])  # type: ignore[list-item]
    assert list(found) == ["m1"]
    assert plan({}, world(found["m1"], pp("p"), deployment("a:1"))).counts()["create"] == 1


def test_objects_that_stay_on_the_host_are_no_part_of_a_world() -> None:
    assert (
        entity_of({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "a", "namespace": "b"}}) is None
    )


def test_a_template_without_a_spec_is_refused() -> None:
    with pytest.raises(ValueError, match="it has not the shape of a Deployment: spec is missing"):
        entity_of({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}})


NAMES = st.sets(st.sampled_from(["m1", "m2", "m3", "m4"]), min_size=1)


@given(NAMES, NAMES)
def test_every_copy_is_accounted_for_once(was: set[str], now: set[str]) -> None:
    there = clusters("m1", "m2", "m3", "m4")
    before = world(*there, pp("p", placement=only(*sorted(was))), deployment("a:1"))
    found = plan(before, before | world(pp("p", placement=only(*sorted(now)))))
    counts = found.counts()
    assert counts["create"] + counts["move"] + found.unchanged == len(now)
    assert counts["delete"] + counts["move"] + found.unchanged == len(was) == found.present
    assert not (counts["create"] and counts["delete"])


# Limits


@pytest.mark.parametrize(
    ("limit", "present", "most"), [(None, 0, 10), (None, 50, 10), (None, 100, 20), (0, 100, 0), (7, 100, 7)]
)
def test_ten_copies_or_a_fifth_may_go_unless_a_limit_is_given(
    limit: int | None, present: int, most: int
) -> None:
    assert allowed(limit, present) == most


def test_a_plan_goes_beyond_a_limit_by_one_more() -> None:
    found = plan(BASE, {key: each for key, each in BASE.items() if key != WEB})
    assert beyond(found, {"delete": 2, "move": 0}) == {}
    assert beyond(found, {"delete": 1, "move": 0}) == {"delete": 1}
    assert beyond(found, {"delete": None, "move": None}) == {}


# Fields


CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("x.a", 1, 2)]),
        ({"a": 1}, {"a": True}, [("x.a", 1, True)]),
        ({"a": 1}, {}, [("x.a", 1, ABSENT)]),
        ({"a": None}, {}, [("x.a", None, ABSENT)]),
        ({"a": {"b": 1}}, {"a": [1]}, [("x.a", {"b": 1}, [1])]),
        ([1, 2], [1, 3], [("x[1]", 2, 3)]),
        ([1, 2], [1], [("x[1]", 2, ABSENT)]),
        ([{"name": "a"}, {"name": "b"}], [{"name": "b"}], [("x[a]", {"name": "a"}, ABSENT)]),
        ([{"name": "a"}, {"name": "b"}], [{"name": "b"}, {"name": "a"}], [("x[]", ["a", "b"], ["b", "a"])]),
        ([{"name": "a", "v": 1}], [{"name": "a", "v": 2}], [("x[a].v", 1, 2)]),
        (
            [{"name": "a", "v": 1}, {"name": "a", "v": 2}],
            [{"name": "a", "v": 1}, {"name": "a", "v": 3}],
            [("x[1].v", 2, 3)],
        ),
    ],
)
def test_fields_that_differ_are_named_by_their_path(
    old: Any, new: Any, found: list[tuple[str, Any, Any]]
) -> None:
    assert list(changed(CONFIG | {"x": old}, CONFIG | {"x": new})) == [FieldChange(*each) for each in found]


def test_values_of_a_secret_are_not_shown() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}
    assert changed(secret | {"data": {"a": "eA=="}}, secret | {"data": {"a": "eQ==", "b": "eg=="}}) == (
        FieldChange("data.a", HIDDEN, HIDDEN),
        FieldChange("data.b", ABSENT, HIDDEN),
    )
    assert changed(secret, secret | {"data": {"a": "eQ=="}}) == (FieldChange("data", ABSENT, HIDDEN),)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "x", "y"]), inner),
    max_leaves=6,
)


@given(JSON, JSON)
def test_manifests_differ_in_some_field_exactly_if_they_differ(old: Any, new: Any) -> None:
    differs = repr(_sorted(old)) != repr(_sorted(new))  # 1 and True are equal, and not the same
    assert bool(changed(CONFIG | {"x": old}, CONFIG | {"x": new})) == differs


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


# Files applied to what a host holds


def test_what_a_file_does_not_say_stays_as_the_api_server_has_it() -> None:
    live = deployment("a:1", uid="u") | {"status": {"replicas": 3}}
    live["spec"]["progressDeadlineSeconds"] = 600
    live["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Always"
    found = applied(live, deployment("a:2"))
    assert found["spec"]["progressDeadlineSeconds"] == 600
    assert found["spec"]["template"]["spec"]["containers"] == [
        {"name": "c0", "image": "a:2", "imagePullPolicy": "Always"}
    ]
    assert (found["metadata"]["uid"], found["status"]) == ("u", {"replicas": 3})


def test_what_was_applied_last_and_is_left_out_now_goes() -> None:
    last = '{"data": {"gone": "1", "kept": "1"}}'
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": last}
    live = CONFIG | {
        "metadata": {"name": "a", "annotations": annotations},
        "data": {"gone": "1", "kept": "1", "of-another": "1"},
    }
    assert applied(live, CONFIG | {"data": {"kept": "2"}})["data"] == {"kept": "2", "of-another": "1"}


def test_items_of_a_list_that_a_file_does_not_name_go_and_lists_of_values_are_replaced() -> None:
    live = CONFIG | {"x": [{"name": "a", "d": 1}, {"name": "b"}], "y": [1, 2]}
    found = applied(live, CONFIG | {"x": [{"name": "a"}], "y": [3]})
    assert (found["x"], found["y"]) == ([{"name": "a", "d": 1}], [3])


def test_null_in_a_file_removes_a_field() -> None:
    assert "x" not in applied(CONFIG | {"x": 1}, CONFIG | {"x": None})


@given(JSON, JSON)
def test_a_file_that_is_applied_again_changes_nothing(live: Any, given_: Any) -> None:
    once = applied(CONFIG | {"x": live}, CONFIG | {"x": given_})
    assert applied(once, CONFIG | {"x": given_}) == once
