"""The CRDs and the reference say what the models say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from mcs.api import KINDS as SERVICE_KINDS
from mcs.api import MultiClusterService
from policies.api import KINDS as POLICY_KINDS
from policies.api.meta import Condition, Kind, Model, list_map
from policies.api.override import FieldOverrider
from policies.api.rollout_policy import IntOrPercent
from policies.api.schema import crds, kind_schema, structural
from tools import reference
from tools.crds import files

ROOT = Path(__file__).parents[3]
KINDS = POLICY_KINDS + SERVICE_KINDS


def schema_of(model: type[Model], *, defaults: bool = True) -> dict[str, Any]:
    root = model.model_json_schema()
    return structural(
        {key: value for key, value in root.items() if key != "$defs"},
        root.get("$defs", {}),
        defaults=defaults,
    )


def test_the_committed_crds_are_those_of_the_models() -> None:
    committed = {path.name: path.read_text() for path in (ROOT / "crds").glob("*.yaml")}
    assert committed == files(), "run `make crds`"


def test_the_committed_reference_is_that_of_the_models() -> None:
    assert (ROOT / "docs/reference/kinds.md").read_text() == reference.reference(), "run `make crds`"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_is_described(kind: type[Kind]) -> None:
    assert not [path for path, node in nodes(kind_schema(kind)) if not node.get("description")]


def nodes(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in node.get("properties", {}).items():
        if f"{path}.{name}" != ".metadata":
            yield f"{path}.{name}", field
            yield from nodes(field, f"{path}.{name}")
    if items := node.get("items"):
        yield from nodes(items, f"{path}[]")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_descriptions_are_sentences(kind: type[Kind]) -> None:
    for path, node in nodes(kind_schema(kind)):
        text = node["description"]
        assert text.endswith(".") or text.endswith("`"), (path, text)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_maps_of_lists_have_their_keys(kind: type[Kind]) -> None:
    """The API server refuses a list-map whose keys may be missing."""
    for path, node in nodes(kind_schema(kind)):
        for key in node.get("x-kubernetes-list-map-keys", ()):
            assert key in node["items"]["required"], path


def test_names_and_scopes() -> None:
    names = {
        crd["spec"]["names"]["kind"]: (crd["spec"]["names"].get("shortNames"), crd["spec"]["scope"])
        for crd in crds(KINDS)
    }
    assert names == {
        "Cluster": (None, "Cluster"),
        "PropagationPolicy": (["pp"], "Namespaced"),
        "ClusterPropagationPolicy": (["cpp"], "Cluster"),
        "OverridePolicy": (["op"], "Namespaced"),
        "ClusterOverridePolicy": (["cop"], "Cluster"),
        "ResourceBinding": (["rb"], "Namespaced"),
        "ClusterResourceBinding": (["crb"], "Cluster"),
        "RolloutPolicy": (["rop"], "Namespaced"),
        "ClusterRolloutPolicy": (["crop"], "Cluster"),
        "Rollout": (["ro"], "Namespaced"),
        "ResourceInterpreter": (["ri"], "Cluster"),
        "MultiClusterService": (["mcsvc"], "Namespaced"),
        "ClusterExport": (None, "Namespaced"),
        "ServiceSet": (None, "Namespaced"),
        "SourceState": (None, "Namespaced"),
    }


def test_every_kind_is_of_the_category() -> None:
    assert all(crd["spec"]["names"]["categories"] == ["atoll"] for crd in crds(KINDS))


def test_every_kind_that_people_write_has_a_status_of_its_own() -> None:
    for crd in crds((*POLICY_KINDS, MultiClusterService)):
        assert crd["spec"]["versions"][0]["subresources"] == {"status": {}}


def test_what_only_controllers_write_has_no_status() -> None:
    for crd in crds(kind for kind in SERVICE_KINDS if kind is not MultiClusterService):
        assert "subresources" not in crd["spec"]["versions"][0]


def test_an_optional_field_is_its_type_and_not_required() -> None:
    class Sample(Model):
        required: int
        optional: str | None = None

    schema = schema_of(Sample)
    assert schema["properties"]["optional"] == {"type": "string"}
    assert schema["required"] == ["required"]


def test_only_defaults_that_say_something_are_emitted() -> None:
    class Sample(Model):
        number: int = 3
        none: int = 0
        text: str = ""
        flag: bool = False
        items: list[str] = Field(default=[])

    fields = schema_of(Sample)["properties"]
    assert {name for name, field in fields.items() if "default" in field} == {"number"}
    assert "default" not in schema_of(Sample, defaults=False)["properties"]["number"]


def test_a_field_of_any_type_keeps_what_it_is_given() -> None:
    class Sample(Model):
        value: Any = None
        tree: dict[str, Any] = Field(default={})

    fields = schema_of(Sample)["properties"]
    assert fields["value"]["x-kubernetes-preserve-unknown-fields"] is True
    assert fields["value"]["nullable"] is True
    assert fields["tree"] == {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def test_a_keyed_list_is_bounded_and_merged_by_its_keys() -> None:
    class Sample(Model):
        conditions: Annotated[list[Condition], list_map("type", max_items=8)]

    field = schema_of(Sample)["properties"]["conditions"]
    assert (field["x-kubernetes-list-type"], field["x-kubernetes-list-map-keys"]) == ("map", ["type"])
    assert field["maxItems"] == 8


def test_a_count_or_percentage_has_no_type_but_says_so() -> None:
    class Sample(Model):
        amount: IntOrPercent = "10%"
        optional: IntOrPercent | None = None

    fields = schema_of(Sample)["properties"]
    assert fields["amount"] == {"x-kubernetes-int-or-string": True, "maxLength": 4, "default": "10%"}
    assert fields["optional"] == {"x-kubernetes-int-or-string": True, "maxLength": 4}


class Union(Model):
    value: int | str


class Exclusive(Model):
    value: Annotated[float, Field(gt=0)]


class Pair(Model):
    value: tuple[int, str]


@pytest.mark.parametrize("model", [Union, Exclusive, Pair])
def test_what_a_structural_schema_cannot_say_is_refused(model: type[Model]) -> None:
    with pytest.raises(TypeError, match="no counterpart in a structural schema"):
        schema_of(model)


def test_wire_names_that_are_no_python_names_are_read_and_written() -> None:
    wire = {"fieldPath": "/data/a", "json": [{"subPath": "/b", "operator": "remove"}]}
    assert FieldOverrider.model_validate(wire).json_patches[0].sub_path == "/b"
    assert FieldOverrider.model_validate(wire).dump() == wire
