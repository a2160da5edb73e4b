"""Field sets: who set a field of an object, as its `metadata.managedFields` tell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Tree = Mapping[str, Any]


def owning(managed_fields: Iterable[Tree], *path: str) -> Iterator[Tree]:
    """Yield, for each manager of the object itself that owns a path, what it owns below.

    :param path: field names, and for an item of an associative list its keys as JSON: `{"port": 80}`. Keys
        that the entry has beyond those given do not matter, for servers add defaults.
    """
    for entry in managed_fields:
        if not entry.get("subresource"):
            tree: Tree | None = entry.get("fieldsV1") or {}
            for step in path:
                tree = _below(tree, step) if tree is not None else None
            if tree is not None:
                yield tree


def _below(tree: Tree, step: str) -> Tree | None:
    if not step.startswith("{"):
        return tree.get(f"f:{step}")
    wanted = json.loads(step).items()
    return next(
        (tree[key] for key in tree if key.startswith("k:") and wanted <= json.loads(key[2:]).items()), None
    )
