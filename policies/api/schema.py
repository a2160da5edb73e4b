"""CustomResourceDefinitions from the models: pydantic's JSON Schema, said as Kubernetes' structural schema.

A structural schema has no references, null types or titles, and spells a few things differently; what has no
counterpart is refused here, not by the API server. `crds/` holds the result, and a test keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.api import KINDS
from policies.api.meta import GROUP, VERSION, Column, Kind, Manifest

CATEGORY = "atoll"

_CARRIED_OVER = {
    "type", "description", "required", "enum", "format", "pattern", "minimum", "maximum",
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
}  # fmt: skip
_FREE_FORM = {"x-kubernetes-preserve-unknown-fields": True}


def crds(kinds: Iterable[type[Kind]] = KINDS) -> list[Manifest]:
    """Return the CustomResourceDefinition of every kind, ready to be applied."""
    return [crd(kind) for kind in kinds]


def crd(kind: type[Kind]) -> Manifest:
    """Return the CustomResourceDefinition of one kind."""
    name = kind.__name__
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        **({"subresources": {"status": {}}} if "status" in kind.model_fields else {}),
        "additionalPrinterColumns": [_printer_column(column) for column in kind.columns],
        "schema": {"openAPIV3Schema": kind_schema(kind)},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {
                "kind": name,
                "listKind": f"{name}List",
                "plural": kind.plural,
                "singular": name.lower(),
                "categories": [CATEGORY],
            }
            | ({"shortNames": list(kind.short_names)} if kind.short_names else {}),
            "versions": [version],
        },
    }


def kind_schema(kind: type[Kind]) -> dict[str, Any]:
    """Return the structural schema of one kind.

    Defaults are emitted in spec only, and only those that say something: an empty list or map as a default
    would be written into every stored object, and a status says what was observed.
    """
    root = kind.model_json_schema()
    definitions = root.get("$defs", {})
    properties = {
        name: {"type": "object"}
        if name == "metadata"
        else structural(node, definitions, defaults=name == "spec")
        for name, node in root["properties"].items()
    }
    required = [name for name in root["required"] if name == "spec"]
    outline = {key: value for key, value in root.items() if key not in ("properties", "required", "$defs")}
    return (
        structural(outline, definitions, defaults=False)
        | {"properties": properties}
        | ({"required": required} if required else {})
    )


def structural(node: Mapping[str, Any], definitions: Mapping[str, Any], *, defaults: bool) -> dict[str, Any]:
    """Return pydantic's JSON schema `node` as a structural schema.

    :raises TypeError: it says something that a structural schema can't.
    """
    node = _resolved(node, definitions)
    if node.keys() <= {"title", "description", "default"}:
        described = {key: node[key] for key in node.keys() & {"description"}}
        return described | {"nullable": True} | _FREE_FORM
    result: dict[str, Any] = {}
    for key, value in node.items():
        if key in _CARRIED_OVER or key.startswith("x-kubernetes-"):
            result[key] = value
        elif key == "const":
            result["enum"] = [value]
        elif key == "properties":
            result[key] = {
                name: structural(field, definitions, defaults=defaults) for name, field in value.items()
            }
        elif key == "additionalProperties":
            result |= (
                _FREE_FORM if value is True else {key: structural(value, definitions, defaults=defaults)}
            )
        elif key == "items":
            result[key] = structural(value, definitions, defaults=defaults)
        elif key == "default":
            result |= {key: value} if defaults and value and isinstance(value, str | int) else {}
        elif key != "title":
            raise TypeError(f"{key}: {value!r} has no counterpart in a structural schema")
    if result.get("type") == "integer":
        result.setdefault("format", "int64")
    return result


def _resolved(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `node` with its reference put in and without the null that stands for an absent field."""
    if choices := node.get("anyOf"):
        present = [choice for choice in choices if choice != {"type": "null"}]
        if len(present) != 1:
            raise TypeError(f"a union has no counterpart in a structural schema: {choices!r}")
        rest = {key: value for key, value in node.items() if key != "anyOf"}
        return _resolved({**present[0], **rest}, definitions)
    if reference := node.get("$ref"):
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return {**definitions[reference.removeprefix("#/$defs/")], **rest}
    return node


def _printer_column(column: Column) -> dict[str, Any]:
    shown = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return shown | ({"priority": column.priority} if column.priority else {})
