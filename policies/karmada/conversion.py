"""Conversion: one policy of Karmada to one of ours, with notes.

Fields have Karmada's names and meaning where nothing else is noted, so what is carried over is what our own
schema names. What neither it nor a note names is unknown, and a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from policies.api import KINDS
from policies.api.meta import API_VERSION, Manifest
from policies.api.schema import kind_schema
from policies.karmada.notes import DIFFERENT, DROPPED, OWN
from policies.karmada.values import renamed
from policies.validation import validate
from policies.validation.unknown import unknown_fields

KARMADA = "policy.karmada.io/v1alpha1"
CONVERTED = frozenset(
    {"PropagationPolicy", "ClusterPropagationPolicy", "OverridePolicy", "ClusterOverridePolicy"}
)
_MODELS = {kind.__name__: kind for kind in KINDS if kind.__name__ in CONVERTED}
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Note(NamedTuple):
    """What the author of a policy should know."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class Converted(NamedTuple):
    """A policy of ours, with what is to be said of it; with mistakes, it must not be used."""

    manifest: Manifest
    notes: tuple[Note, ...]
    mistakes: tuple[str, ...]


def convert(manifest: Manifest) -> Converted:
    """Convert a policy of `CONVERTED`; the input stays as it is."""
    kind, metadata = manifest["kind"], _metadata(manifest["metadata"])
    given, notes = _as_rules(manifest.get("spec") or {})
    notes += _noted("spec", given)
    spec, values = renamed(_supported(given))
    converted = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
    unknown = [f"{path}: Karmada has no such field; remove it" for path in _unknown(kind, converted)]
    mistakes = unknown or map(str, validate(converted).denials)
    notes += (Note(*each) for each in values)
    return Converted(converted, tuple(notes), tuple(mistakes))


def _unknown(kind: str, converted: Manifest) -> Iterator[str]:
    yield from unknown_fields(_schema(kind), converted)
    yield from (path for path in _paths("spec", converted["spec"]) if _pattern(path) in OWN)


def carried(kind: str, path: str) -> bool:
    """Whether a field of Karmada's, as a path with `[]`, has a counterpart of the same name."""
    if path in OWN:
        return False
    node: Mapping[str, Any] = _schema(kind)
    for step in path.split("."):
        name = step.removesuffix("[]")
        properties = node.get("properties")
        if properties is None or name not in properties:
            return False
        node = properties[name]
        node = node.get("items") or {} if step.endswith("[]") else node
    return True


@lru_cache
def _schema(kind: str) -> Mapping[str, Any]:
    return kind_schema(_MODELS[kind])


def _metadata(metadata: Manifest) -> Manifest:
    """Keep what users wrote: what Karmada and the API server added says nothing here."""
    kept = {key: metadata[key] for key in ("name", "namespace") if metadata.get(key)}
    for field in ("labels", "annotations"):
        entries = {
            key: value
            for key, value in (metadata.get(field) or {}).items()
            if not key.partition("/")[0].endswith("karmada.io") and key != _LAST_APPLIED
        }
        if entries:
            kept[field] = entries
    return kept


def _as_rules(spec: Manifest) -> tuple[Manifest, list[Note]]:
    """Write the deprecated pair of targetCluster and overriders as the one rule that it stands for."""
    pair = {field: spec[field] for field in ("targetCluster", "overriders") if spec.get(field)}
    rest = {field: value for field, value in spec.items() if field not in ("targetCluster", "overriders")}
    if not pair:
        return rest, []
    rules = [*(rest.get("overrideRules") or ()), {"overriders": {}, **pair}]
    return rest | {"overrideRules": rules}, [
        Note(f"spec.{field}", "written as an item of overrideRules") for field in pair
    ]


def _noted(at: str, spec: Manifest) -> Iterator[Note]:
    """Say which fields are left out or behave differently."""
    for path in _paths(at, spec):
        pattern = _pattern(path)
        if message := DROPPED.get(pattern) or DIFFERENT.get(pattern):
            yield Note(path, message)


def _supported(spec: Manifest) -> Manifest:
    return {field: value for field, value in spec.items() if f"spec.{field}" not in DROPPED}


def _paths(at: str, value: Any) -> Iterator[str]:
    """Yield the path of every field of a value, those of items of lists by their place."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield f"{at}.{name}"
            yield from _paths(f"{at}.{name}", each)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _paths(f"{at}[{i}]", item)


def _pattern(path: str) -> str:
    return re.sub(r"\[\d+\]", "[]", path)
