"""Differences: what changed between two states of one object, field by field. Pure.

Elements of a list are compared by what names them to people (`ownership.element_name`), so that an element
that is put in front of others is one change. Lists without such names, such as arguments, are one value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from federation.kube.ownership import Path, element_name
from federation.kube.resources import Manifest

_KEPT_SECRET = ("data", "stringData")
HIDDEN, BEFORE, AFTER = "***", "*** (before)", "*** (after)"


class Difference(NamedTuple):
    """A field that differs; None stands for one that is not there."""

    path: Path
    """Into the state before, where the field is there."""
    field: str
    """The path for people, such as `spec.template.spec.containers[name=web].image`."""
    before: Any
    after: Any


def differences(before: Manifest, after: Manifest) -> list[Difference]:
    """Return what differs, in the order of the state before, then what came."""
    return list(_compared(before, after, (), ""))


def _compared(before: Any, after: Any, path: Path, field: str) -> Iterator[Difference]:
    if before == after:
        return
    if _are_maps(before, after):
        old, new = before or {}, after or {}
        for name in [*old, *(name for name in new if name not in old)]:
            inner = f"{field}.{name}" if field else name
            yield from _compared(old.get(name), new.get(name), (*path, name), inner)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _elements(before, after, path, field)
    else:
        yield Difference(path, field, before, after)


def _are_maps(before: Any, after: Any) -> bool:
    """Whether to go on by name: a map that comes or goes is told by its fields, an empty one as a whole."""
    maps = [value for value in (before, after) if value is not None]
    return all(isinstance(value, dict) for value in maps) and (len(maps) == 2 or bool(maps[0]))


def _elements(before: list[Any], after: list[Any], path: Path, field: str) -> Iterator[Difference]:
    old, new = _named(before), _named(after)
    if old is None or new is None or [name for name in old if name in new] != [n for n in new if n in old]:
        yield Difference(path, field, before, after)
        return
    for name, index in old.items():
        place, inner = (*path, index), f"{field}[{name}]"
        if name in new:
            yield from _compared(before[index], after[new[name]], place, inner)
        else:
            yield Difference(place, inner, before[index], None)
    for name, index in new.items():
        if name not in old:
            yield Difference((*path, index), f"{field}[{name}]", None, after[index])


def _named(elements: list[Any]) -> dict[str, int] | None:
    """Return the index of each element by its name; None when there are elements without, or namesakes."""
    names = {element_name(element, index): index for index, element in enumerate(elements)}
    named = all(isinstance(element, dict) for element in elements)
    return names if named and len(names) == len(elements) and not any(n.isdigit() for n in names) else None


def masked(manifest: Manifest) -> Manifest:
    """Return a Secret without what it keeps secret; any other object as it is."""
    if not _is_secret(manifest):
        return manifest
    kept = [field for field in _KEPT_SECRET if isinstance(manifest.get(field), dict)]
    return manifest | {field: dict.fromkeys(manifest[field], HIDDEN) for field in kept}


def masked_difference(manifest: Manifest, difference: Difference) -> Difference:
    """Return a difference of an object without the values that it keeps secret."""
    if not _is_secret(manifest) or difference.path[:1] not in [(field,) for field in _KEPT_SECRET]:
        return difference
    return difference._replace(
        before=None if difference.before is None else BEFORE,
        after=None if difference.after is None else AFTER,
    )


def _is_secret(manifest: Manifest) -> bool:
    return (manifest.get("apiVersion"), manifest.get("kind")) == ("v1", "Secret")
