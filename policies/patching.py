"""Patches: one operation of RFC 6902, compiled once, and RFC 7386, both without touching their input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jsonpatch import AddOperation, JsonPatchException, RemoveOperation, ReplaceOperation
from jsonpointer import JsonPointer, JsonPointerException

from policies.api.meta import Manifest
from policies.api.override import Operator

_OPERATIONS = {"add": AddOperation, "remove": RemoveOperation, "replace": ReplaceOperation}


class Refused(Exception):
    """A change that the manifest does not allow: the path, and why. Never leaves `policies`."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why


def compiled(path: str, operator: Operator, value: Any) -> Callable[[Any], Manifest]:
    """Return the operation as a function that shares what it does not change and raises Refused."""
    operands = {} if operator == "remove" else {"value": value}
    try:
        pointer = JsonPointer(path)
        operation = _OPERATIONS[operator]({"op": operator, "path": path, **operands})
    except (JsonPointerException, JsonPatchException) as error:
        return _refusing(Refused(path, f"not a JSON pointer: {error}"))

    def patched(document: Any) -> Any:
        try:
            return operation.apply(_unshared(document, pointer.parts))
        except (JsonPointerException, JsonPatchException, TypeError) as error:
            raise Refused(path, str(error)) from error

    return patched


def lookup(document: Any, path: str) -> Any:
    """Return what stands at a JSON pointer.

    :raises Refused: when there is nothing.
    """
    try:
        return JsonPointer(path).resolve(document)
    except JsonPointerException as error:
        raise Refused(path, str(error)) from error


def _refusing(refused: Refused) -> Callable[[Any], Any]:
    def patched(_: Any) -> Any:
        raise refused

    return patched


def _unshared(document: Any, parts: list[str]) -> Any:
    """Copy the containers a pointer leads through, the last included: an operation writes to no other."""
    root = here = _copied(document)
    for part in parts[:-1]:
        step: Any = part
        if isinstance(here, list):
            if not part.isdecimal() or int(part) >= len(here):
                break
            step = int(part)
        elif not isinstance(here, dict) or part not in here:
            break
        here[step] = here = _copied(here[step])
    return root


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, (dict, list)) else value


def merged(target: Any, patch: Any) -> Any:
    """Return a target with a JSON merge patch (RFC 7386) carried out."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
