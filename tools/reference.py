"""Write the reference of our kinds, as Markdown: `python -m tools.reference docs/reference/kinds.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mcs.api import KINDS as SERVICE_KINDS
from policies.api import KINDS
from policies.api.meta import API_VERSION, Kind
from policies.api.schema import CATEGORY, kind_schema

INTRODUCTION = f"""\
# Kinds

<!-- Generated from policies/api and mcs/api by `make crds`; change the models, not this file. -->

All kinds are in `{API_VERSION}`. `kubectl get {CATEGORY} -A` lists the objects of all of them, and
`kubectl explain` prints what is said here. A field with `*` is required; in paths, `[]` stands for the items
of a list. The API server refuses an object that breaks a rule, with the rule's text.
"""


def reference() -> str:
    """Return the whole page."""
    known: dict[str, str] = {}
    return "\n".join([INTRODUCTION, *(section(kind, known) for kind in KINDS + SERVICE_KINDS)])


def section(kind: type[Kind], known: dict[str, str]) -> str:
    """Return what is to say of one kind; the fields of a kind in `known` are not repeated."""
    schema = kind_schema(kind)
    body = "\n\n".join([table(schema), *rules(schema)]) + "\n"
    if twin := known.get(body):
        body = f"Fields and rules are those of [{twin}](#{twin.lower()}).\n"
    known.setdefault(body, kind.__name__)
    return f"## {kind.__name__}\n\n{schema['description']}\n\n{names(kind)}\n\n{body}"


def names(kind: type[Kind]) -> str:
    """Return how kubectl calls the kind."""
    short = "".join(f", short `{name}`" for name in kind.short_names)
    return f"`kubectl get {kind.plural}`{short}; {'namespaced' if kind.namespaced else 'cluster-scoped'}."


def table(schema: dict[str, Any]) -> str:
    """Return the fields of a kind, one a row."""
    rows = [
        row(path, node)
        for name in ("spec", "status")
        if name in schema["properties"]
        for path, node in fields_of(schema["properties"][name], name)
    ]
    return "\n".join(["| field | type | default | description |", "|---|---|---|---|", *rows])


def row(path: str, node: dict[str, Any]) -> str:
    default = f"`{node['default']}`" if "default" in node else ""
    description = " ".join(node.get("description", "").split()).replace("|", "\\|")
    return f"| `{path}` | {type_of(node)} | {default} | {description} |"


def fields_of(node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and the schema of each field below `node`, in order; required ones are marked."""
    for name, field in node.get("properties", {}).items():
        below = f"{path}.{name}"
        yield below + ("*" if name in node.get("required", ()) else ""), field
        yield from fields_of(field, below)
        yield from fields_of(field.get("items", {}), f"{below}[]")


def type_of(node: dict[str, Any]) -> str:
    """Return the type of a field, in words, with its bounds."""
    if choices := node.get("enum"):
        return ", ".join(f"`{choice}`" if choice else "empty" for choice in choices)
    match node.get("type"):
        case "array":
            items = node["items"]
            kind = "strings" if items.get("type") == "string" else "objects"
            keys = node.get("x-kubernetes-list-map-keys")
            text = f"list of {kind}" + (f" by {', '.join(keys)}" if keys else "")
            return text + bounds(node, "minItems", "maxItems")
        case "object":
            return "map of strings" if "additionalProperties" in node else "object"
        case "integer":
            return "integer" + bounds(node, "minimum", "maximum")
        case "string":
            return ("time" if node.get("format") == "date-time" else "string") + bounds(
                node, "minLength", "maxLength"
            )
        case None if "x-kubernetes-int-or-string" in node:
            return "count or percentage"
        case None:
            return "any"
        case other:
            return str(other)


def bounds(node: dict[str, Any], lowest: str, highest: str) -> str:
    """Return the bounds of a field that says something; those of the number format itself don't."""
    low, high = node.get(lowest), node.get(highest)
    low, high = (None if low == -(2**31) else low), (None if high == 2**31 - 1 else high)
    if low is not None and high is not None:
        return f", {low} to {high}"
    if low is not None:
        return f", at least {low}"
    return "" if high is None else f", at most {high}"


def rules(schema: dict[str, Any]) -> list[str]:
    """Return a title and the list of a kind's rules, each with the fields it blames; empty without rules."""
    fields: dict[str, list[str]] = {}
    for field, message in rules_of(schema, ""):
        fields.setdefault(message, []).append(f"`{field or 'metadata.name'}`")
    listed = [f"- {message}. ({', '.join(blamed)})" for message, blamed in fields.items()]
    return ["**Rules**", "\n".join(listed)] if listed else []


def rules_of(node: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Yield the field that each rule below `node` blames, and what it says."""
    for rule in node.get("x-kubernetes-validations", ()):
        yield f"{path}{rule.get('fieldPath', '')}".lstrip("."), rule["message"]
    for name, field in node.get("properties", {}).items():
        yield from rules_of(field, f"{path}.{name}")
    if items := node.get("items"):
        yield from rules_of(items, f"{path}[]")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference())
