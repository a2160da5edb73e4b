"""Who owns which field: reading `metadata.managedFields`. Pure.

An entry's fieldsV1 is a tree: `f:name` a field, `k:{...}` the element of a list-map with these keys, `v:x`
the element x of a set, `i:n` an element by index, `.` the thing itself; `{}` owns all that is below.
https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

Fields = Mapping[str, "Fields"]
ManagedFields = Sequence[Mapping[str, Any]]
Path = tuple[str | int, ...]  # field names and list indices into the manifest

_UNOWNED = frozenset(  # what apply strips before it notes the owner
    ("metadata", name)
    for name in (
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
    )
) | {("apiVersion",), ("kind",), ("metadata",)}
_LIST_KEYS = (  # what names an element to people: the associative keys of the built-in kinds
    ("name",),
    ("containerPort", "protocol"),
    ("port", "protocol"),
    ("mountPath",),
    ("devicePath",),
    ("key",),
    ("ip",),
    ("uid",),
    ("type",),
    ("topologyKey", "whenUnsatisfiable"),
)


def entry(managed_fields: ManagedFields, manager: str) -> dict[str, Any] | None:
    """The fieldsV1 that `manager` applied to the main resource; None if it never applied."""
    for owner in managed_fields:
        if (
            owner.get("manager") == manager
            and owner.get("operation") == "Apply"
            and not owner.get("subresource")
        ):
            fields: dict[str, Any] = owner.get("fieldsV1") or {}
            return fields
    return None


def missing(manifest: Mapping[str, Any], fields: Fields) -> list[str]:
    """The leaf fields of the manifest that the tree does not own, such as
    `spec.template.spec.containers[name=web].image`, in the manifest's order.
    """
    return [_shown(manifest, path) for path in _unowned(manifest, fields)]


def owners(manifest: Mapping[str, Any], managed_fields: ManagedFields, path: Path) -> list[str]:
    """The managers, those of subresources such as `scale` included, that own what stands at a path of the
    object or a part of it, in the order of their entries.
    """
    return [
        str(owner.get("manager"))
        for owner in managed_fields
        if _owns(owner.get("fieldsV1") or {}, manifest, path)
    ]


def _owns(fields: Fields, value: Any, path: Path) -> bool:
    for depth, step in enumerate(path):
        if depth and not fields:
            return True  # a leaf of the tree is owned whole
        if isinstance(step, int):
            child = _element(value, step, fields, _keyed(fields))
        else:
            child = fields.get(f"f:{step}")
        if child is None:
            return False
        fields, value = child, value[step]
    return True


def without(managed_fields: ManagedFields, *managers: str) -> list[dict[str, Any]]:
    """The entries of all others: written back, `managers` own nothing and the fields keep their values."""
    return [dict(owner) for owner in managed_fields if owner.get("manager") not in managers]


def handed_over(managed_fields: ManagedFields, manager: str, *keeping: str) -> list[dict[str, Any]]:
    """The entries when all others let go of what `manager` applied, as `kubectl apply --server-side` has its
    former self let go: a field that a co-owner keeps would stay when the manager leaves it out.

    Subresources such as `scale` keep theirs, and so do the managers in `keeping`.
    """
    ours = entry(managed_fields, manager) or {}
    kept = []
    for owner in managed_fields:
        if owner.get("subresource") or owner.get("manager") in (manager, *keeping):
            kept.append(dict(owner))
        elif rest := _less(owner.get("fieldsV1") or {}, ours):
            kept.append({**owner, "fieldsV1": rest})
    return kept


def _less(fields: Fields, ours: Fields) -> dict[str, Any]:
    """The tree without the fields that another tree owns itself, and without what is then empty. Of a map of
    which both have a part, the thing itself (`.`) goes too: it would stay when it is empty.
    """
    rest: dict[str, Any] = {}
    for step, below in fields.items():
        if step == ".":
            continue
        if (own := ours.get(step)) is None:
            rest[step] = below
        elif below:
            if left := _less(below, own):
                rest[step] = left
        elif own and "." not in own:
            rest[step] = below
    return rest


def _unowned(manifest: Mapping[str, Any], fields: Fields) -> Iterator[Path]:
    for path in _gaps(manifest, fields or None, ()):  # only below the root does {} own all
        if path not in _UNOWNED:
            yield path


def _gaps(value: Any, fields: Fields | None, path: Path) -> Iterator[Path]:
    """The leaves below `value` that the tree `fields` (None: not owned at all) leaves out."""
    if fields is None:
        yield from _leaves(value, path)
    elif not fields:
        return  # a leaf of the tree is owned whole
    elif isinstance(value, dict):
        for name, child in value.items():
            yield from _gaps(child, fields.get(f"f:{name}"), (*path, name))
    elif isinstance(value, list):
        keyed = _keyed(fields)
        for index, element in enumerate(value):
            yield from _gaps(element, _element(value, index, fields, keyed), (*path, index))


def _leaves(value: Any, path: Path) -> Iterator[Path]:
    children: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    empty = True
    for step, child in children:
        empty = False
        yield from _leaves(child, (*path, step))
    if empty and value is not None:  # apply ignores null
        yield path


class _Keyed(NamedTuple):
    """The elements of a list-map that a tree owns, found by their keys."""

    names: frozenset[tuple[str, ...]]
    """The combinations of keys in use: one, for nearly every list."""
    subtrees: dict[bytes, Fields]
    """By `_identity`."""
    all: list[tuple[dict[str, Any], Fields]]


def _keyed(fields: Fields) -> _Keyed:
    """Parse the keys once for the whole list: looking through them for each element would be quadratic."""
    elements = [
        (orjson.loads(step[2:]), subtree) for step, subtree in fields.items() if step.startswith("k:")
    ]
    subtrees = {_identity(tuple(keys), keys): subtree for keys, subtree in elements}
    return _Keyed(frozenset(tuple(keys) for keys, _ in elements), subtrees, elements)


def _element(elements: list[Any], index: int, fields: Fields, keyed: _Keyed) -> Fields | None:
    """The subtree of one list element; keys of list-maps may be defaults that the manifest leaves out."""
    element = elements[index]
    if (by_index := fields.get(f"i:{index}")) is not None:
        return by_index
    if not isinstance(element, dict):
        return _of_value(element, fields)
    for names in keyed.names:
        if (subtree := keyed.subtrees.get(_identity(names, element))) is not None:
            return subtree
    for keys, subtree in keyed.all:
        given = {name: element[name] for name in keys if name in element}
        if given and given.items() <= keys.items() and not any(_has(other, keys) for other in elements):
            return subtree
    return _of_value(element, fields)


def _identity(names: tuple[str, ...], element: Mapping[str, Any]) -> bytes:
    """What tells an element of a list-map from the others, as JSON: its values need not be hashable."""
    return orjson.dumps([names, [element.get(name) for name in names]])


def _has(element: Any, keys: Mapping[str, Any]) -> bool:
    return isinstance(element, dict) and keys.items() <= element.items()


def _of_value(element: Any, fields: Fields) -> Fields | None:
    for step, subtree in fields.items():
        if step.startswith("v:") and orjson.loads(step[2:]) == element:
            return subtree
    return None


def _shown(manifest: Mapping[str, Any], path: Path) -> str:
    shown, value = "", manifest
    for step in path:
        value = value[step]  # type: ignore[index]
        if isinstance(step, int):
            shown += f"[{element_name(value, step)}]"
        else:
            shown += f".{step}" if shown else step
    return shown


def element_name(element: Any, index: int) -> str:
    """What tells an element of a list from the others: its keys, its value, or else its index."""
    if not isinstance(element, dict):
        return f"={element}"
    for keys in _LIST_KEYS:
        if keys[0] in element:
            return ",".join(f"{key}={element[key]}" for key in keys if key in element)
    return str(index)
