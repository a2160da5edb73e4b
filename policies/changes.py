"""Changes: each overrider as one function from manifest to manifest.

None of them changes its input: the result shares with it whatever stays the same. A kind without containers,
or without the named one, is left as it is, so that one policy can speak of many kinds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

from policies import images
from policies.api.meta import Manifest
from policies.api.override import (
    CommandOverrider,
    EnvOverrider,
    FieldOverrider,
    FieldPatch,
    ImageOverrider,
    MetadataOverrider,
    Overriders,
    PlaintextOverrider,
)
from policies.patching import Refused, compiled, lookup, merged
from policies.podspec import replaced, with_containers

Change = Callable[[Manifest], Manifest]
T = TypeVar("T")

_SHAPES: Mapping[type, str] = {str: "string", list: "list", dict: "map"}


class Format(Protocol):
    """How a document is written as text in a field, such as a key of a ConfigMap."""

    def loads(self, text: str, /) -> Any:
        """Parse a document.

        :raises ValueError: when the text is no such document.
        """

    def dumps(self, value: Any, /) -> str: ...


class _Json:
    """JSON, written back compact and with sorted keys so that equal documents are equal texts."""

    def loads(self, text: str, /) -> Any:
        return json.loads(text)

    def dumps(self, value: Any, /) -> str:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def changes(overriders: Overriders, yaml: Format | None) -> Iterator[Change]:
    """Compile the overriders of a rule, in the order they are carried out."""
    yield from (partial(_image, each) for each in overriders.image_overrider)
    yield from (partial(_words, "command", each) for each in overriders.command_overrider)
    yield from (partial(_words, "args", each) for each in overriders.args_overrider)
    yield from (partial(_env, each) for each in overriders.env_overrider)
    yield from (partial(_metadata, "labels", each) for each in overriders.labels_overrider)
    yield from (partial(_metadata, "annotations", each) for each in overriders.annotations_overrider)
    for field in overriders.field_overrider:
        yield _field(field.field_path, field.json_patches or field.yaml_patches, _format(field, yaml))
    if overriders.merge is not None:
        yield partial(_merge, overriders.merge)
    yield from (_plaintext(each) for each in overriders.plaintext)


def _image(overrider: ImageOverrider, manifest: Manifest) -> Manifest:
    if overrider.predicate is None:
        return with_containers(manifest, lambda container: _with_image(container, overrider))
    path = overrider.predicate.path
    text = _text(manifest, path)
    return compiled(path, "replace", _changed_image(text, overrider, path))(manifest)


def _with_image(container: Manifest, overrider: ImageOverrider) -> Manifest:
    path = f"image of container {container.get('name')}"
    text = _expected(container.get("image") or "", str, path)
    return container | {"image": _changed_image(text, overrider, path)} if text else container


def _changed_image(text: str, overrider: ImageOverrider, path: str) -> str:
    try:
        return images.changed(text, overrider)
    except ValueError as error:
        raise Refused(path, str(error)) from error


def _words(field: str, overrider: CommandOverrider, manifest: Manifest) -> Manifest:
    def change(container: Manifest) -> Manifest:
        words = _expected(
            container.get(field) or [], list, f"{field} of container {overrider.container_name}"
        )
        if overrider.operator == "add":
            words = [*words, *overrider.value]
        else:
            words = [word for word in words if word not in overrider.value]
        return _put(container, field, words)

    return _in_container(overrider.container_name, change, manifest)


def _env(overrider: EnvOverrider, manifest: Manifest) -> Manifest:
    given = {str(variable.get("name")): variable for variable in overrider.value}

    def change(container: Manifest) -> Manifest:
        path = f"env of container {overrider.container_name}"
        variables = _expected(container.get("env") or [], list, path)
        present = {str(_expected(each, dict, path).get("name")): each for each in variables}
        return _put(container, "env", list(_operated(present, given, overrider.operator).values()))

    return _in_container(overrider.container_name, change, manifest)


def _in_container(name: str, change: Change, manifest: Manifest) -> Manifest:
    return with_containers(manifest, lambda each: change(each) if each.get("name") == name else each)


def _metadata(field: str, overrider: MetadataOverrider, manifest: Manifest) -> Manifest:
    def change(metadata: Manifest) -> Manifest:
        present = _expected(metadata.get(field) or {}, dict, f"/metadata/{field}")
        return _put(metadata, field, _operated(present, overrider.value, overrider.operator))

    return replaced(manifest, ("metadata",), change)


def _operated(present: Mapping[str, Any], given: Mapping[str, Any], operator: str) -> dict[str, Any]:
    """add sets, replace sets what is there, remove takes away by key. The present order is kept."""
    match operator:
        case "add":
            return {**present, **given}
        case "replace":
            return {key: given.get(key, value) for key, value in present.items()}
        case _:
            return {key: value for key, value in present.items() if key not in given}


def _put(target: Manifest, field: str, value: Any) -> Manifest:
    """Set a field, or leave it out when it would be empty."""
    if value:
        return target | {field: value}
    return {key: each for key, each in target.items() if key != field}


def _format(overrider: FieldOverrider, yaml: Format | None) -> Format | None:
    return _Json() if overrider.json_patches else yaml


def _field(path: str, patches: list[FieldPatch], form: Format | None) -> Change:
    steps = [compiled(patch.sub_path, patch.operator, patch.value) for patch in patches]

    def change(manifest: Manifest) -> Manifest:
        text = _text(manifest, path)
        if form is None:
            raise Refused(path, "documents in YAML can't be read here; use json")
        try:
            document = form.loads(text)
        except ValueError as error:
            raise Refused(path, f"is not such a document: {error}") from error
        for step in steps:
            document = step(document)
        return compiled(path, "replace", form.dumps(document))(manifest)

    return change


def _text(manifest: Manifest, path: str) -> str:
    return _expected(lookup(manifest, path), str, path)


def _expected(value: Any, shape: type[T], path: str) -> T:
    """Return a value of the shape it must have in a valid object: an earlier rule may have changed that."""
    if not isinstance(value, shape):
        raise Refused(path, f"is not a {_SHAPES[shape]}")
    return value


def _merge(patch: Manifest, manifest: Manifest) -> Manifest:
    result: Manifest = merged(manifest, patch)
    return result


def _plaintext(overrider: PlaintextOverrider) -> Change:
    """Make labels or annotations where there are none: pruning left no empty map to add to."""
    operation = compiled(overrider.path, overrider.operator, overrider.value)
    parts = overrider.path.split("/")
    makes = overrider.operator == "add" and len(parts) == 4 and parts[1] == "metadata"
    if not (makes and parts[2] in ("labels", "annotations")):
        return operation

    def change(manifest: Manifest) -> Manifest:
        return operation(merged(manifest, {"metadata": {parts[2]: {}}}))

    return change
