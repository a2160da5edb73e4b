"""What override policies do to a manifest, in which order, and what becomes of rules that fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from policies.api.meta import Manifest
from policies.overriders import override, overrides_for, overrides_of, steps
from policies.verdicts import OverrideFailed
from tests.policies.examples import DEPLOYMENTS, WEB, cluster, cop, deployment, op, rule

M1, M2 = cluster("m1", region="eu"), cluster("m2", region="us")


class Yaml:
    """YAML, as whoever renders may bring it."""

    def loads(self, text: str, /) -> Any:
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error

    def dumps(self, value: Any, /) -> str:
        return str(yaml.safe_dump(value))


def overridden(manifest: Manifest, **overriders: Any) -> Manifest:
    result = override(manifest, overrides_of(WEB, [op("o", rule(**overriders))], Yaml()))
    assert not isinstance(result, OverrideFailed), result.message
    return result


def failure(manifest: Manifest, **overriders: Any) -> OverrideFailed:
    result = override(manifest, overrides_of(WEB, [op("o", rule(), rule(**overriders))]))
    assert isinstance(result, OverrideFailed)
    return result


def images(manifest: Manifest) -> list[str]:
    spec = manifest["spec"]["template"]["spec"]
    return [container["image"] for container in (*spec["containers"], *spec.get("initContainers", ()))]


def image(component: str, operator: str, value: str = "") -> dict[str, Any]:
    return {"component": component, "operator": operator, **({"value": value} if value else {})}


@pytest.mark.parametrize(
    ("before", "overrider", "after"),
    [
        ("perl:5.34.0", image("Registry", "add", "registry.k8s.io"), "registry.k8s.io/perl:5.34.0"),
        (
            "fictional.registry.example/imagename:v1.0.0",
            image("Registry", "add", ".test"),
            "fictional.registry.example.test/imagename:v1.0.0",
        ),
        (
            "fictional.registry.example/imagename:v1.0.0",
            image("Registry", "replace", "fictional.registry.us"),
            "fictional.registry.us/imagename:v1.0.0",
        ),
        ("fictional.registry.example/imagename:v1.0.0", image("Registry", "remove"), "imagename:v1.0.0"),
        ("nginx:1.19.0", image("Registry", "replace", "fake"), "fake/nginx:1.19.0"),
        ("localhost/a/b", image("Registry", "replace", "r.io"), "r.io/a/b"),
        ("r:5000/a/b:1", image("Registry", "remove"), "a/b:1"),
        ("library/nginx", image("Registry", "add", "r.io"), "r.io/library/nginx"),
        ("r.io/a/b:1", image("Repository", "replace", "c"), "r.io/c:1"),
        ("r.io/a/b:1", image("Repository", "add", "-debug"), "r.io/a/b-debug:1"),
        ("r:5000/nginx", image("Tag", "add", "1.2"), "r:5000/nginx:1.2"),
        ("nginx:1.2", image("Tag", "add", "-alpine"), "nginx:1.2-alpine"),
        ("nginx:1.2", image("Tag", "replace", "2"), "nginx:2"),
        ("nginx:1.2", image("Tag", "replace", "sha256:abc"), "nginx@sha256:abc"),
        ("nginx@sha256:abc", image("Tag", "replace", "2"), "nginx:2"),
        ("nginx:1.2@sha256:abc", image("Tag", "replace", "2"), "nginx:2"),
        ("nginx:1.2@sha256:abc", image("Tag", "remove"), "nginx"),
        ("nginx", image("Tag", "remove"), "nginx"),
    ],
)
def test_image_goldens(before: str, overrider: dict[str, Any], after: str) -> None:
    assert images(overridden(deployment(before), imageOverrider=[overrider])) == [after]


def test_an_image_overrider_reaches_every_container_and_init_container() -> None:
    result = overridden(
        deployment("a:1", "b:1", init=("c:1",)), imageOverrider=[image("Tag", "replace", "2")]
    )
    assert images(result) == ["a:2", "b:2", "c:2"]


@pytest.mark.parametrize(
    ("api_version", "kind", "path"),
    [
        ("v1", "Pod", "spec"),
        ("apps/v1", "StatefulSet", "spec/template/spec"),
        ("apps/v1", "DaemonSet", "spec/template/spec"),
        ("apps/v1", "ReplicaSet", "spec/template/spec"),
        ("batch/v1", "Job", "spec/template/spec"),
        ("batch/v1", "CronJob", "spec/jobTemplate/spec/template/spec"),
        ("apps.kruise.io/v1beta1", "CloneSet", "spec/template/spec"),
    ],
)
def test_the_containers_of_every_workload_kind_are_found(api_version: str, kind: str, path: str) -> None:
    spec: Any = {"containers": [{"name": "c", "image": "a:1"}]}
    for step in reversed(path.split("/")):
        spec = {step: spec}
    manifest = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}, **spec}
    assert "a:2" in json.dumps(overridden(manifest, imageOverrider=[image("Tag", "replace", "2")]))


def test_kinds_and_groups_without_containers_are_left_alone() -> None:
    foreign = deployment("a:1") | {"apiVersion": "example.com/v1"}
    assert overridden(foreign, imageOverrider=[image("Tag", "replace", "2")]) == foreign
    without = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {}}
    assert overridden(without, imageOverrider=[image("Tag", "replace", "2")]) == without
    odd = without | {"spec": {"template": {"spec": "other"}}}
    assert overridden(odd, imageOverrider=[image("Tag", "replace", "2")]) == odd
    unset = deployment("")
    assert overridden(unset, imageOverrider=[image("Tag", "replace", "2")]) == unset


def test_a_predicate_names_the_one_image_of_any_kind() -> None:
    widget = {
        "apiVersion": "e.com/v1",
        "kind": "W",
        "metadata": {"name": "w"},
        "spec": {"image": "a:1", "other": "b:1"},
    }
    overrider = image("Tag", "replace", "2") | {"predicate": {"path": "/spec/image"}}
    assert overridden(widget, imageOverrider=[overrider])["spec"] == {"image": "a:2", "other": "b:1"}


def with_container(**fields: Any) -> Manifest:
    manifest = deployment("a:1", "b:1", init=("c:1",))
    manifest["spec"]["template"]["spec"]["containers"][0] |= fields
    return manifest


def container(manifest: Manifest, name: str = "c0") -> Manifest:
    spec = manifest["spec"]["template"]["spec"]
    found = [each for each in (*spec["containers"], *spec["initContainers"]) if each["name"] == name]
    return dict(found[0])


@pytest.mark.parametrize("field", ["command", "args"])
@pytest.mark.parametrize(
    ("before", "operator", "value", "after"),
    [
        (["a"], "add", ["b", "a"], ["a", "b", "a"]),
        (None, "add", ["b"], ["b"]),
        (["a", "b", "a"], "remove", ["a"], ["b"]),
        (["a"], "remove", ["x"], ["a"]),
        (["a"], "remove", ["a"], None),
        (None, "remove", ["a"], None),
    ],
)
def test_command_and_args(field: str, before: Any, operator: str, value: list[str], after: Any) -> None:
    manifest = with_container(**({field: before} if before else {}))
    overrider = {"containerName": "c0", "operator": operator, "value": value}
    result = overridden(manifest, **{f"{field}Overrider": [overrider]})
    assert container(result).get(field) == after
    assert field not in container(result, "c1")


@pytest.mark.parametrize(
    ("operator", "after"),
    [
        (
            "add",
            [{"name": "A", "value": "9"}, {"name": "B", "value": "2"}, {"name": "C", "valueFrom": {"x": 1}}],
        ),
        ("replace", [{"name": "A", "value": "9"}, {"name": "B", "value": "2"}]),
        ("remove", [{"name": "B", "value": "2"}]),
    ],
)
def test_env_is_set_replaced_and_removed_by_name(operator: str, after: list[Manifest]) -> None:
    manifest = with_container(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])
    value = [{"name": "A", "value": "9"}, {"name": "C", "valueFrom": {"x": 1}}]
    overrider = {"containerName": "c0", "operator": operator, "value": value}
    result = overridden(manifest, envOverrider=[overrider])
    assert container(result)["env"] == after
    assert "env" not in container(result, "c1")


def test_init_containers_have_their_own_names() -> None:
    overrider = {"containerName": "i0", "operator": "add", "value": [{"name": "A", "value": "1"}]}
    assert (
        container(overridden(with_container(), envOverrider=[overrider]), "i0")["env"] == overrider["value"]
    )


def test_a_container_that_is_not_there_is_no_failure() -> None:
    overrider = {"containerName": "other", "operator": "add", "value": ["x"]}
    assert overridden(with_container(), argsOverrider=[overrider]) == with_container()


@pytest.mark.parametrize("field", ["labels", "annotations"])
@pytest.mark.parametrize(
    ("before", "operator", "value", "after"),
    [
        ({"a": "1"}, "add", {"a": "9", "b": "2"}, {"a": "9", "b": "2"}),
        (None, "add", {"b": "2"}, {"b": "2"}),
        ({"a": "1"}, "replace", {"a": "9", "b": "2"}, {"a": "9"}),
        ({"a": "1", "b": "2"}, "remove", {"a": "any", "x": ""}, {"b": "2"}),
        ({"a": "1"}, "remove", {"a": ""}, None),
    ],
)
def test_labels_and_annotations(field: str, before: Any, operator: str, value: Any, after: Any) -> None:
    manifest = deployment("a:1", **({field: before} if before else {}))
    result = overridden(manifest, **{f"{field}Overrider": [{"operator": operator, "value": value}]})
    assert result["metadata"].get(field) == after
    assert result["spec"] == manifest["spec"]


def config(text: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a.b/c": text}}


PATCHES = [
    {"subPath": "/b/0", "operator": "remove"},
    {"subPath": "/a", "operator": "replace", "value": 9},
    {"subPath": "/0", "operator": "add", "value": {"é": None}},
]


@pytest.mark.parametrize(
    ("form", "before", "after"),
    [
        ("json", '{"b": [1, 2], "a": 1}', '{"0":{"é":null},"a":9,"b":[2]}'),
        ("yaml", "b:\n- 1\n- 2\na: 1\n", "'0':\n  \"\\xE9\": null\na: 9\nb:\n- 2\n"),
    ],
)
def test_a_document_in_a_field_is_patched_and_written_back(form: str, before: str, after: str) -> None:
    overrider = {"fieldPath": "/data/a.b~1c", form: PATCHES}
    assert overridden(config(before), fieldOverrider=[overrider])["data"] == {"a.b/c": after}


def test_merge_is_a_json_merge_patch() -> None:
    patch = {
        "spec": {
            "replicas": None,
            "strategy": {"type": "Recreate", "gone": None},
            "template": {"spec": {"a": [1]}},
        }
    }
    result = overridden(deployment("a:1"), merge=patch)
    assert result["spec"] == {
        "strategy": {"type": "Recreate"},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c0", "image": "a:1"}], "a": [1]},
        },
    }


@pytest.mark.parametrize(
    ("operation", "changed"),
    [
        (
            {"path": "/spec/replicas", "operator": "replace", "value": 7},
            lambda m: m["spec"].update(replicas=7),
        ),
        ({"path": "/spec/paused", "operator": "add", "value": True}, lambda m: m["spec"].update(paused=True)),
        ({"path": "/spec/replicas", "operator": "remove"}, lambda m: m["spec"].pop("replicas")),
        (
            {"path": "/spec/template/spec/containers/-", "operator": "add", "value": {"name": "z"}},
            lambda m: m["spec"]["template"]["spec"]["containers"].append({"name": "z"}),
        ),
        (
            {"path": "/spec/template/spec/containers/0/image", "operator": "replace", "value": "z"},
            lambda m: m["spec"]["template"]["spec"]["containers"][0].update(image="z"),
        ),
        (
            {"path": "/metadata/annotations/example.com~1a", "operator": "add", "value": "b"},
            lambda m: m["metadata"].update(annotations={"example.com/a": "b"}),
        ),
        (
            {"path": "/metadata/labels/a", "operator": "add", "value": "b"},
            lambda m: m["metadata"].update(labels={"a": "b"}),
        ),
    ],
)
def test_plaintext_is_a_json_patch(operation: Manifest, changed: Callable[[Manifest], Any]) -> None:
    expected = deployment("a:1")
    changed(expected)
    assert overridden(deployment("a:1"), plaintext=[operation]) == expected


def plain(path: str, operator: str = "replace", value: Any = 1) -> dict[str, Any]:
    return {"plaintext": [{"path": path, "operator": operator, "value": value}]}


@pytest.mark.parametrize(
    ("overriders", "path", "why"),
    [
        (plain("/spec/paused", "replace"), "/spec/paused", "non-existent"),
        (plain("/spec/paused", "remove"), "/spec/paused", "non-existent"),
        (plain("/spec/a/b", "add"), "/spec/a/b", "'a'"),
        (plain("/spec/template/spec/containers/7/image"), "/spec/template/spec/containers/7/image", "7"),
        (plain("/spec/template/spec/containers/x/image"), "/spec/template/spec/containers/x/image", "x"),
        (plain("/spec/replicas/x"), "/spec/replicas/x", ""),
        (plain("spec/replicas"), "spec/replicas", "not a JSON pointer"),
        (plain("/kind", value="StatefulSet"), "", "apiVersion, kind, name or namespace"),
        (plain("/metadata/name", value="other"), "", "apiVersion, kind, name or namespace"),
        (plain("/metadata/namespace", "remove"), "", "apiVersion, kind, name or namespace"),
        ({"merge": {"metadata": None}}, "", "apiVersion, kind, name or namespace"),
        ({"imageOverrider": [image("Repository", "remove")]}, "image of container c0", "no repository"),
        (
            {"imageOverrider": [image("Tag", "remove") | {"predicate": {"path": "/spec/image"}}]},
            "/spec/image",
            "image",
        ),
        (
            {"imageOverrider": [image("Tag", "remove") | {"predicate": {"path": "/spec/replicas"}}]},
            "/spec/replicas",
            "not a string",
        ),
        (
            {"fieldOverrider": [{"fieldPath": "/metadata/name", "json": PATCHES}]},
            "/metadata/name",
            "is not such a document",
        ),
        (
            {"fieldOverrider": [{"fieldPath": "/metadata/name", "yaml": PATCHES}]},
            "/metadata/name",
            "can't be read here",
        ),
    ],
)
def test_a_rule_that_fails_is_named_with_its_field(overriders: dict[str, Any], path: str, why: str) -> None:
    failed = failure(deployment("a:1"), **overriders)
    assert (failed.reason, failed.policy, failed.rule, failed.path) == (
        "OverrideFailed",
        "OverridePolicy shop/o",
        1,
        path,
    )
    assert failed.message.startswith("OverridePolicy shop/o: spec.overrideRules[1]: ")
    assert why in failed.message


def test_a_document_that_does_not_allow_a_patch_is_a_failure() -> None:
    failed = failure(config("[]"), fieldOverrider=[{"fieldPath": "/data/a.b~1c", "json": PATCHES}])
    assert failed.path == "/b/0"


def marks(*names: str) -> Manifest:
    """A rule that leaves its marks, to see the order in."""
    return rule(
        **{"labelsOverrider": [{"operator": "add", "value": {name: "", "last": name}} for name in names]}
    )


def applied(*policies: Any, at: Any = M1) -> list[str]:
    result = override(deployment("a:1"), overrides_for(WEB, at, policies))
    assert not isinstance(result, OverrideFailed)
    return [label for label in result["metadata"].get("labels", {}) if label != "last"]


LABELED = [{**DEPLOYMENTS, "labelSelector": {"matchLabels": {"app": "web"}}}]
NAMED = [{**DEPLOYMENTS, "name": "web"}]


def test_cluster_wide_rules_come_first_then_the_less_specific_then_the_smaller_name() -> None:
    policies = [
        cop("a", marks("1"), marks("2")),
        cop("b", marks("3"), selectors=[DEPLOYMENTS]),
        cop("a-labels", marks("4"), selectors=LABELED),
        cop("a-name", marks("5"), selectors=NAMED),
        op("z", marks("6")),
        op("b-labels", marks("7"), selectors=LABELED),
        op("a-name", marks("8"), selectors=NAMED),
    ]
    assert applied(*policies) == list("12345678")
    assert applied(*reversed(policies)) == list("12345678")


@pytest.mark.parametrize(
    "policy",
    [
        op("o", marks("x"), namespace="other"),
        op("o", marks("x"), leaving=True),
        op("o", marks("x"), selectors=[{"apiVersion": "v1", "kind": "Service"}]),
        cop("o", marks("x"), selectors=[{**DEPLOYMENTS, "namespace": "other"}]),
        op("o", rule("m2", merge={"metadata": {"labels": {"x": ""}}})),
    ],
    ids=[
        "of another namespace",
        "being deleted",
        "for another kind",
        "for another namespace",
        "for another cluster",
    ],
)
def test_rules_that_do_not_concern_the_object_or_the_cluster_are_left_out(policy: Any) -> None:
    assert applied(policy) == []


def test_within_a_rule_the_overriders_have_a_fixed_order() -> None:
    add = {"containerName": "c0", "operator": "add"}
    everything = rule(
        plaintext=[{"path": "/metadata/labels/step", "operator": "replace", "value": "plaintext"}],
        merge={"metadata": {"labels": {"step": "merge"}, "annotations": {"doc": "{}"}}},
        fieldOverrider=[
            {"fieldPath": "/metadata/annotations/doc", "json": [{"subPath": "/seen", "operator": "add"}]}
        ],
        annotationsOverrider=[{"operator": "add", "value": {"doc": '{"from":"annotations"}'}}],
        labelsOverrider=[{"operator": "add", "value": {"step": "labels"}}],
        argsOverrider=[{**add, "value": ["x"]}],
    )
    result = override(deployment("a:1"), overrides_for(WEB, M1, [op("o", everything)]))
    assert not isinstance(result, OverrideFailed)
    assert result["metadata"]["labels"] == {"step": "plaintext"}
    assert result["metadata"]["annotations"] == {"doc": "{}"}


def test_clusters_with_the_same_rules_have_equal_overrides_that_can_be_keys() -> None:
    policies = [op("o", rule(merge={}), rule("m2", merge={}))]
    m1, m2, m3 = (overrides_for(WEB, each, policies) for each in (M1, M2, cluster("m3")))
    assert m1 == m3
    assert hash(m1) == hash(m3)
    assert m1 != m2
    assert [each.rule for each in m2] == [0, 1]


def test_another_version_of_a_policy_gives_other_overrides() -> None:
    assert overrides_for(WEB, M1, [op("o", rule())]) != overrides_for(WEB, M1, [op("o", rule())])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "0", "-", "name"]), inner)
    ),
    max_leaves=6,
)
POINTERS = st.lists(
    st.sampled_from(["spec", "template", "containers", "env", "a", "0", "1", "-", "metadata", "labels"])
)
OPERATORS = st.sampled_from(["add", "remove", "replace"])
OVERRIDERS = st.fixed_dictionaries(
    {},
    optional={
        "merge": st.dictionaries(st.sampled_from(["spec", "metadata", "a"]), JSON),
        "plaintext": st.lists(
            st.builds(
                lambda parts, operator, value: {
                    "path": "/" + "/".join(parts),
                    "operator": operator,
                    "value": value,
                },
                POINTERS,
                OPERATORS,
                JSON,
            ),
            max_size=3,
        ),
        "imageOverrider": st.just([image("Tag", "replace", "2")]),
        "labelsOverrider": st.just([{"operator": "remove", "value": {"a": ""}}]),
        "envOverrider": st.just([{"containerName": "c0", "operator": "add", "value": [{"name": "A"}]}]),
    },
)
SHAPES = st.builds(
    lambda containers, env, labels: {
        **(m := deployment("a:1", **({"labels": labels} if labels is not None else {}))),
        "spec": {
            "template": {
                "spec": {"containers": [*m["spec"]["template"]["spec"]["containers"], *containers, env]}
            }
        },
    },
    st.lists(JSON, max_size=2),
    st.builds(lambda env: {"name": "c0", "env": env}, JSON),
    st.none() | JSON,
)


@given(SHAPES, st.lists(OVERRIDERS, max_size=3))
def test_overriding_never_changes_its_input_and_never_raises(
    manifest: Manifest, rules: list[Manifest]
) -> None:
    before = deepcopy(manifest)
    compiled = overrides_of(WEB, [op("o", rule(), *(rule(**each) for each in rules))])
    first = override(manifest, compiled)
    assert manifest == before
    assert override(manifest, compiled) == first
    if not isinstance(first, OverrideFailed):
        assert first["metadata"]["name"] == "web"


def test_each_rule_is_a_step_from_what_the_one_before_made() -> None:
    first = rule(imageOverrider=[image("Tag", "replace", "2")])
    second = rule(labelsOverrider=[{"operator": "add", "value": {"a": "b"}}])
    rules = overrides_of(WEB, [op("o", first, second)])
    template = deployment("nginx:1")
    made = list(steps(template, rules))
    assert [step.rule for step in made] == list(rules)
    assert made[0].before is template
    assert made[1].before is made[0].result
    assert made[1].result == override(template, rules)


def test_the_rule_that_fails_is_the_last_step() -> None:
    good, bad = (
        rule(labelsOverrider=[{"operator": "add", "value": {"a": "b"}}]),
        rule(plaintext=[{"path": "/spec/nothing", "operator": "remove"}]),
    )
    made = list(steps(deployment("nginx:1"), overrides_of(WEB, [op("o", good, bad, good)])))
    assert [isinstance(step.result, OverrideFailed) for step in made] == [False, True]
