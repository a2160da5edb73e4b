"""What a schema can't say about OverridePolicies and ClusterOverridePolicies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from policies.api.meta import GROUP
from policies.api.override import (
    EnvOverrider,
    FieldPatch,
    ImageOverrider,
    MetadataOverrider,
    OverridePolicy,
    Overriders,
    PlaintextOverrider,
)
from policies.validation import selection, syntax
from policies.validation.findings import Advice, Denial, Finding

_IDENTITY = {"name", "generateName", "namespace"}
_SET_BY_SERVER = {
    "uid", "resourceVersion", "generation", "managedFields", "selfLink",
    "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
}  # fmt: skip


def check(policy: OverridePolicy, clusters: Collection[str] | None) -> Iterator[Finding]:
    """Check one policy against what is known of the clusters."""
    yield from selection.resource_selectors(
        "spec.resourceSelectors", policy.spec.resource_selectors, "OverridePolicy", policy.metadata.namespace
    )
    for i, rule in enumerate(policy.spec.override_rules):
        at = f"spec.overrideRules[{i}]"
        if rule.target_cluster:
            yield from selection.cluster_affinity(f"{at}.targetCluster", rule.target_cluster, clusters)
        yield from _overriders(f"{at}.overriders", rule.overriders)


def _overriders(field: str, overriders: Overriders) -> Iterator[Finding]:
    if not any(value for _, value in overriders):
        yield Advice(field, "changes nothing", "add an overrider or remove the rule")
    yield from _images(f"{field}.imageOverrider", overriders.image_overrider)
    yield from _env(f"{field}.envOverrider", overriders.env_overrider)
    yield from _metadata(f"{field}.labelsOverrider", overriders.labels_overrider, labels=True)
    yield from _metadata(f"{field}.annotationsOverrider", overriders.annotations_overrider, labels=False)
    for i, document in enumerate(overriders.field_overrider):
        at = f"{field}.fieldOverrider[{i}]"
        yield from _path(f"{at}.fieldPath", document.field_path)
        yield from _patches(f"{at}.json", document.json_patches)
        yield from _patches(f"{at}.yaml", document.yaml_patches)
    for keys in _keys(overriders.merge or {}):
        yield from _target(f"{field}.merge.{'.'.join(keys)}", keys)
    for i, operation in enumerate(overriders.plaintext):
        yield from _path(f"{field}.plaintext[{i}].path", operation.path)
        yield from _operand(f"{field}.plaintext[{i}]", operation)


def _images(field: str, overriders: Iterable[ImageOverrider]) -> Iterator[Finding]:
    for i, overrider in enumerate(overriders):
        if overrider.predicate:
            yield from _path(f"{field}[{i}].predicate.path", overrider.predicate.path)
        if overrider.value.split() not in ([], [overrider.value]):
            yield Denial(f"{field}[{i}].value", f"{overrider.value!r} has blanks in it", "remove them")


def _env(field: str, overriders: Iterable[EnvOverrider]) -> Iterator[Finding]:
    for i, overrider in enumerate(overriders):
        for j, variable in enumerate(overrider.value):
            at = f"{field}[{i}].value[{j}]"
            yield from syntax.env_name(f"{at}.name", str(variable.get("name", "")))
            if not isinstance(variable.get("value", ""), str):
                yield Denial(f"{at}.value", "must be a string", "put it in quotes")
            if variable.get("value") and variable.get("valueFrom"):
                yield Denial(at, "has both value and valueFrom", "remove one of the two")


def _metadata(field: str, overriders: Iterable[MetadataOverrider], *, labels: bool) -> Iterator[Finding]:
    for i, overrider in enumerate(overriders):
        for key, value in overrider.value.items():
            at = f"{field}[{i}].value[{key}]"
            yield from syntax.label_key(at, key)
            yield from _target(at, ("metadata", "labels" if labels else "annotations", key))
            if labels and overrider.operator != "remove":
                yield from syntax.label_value(at, value)


def _patches(field: str, patches: Iterable[FieldPatch]) -> Iterator[Finding]:
    for i, patch in enumerate(patches):
        yield from syntax.pointer(f"{field}[{i}].subPath", patch.sub_path)
        yield from _operand(f"{field}[{i}]", patch)


def _operand(field: str, operation: FieldPatch | PlaintextOverrider) -> Iterator[Finding]:
    """add and replace need a value; null is one, so that only its presence counts."""
    if operation.operator != "remove" and "value" not in operation.model_fields_set:
        yield Denial(f"{field}.value", f"operator {operation.operator} needs a value", "add value")


def _path(field: str, path: str) -> Iterator[Finding]:
    """Check a pointer into the object itself."""
    if mistakes := list(syntax.pointer(field, path)):
        yield from mistakes
    else:
        yield from _target(field, syntax.tokens(path))


def _keys(patch: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the way to each value that a merge patch sets or deletes."""
    for key, value in patch.items():
        if isinstance(value, dict) and value:
            yield from _keys(value, (*above, key))
        else:
            yield (*above, key)


def _target(field: str, keys: tuple[str, ...]) -> Iterator[Finding]:
    """Refuse a change that would make another object of it, or of what isn't the template's to say."""
    match keys:
        case ("apiVersion" | "kind", *_):
            yield Denial(field, f"{keys[0]} can't differ between clusters", "remove this change")
        case ("status", *_):
            yield Denial(field, "status is written by each cluster", "remove this change")
        case ("metadata",) | ("metadata", ""):
            yield Denial(field, "metadata can't be changed as a whole", "change single labels or annotations")
        case ("metadata", name, *_) if name in _IDENTITY:
            yield Denial(field, f"metadata.{name} can't differ between clusters", "remove this change")
        case ("metadata", name, *_) if name in _SET_BY_SERVER:
            yield Denial(field, f"metadata.{name} is set by each API server", "remove this change")
        case ("metadata", "labels" | "annotations", key, *_) if key.startswith(f"{GROUP}/"):
            yield Denial(field, f"{key} is Atoll's own", "remove this change")
