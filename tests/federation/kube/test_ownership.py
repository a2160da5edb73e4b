"""Reading managedFields: goldens are what Kubernetes 1.36 wrote for the manifests beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from federation.kube.ownership import entry, handed_over, missing, owners, without

GOLDENS = Path(__file__).parent / "goldens"
KINDS = [path.stem for path in sorted(GOLDENS.glob("*.yaml"))]
Tree = dict[str, Any]


def golden(kind: str) -> tuple[Any, Tree]:
    manifest = yaml.safe_load((GOLDENS / f"{kind}.yaml").read_text())
    return manifest, orjson.loads((GOLDENS / f"{kind}.fields.json").read_bytes())


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_applied_is_owned(kind: str) -> None:
    manifest, fields = golden(kind)
    assert missing(manifest, fields) == []


CONTAINER = ["f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"web"}']
TAKEN = [
    ("deployment", ["f:spec", "f:replicas"], ["spec.replicas"]),
    ("deployment", [*CONTAINER, "f:image"], ["spec.template.spec.containers[name=web].image"]),
    (
        "deployment",
        [*CONTAINER, "f:ports", 'k:{"containerPort":80,"protocol":"TCP"}'],
        ["spec.template.spec.containers[name=web].ports[containerPort=80].containerPort"],
    ),
    (
        "deployment",
        [*CONTAINER, "f:ports", 'k:{"containerPort":53,"protocol":"TCP"}'],  # the manifest leaves out TCP
        [
            "spec.template.spec.containers[name=web].ports[name=dns].containerPort",
            "spec.template.spec.containers[name=web].ports[name=dns].name",
        ],
    ),
    ("deployment", ["f:spec", "f:selector"], ["spec.selector.matchLabels.app"]),
    ("deployment", ["f:spec", "f:template", "f:spec", "f:volumes", 'k:{"name":"scratch"}', "f:emptyDir"],
     ["spec.template.spec.volumes[name=scratch].emptyDir"]),
    ("service", ["f:spec", "f:ports", 'k:{"port":53,"protocol":"UDP"}', "f:protocol"],
     ["spec.ports[name=dns].protocol"]),
    ("service", ["f:spec", "f:ipFamilies"], ["spec.ipFamilies[=IPv4]"]),
    ("configmap", ["f:data", "f:dotted.key"], ["data.dotted.key"]),
    ("configmap", ["f:metadata", "f:finalizers", 'v:"example.com/two"'],
     ["metadata.finalizers[=example.com/two]"]),
    ("widget", ["f:spec", "f:tags", 'v:"red"'], ["spec.tags[=red]"]),
    ("widget", ["f:spec", "f:parts", 'k:{"name":"wheel"}', "f:size"], ["spec.parts[name=wheel].size"]),
    ("role", ["f:rules"], [
        "rules[0].apiGroups[=]", "rules[0].resources[=pods]", "rules[0].verbs[=get]", "rules[0].verbs[=list]",
        "rules[1].apiGroups[=apps]", "rules[1].resources[=deployments]", "rules[1].verbs[=*]",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "branch", "paths"), TAKEN, ids=lambda value: str(value)[:60])
def test_a_branch_that_is_not_ours_is_named_for_people(
    kind: str, branch: list[str], paths: list[str]
) -> None:
    manifest, fields = golden(kind)
    *parents, last = branch
    tree = fields
    for step in parents:
        tree = tree[step]
    del tree[last]
    assert missing(manifest, fields) == paths


def test_of_an_entry_without_fields_nothing_is_owned() -> None:
    assert missing({"data": {"a": "1"}}, {}) == ["data.a"]


def test_identity_and_nulls_are_nobodys() -> None:
    metadata = {"name": "a", "namespace": "b", "uid": "u", "resourceVersion": "1"}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": None}}
    assert missing(manifest, {"f:other": {}}) == []


def test_the_protocol_left_out_is_not_the_one_another_port_names() -> None:
    ports = {'k:{"port":53,"protocol":"UDP"}': {".": {}, "f:port": {}, "f:protocol": {}}}
    manifest = {"spec": {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53}]}}
    assert missing(manifest, {"f:spec": {"f:ports": ports}}) == ["spec.ports[port=53].port"]


def owner(manager: str, fields: Tree, operation: str = "Apply", **more: str) -> Tree:
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


def test_only_the_apply_of_the_main_resource_is_the_entry() -> None:
    ours = {"f:data": {}}
    managed = [
        owner("atoll", {"f:x": {}}, "Update"),
        owner("atoll", {"f:status": {}}, subresource="status"),
        owner("other", {"f:y": {}}),
        owner("atoll", ours),
    ]
    assert entry(managed, "atoll") == ours
    assert entry(managed, "nobody") is None
    assert without(managed, "atoll") == [owner("other", {"f:y": {}})]
    assert without(managed, "atoll", "other") == []


# Laws. A pair is a value of a manifest and the tree of an owner of all of it.
NAMES = st.text("abc./", min_size=1, max_size=3)
SCALARS = st.one_of(st.integers(0, 9), st.booleans(), st.text("xy", max_size=2))
ATOMIC = st.one_of(SCALARS, st.lists(SCALARS, max_size=2), st.just({})).map(lambda value: (value, {}))
SETS = st.lists(st.text("xyz", min_size=1, max_size=2), min_size=1, unique=True).map(
    lambda values: (values, {f"v:{orjson.dumps(value).decode()}": {} for value in values})
)


def maps(pairs: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(NAMES, pairs, min_size=1, max_size=3)
    return fields.map(
        lambda named: (
            {name: value for name, (value, _) in named.items()},
            {f"f:{name}": tree for name, (_, tree) in named.items()},
        )
    )


def list_maps(pairs: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def keyed(named: dict[str, Any]) -> Any:
        elements = [{"name": name, **value} for name, (value, _) in named.items()]
        trees = {
            f"k:{orjson.dumps({'name': name}).decode()}": {".": {}, "f:name": {}, **tree}
            for name, (_, tree) in named.items()
        }
        return elements, trees

    return st.dictionaries(st.text("pq", min_size=1, max_size=2), maps(pairs), min_size=1, max_size=3).map(
        keyed
    )


PAIRS = maps(st.recursive(ATOMIC | SETS, lambda pairs: maps(pairs) | list_maps(pairs), max_leaves=12))


def split(tree: Tree, draw: st.DataObject) -> tuple[Tree, Tree]:
    """Two owners who share the tree, neither of them with an empty branch, which would own all below."""
    parts: tuple[Tree, Tree] = {}, {}
    for step, branch in tree.items():
        choice = draw.draw(st.sampled_from([0, 1, 2] if branch else [0, 1]))
        if choice < 2:
            parts[choice][step] = branch
            continue
        for part, share in zip(parts, split(branch, draw), strict=True):
            if share:
                part[step] = share
    return parts


@given(PAIRS)
def test_an_owner_of_all_misses_nothing(pair: tuple[Any, Tree]) -> None:
    manifest, tree = pair
    assert missing(manifest, tree) == []


@given(PAIRS, st.data())
def test_two_who_share_an_object_miss_exactly_what_the_other_has(
    pair: tuple[Any, Tree], data: st.DataObject
) -> None:
    manifest, tree = pair
    one, other = split(tree, data)
    everything = missing(manifest, {})
    assert sorted(missing(manifest, one) + missing(manifest, other)) == sorted(everything)


OBJECT = {
    "metadata": {"labels": {"a": "1"}},
    "spec": {
        "replicas": 3,
        "containers": [{"name": "log"}, {"name": "web", "image": "nginx", "args": ["-v"]}],
    },
}
OWNERS = [
    {"manager": "atoll", "fieldsV1": {"f:spec": {"f:containers": {'k:{"name":"web"}': {"f:image": {}}}}}},
    {"manager": "scaler", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
    {"manager": "person", "fieldsV1": {"f:spec": {"f:containers": {'k:{"name":"web"}': {"f:args": {}}}}}},
]


@pytest.mark.parametrize(
    ("path", "managers"),
    [
        (("spec", "replicas"), ["scaler"]),
        (("spec", "containers", 1, "image"), ["atoll"]),
        (("spec", "containers", 1, "args", 0), ["person"]),
        (("spec", "containers", 1), ["atoll", "person"]),
        (("spec", "containers", 0), []),
        (("metadata", "labels", "a"), []),
    ],
)
def test_the_managers_of_a_field_are_those_whose_tree_leads_to_it(path: Any, managers: list[str]) -> None:
    assert owners(OBJECT, OWNERS, path) == managers


def test_an_entry_without_fields_owns_nothing() -> None:
    assert owners(OBJECT, [{"manager": "nobody"}], ("spec",)) == []


def _entry(manager: str, fields: Tree, operation: str = "Update", **more: str) -> Tree:
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


OURS = _entry("ours", {"f:data": {"f:a": {}, "f:b": {}}, "f:metadata": {"f:labels": {"f:x": {}}}}, "Apply")
HANDED_OVER = [
    ("all that is ours", {"f:data": {".": {}, "f:a": {}, "f:b": {}}}, None),
    ("what is not", {"f:data": {".": {}, "f:a": {}, "f:c": {}}}, {"f:data": {"f:c": {}}}),
    (
        "a map of which we have nothing",
        {"f:binaryData": {".": {}, "f:c": {}}},
        {"f:binaryData": {".": {}, "f:c": {}}},
    ),
    ("a map that is its own as a whole", {"f:data": {}}, {"f:data": {}}),
    (
        "an element of a list that is not ours",
        {"f:metadata": {"f:labels": {"f:x": {}}, "f:finalizers": {'v:"z"': {}}}},
        {"f:metadata": {"f:finalizers": {'v:"z"': {}}}},
    ),
]


@pytest.mark.parametrize(
    ("fields", "left"), [case[1:] for case in HANDED_OVER], ids=[case[0] for case in HANDED_OVER]
)
def test_others_let_go_of_what_is_ours_and_keep_what_is_not(fields: Tree, left: Tree | None) -> None:
    kept = [OURS] if left is None else [OURS, _entry("kubectl", left)]
    assert handed_over([OURS, _entry("kubectl", fields)], "ours") == kept


def test_subresources_and_those_that_are_named_keep_theirs() -> None:
    fields = {"f:data": {"f:a": {}}}
    entries = [OURS, _entry("hpa", fields, subresource="scale"), _entry("release", fields, "Apply")]
    assert handed_over(entries, "ours", "release") == entries


def test_without_anything_of_ours_all_keep_theirs() -> None:
    entries = [_entry("kubectl", {"f:data": {"f:a": {}}})]
    assert handed_over(entries, "ours") == entries
