"""JSON paths, as CustomResourceDefinitions write them: `.spec.replicas`,
`.metadata.labels['example.com/tier']`, `.status.conditions[?(@.type=="Ready")].status`.

A path leads to one value. One that is not there, or null, is None; one that can't be there, since something
on the way is of another type, is a Mismatch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from policies.api.meta import Manifest

_STEP = re.compile(
    r"""\.(?P<name>[A-Za-z0-9_-]+)"""
    r"""|\[(?P<quote>['"])(?P<key>[^'"\[\]]+)(?P=quote)\]"""
    r"""|\[\?\(@\.(?P<field>[A-Za-z0-9_-]+)\s*==\s*(?P<mark>['"])(?P<value>[^'"]*)(?P=mark)\)\]"""
)


class Item(NamedTuple):
    """The first item of a list that has a field with this text."""

    field: str
    value: str

    def __str__(self) -> str:
        return f'[?(@.{self.field}=="{self.value}")]'


Keys = tuple[str, ...]
"""A path without items: what stands there can be written."""


class BadPath(ValueError):
    """A text that is no path: why, and what to write instead."""


class Mismatch(Exception):
    """A value of another type than a path needs. Never leaves `policies`."""


class Path(NamedTuple):
    """Where a value stands."""

    steps: tuple[str | Item, ...]

    def __str__(self) -> str:
        return "".join(map(_said, self.steps))

    @property
    def keys(self) -> Keys | None:
        """The path as keys; None when it goes through a list."""
        keys = tuple(step for step in self.steps if isinstance(step, str))
        return keys if len(keys) == len(self.steps) else None


def parse(text: str) -> Path:
    """Read a path.

    :raises BadPath: it is none
    """
    steps: list[str | Item] = []
    at = 0
    while at < len(text):
        if (found := _STEP.match(text, at)) is None:
            break
        field = found["field"]
        steps.append(Item(field, found["value"]) if field else found["name"] or found["key"])
        at = found.end()
    if at < len(text) or not steps or not isinstance(steps[0], str):
        raise BadPath(
            f"{text!r} is no JSON path; write one as .spec.replicas, .metadata.labels['example.com/tier'] or "
            '.status.conditions[?(@.type=="Ready")].status'
        )
    return Path(tuple(steps))


def find(manifest: Manifest, path: Path) -> Any:
    """Return what stands at a path; None when nothing does.

    :raises Mismatch: something on the way is neither an object nor the list that the path needs
    """
    value: Any = manifest
    for count, step in enumerate(path.steps):
        if value is None:
            return None
        wanted: type[Any] = list if isinstance(step, Item) else dict
        if not isinstance(value, wanted):
            raise Mismatch(f"{Path(path.steps[:count])} is {described(value)}, not {_NAMES[wanted]}")
        value = _item(value, step) if isinstance(step, Item) else value.get(step)
    return value


def _item(values: Sequence[Any], item: Item) -> Any:
    return next(
        (each for each in values if isinstance(each, dict) and each.get(item.field) == item.value), None
    )


def number(manifest: Manifest, path: Path) -> int | None:
    """Return the whole number at a path; None when nothing is there.

    :raises Mismatch: something else is
    """
    value = find(manifest, path)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise Mismatch(f"{path} is {described(value)}, not a whole number")
    return value


def has(manifest: Manifest, keys: Sequence[str]) -> bool:
    """Whether there is something at a path, be it null."""
    value: Any = manifest
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True


def put(manifest: Manifest, keys: Sequence[str], value: Any) -> Manifest:
    """Return a manifest with a value at a path; what is not an object on the way makes room for one."""
    key, rest = keys[0], keys[1:]
    below = manifest.get(key)
    inner = put(below if isinstance(below, dict) else {}, rest, value) if rest else value
    return manifest | {key: inner}


def without(manifest: Manifest, keys: Sequence[str]) -> Manifest:
    """Return a manifest without what stands at a path."""
    key, rest = keys[0], keys[1:]
    if not rest:
        return {name: value for name, value in manifest.items() if name != key}
    below = manifest.get(key)
    return manifest | {key: without(below, rest)} if isinstance(below, dict) else manifest


def _said(step: str | Item) -> str:
    if isinstance(step, Item):
        return str(step)
    return f".{step}" if re.fullmatch(r"[A-Za-z0-9_-]+", step) else f"['{step}']"


_NAMES: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a fraction",
}


def described(value: Any) -> str:
    """Name the type of a value for people; the value itself may be nobody's to read."""
    return _NAMES[type(value)]
