"""Fields that a kind does not have: the API server drops them, and whoever wrote them should know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def unknown_fields(schema: Mapping[str, Any], value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of all fields of a value that its structural schema does not name."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from unknown_fields(schema.get("items") or {}, item, f"{path}[{i}]")
    elif isinstance(value, dict):
        properties, others = schema.get("properties"), schema.get("additionalProperties") or {}
        for name, each in value.items():
            at = f"{path}.{name}" if path else str(name)
            if properties is None:
                yield from unknown_fields(others, each, at)
            elif name in properties:
                yield from unknown_fields(properties[name], each, at)
            elif not schema.get("x-kubernetes-preserve-unknown-fields"):
                yield at
