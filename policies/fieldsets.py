"""Field sets: who set a field of an object, as its `metadata.managedFields` tell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Tree = Mapping[str, Any]


def owning(managed_fields: Iterable[Tree], *path: str) -> list[Tree]:
    """Return, for each manager of the object itself that owns a path, what it owns below.

    :param path: field names, and for an item of an associative list its keys as JSON: `{"port": 80}`. Keys
        that the entry has beyond those given do not matter, for servers add defaults.
    """
    trees = [entry.get("fieldsV1") or {} for entry in managed_fields if not entry.get("subresource")]
    for step in path:
        trees = [below for tree in trees if (below := _below(tree, step)) is not None]
    return trees


def _below(tree: Tree, step: str) -> Tree | None:
    if not step.startswith("{"):
        return tree.get(f"f:{step}")
    wanted = json.loads(step).items()
    return next(
        (tree[key] for key in tree if key.startswith("k:") and wanted <= json.loads(key[2:]).items()), None
    )
