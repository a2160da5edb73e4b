"""Fields: where two manifests differ, as paths that people read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from policies.api.meta import Manifest

HIDDEN = "(hidden)"
_SECRET = ("data", "stringData")


class Absent:
    """The value of a field that is not there, which null does not say."""

    def __repr__(self) -> str:
        return "(absent)"


ABSENT = Absent()


class FieldChange(NamedTuple):
    """One field, as it is and as it is to be."""

    path: str
    """Such as `spec.template.spec.containers[web].image`: items of a list by name where all have one."""
    old: Any
    new: Any


def changed(old: Manifest, new: Manifest) -> tuple[FieldChange, ...]:
    """Return the fields in which two manifests of one object differ; those of a Secret without values."""
    found = tuple(_changed("", old, new))
    if (old["apiVersion"], old["kind"]) != ("v1", "Secret"):
        return found
    return tuple(_hidden(change) if change.path.startswith(_SECRET) else change for change in found)


def _hidden(change: FieldChange) -> FieldChange:
    old, new = (value if value is ABSENT else HIDDEN for value in (change.old, change.new))
    return FieldChange(change.path, old, new)


def _changed(path: str, old: Any, new: Any) -> Iterator[FieldChange]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}, key=str):
            at = f"{path}.{key}" if path else str(key)
            yield from _changed(at, old.get(key, ABSENT), new.get(key, ABSENT))
    elif isinstance(old, list) and isinstance(new, list):
        before, after = _items(old, new)
        for item in [*before, *(each for each in after if each not in before)]:
            yield from _changed(f"{path}[{item}]", before.get(item, ABSENT), after.get(item, ABSENT))
        if [each for each in before if each in after] != [each for each in after if each in before]:
            yield FieldChange(f"{path}[]", list(before), list(after))
    elif type(old) is not type(new) or old != new:
        yield FieldChange(path, old, new)


def _items(old: list[Any], new: list[Any]) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Tell items apart by name where all have one of their own, else by their place."""
    before, after = _names(old), _names(new)
    if before is None or after is None:
        return dict(enumerate(old)), dict(enumerate(new))
    return dict(zip(before, old, strict=True)), dict(zip(after, new, strict=True))


def _names(items: list[Any]) -> list[str] | None:
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    told = [name for name in names if isinstance(name, str)]
    return told if len(set(told)) == len(items) else None
