"""JSON merge patches (RFC 7386). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch that makes `after` of `before`; lists are replaced whole, what went is null."""
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        held = before.get(name)
        if isinstance(value, dict) and isinstance(held, dict):
            if inner := difference(held, value):
                patch[name] = inner
        elif name not in before or held != value:
            patch[name] = value
    return patch
