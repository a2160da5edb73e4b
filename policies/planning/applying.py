"""Applying: what an object of the host becomes when somebody applies a file, without asking the API server.

What the file says is set, and what it does not say stays, as the API server's defaults do. It goes only if
the last `kubectl apply` said it. So a field that was applied in another way and is now left out is taken to
stay, and quantities are not put into their canonical form.
"""

from __future__ import annotations

import json
from typing import Any

from policies.api.meta import Manifest

_LAST = "kubectl.kubernetes.io/last-applied-configuration"
_KEYS = ("name", "containerPort", "port", "mountPath", "key", "type", "ip", "topologyKey")
"""Fields by which built-in kinds tell the items of lists apart."""


def applied(live: Manifest, given: Manifest) -> Manifest:
    """Return the live object with a file applied to it; neither is changed."""
    last = _last(live)
    merged: Manifest = _merged(live, {key: value for key, value in given.items() if key != "status"}, last)
    return merged


def _last(live: Manifest) -> Any:
    try:
        return json.loads((live["metadata"].get("annotations") or {}).get(_LAST, "{}"))
    except ValueError:
        return {}


def _merged(live: Any, given: Any, last: Any) -> Any:
    if isinstance(given, dict):
        present = live if isinstance(live, dict) else {}
        before = last if isinstance(last, dict) else {}
        kept = {key: value for key, value in present.items() if key in given or key not in before}
        said = {key: _merged(present.get(key), value, before.get(key)) for key, value in given.items()}
        return {key: value for key, value in (kept | said).items() if key not in said or value is not None}
    if isinstance(given, list):
        return _list(live if isinstance(live, list) else [], given, last if isinstance(last, list) else [])
    return given


def _list(live: list[Any], given: list[Any], last: list[Any]) -> list[Any]:
    """Set the items the file names, each with the defaults it has; the others go."""
    key = next((key for key in _KEYS if _told_apart(live, key) and _told_apart(given, key)), None)
    if key is None:
        return [_merged(None, item, None) for item in given]
    present = {item[key]: item for item in live}
    before = {item[key]: item for item in last if isinstance(item, dict) and key in item}
    return [_merged(present.get(item[key]), item, before.get(item[key])) for item in given]


def _told_apart(items: list[Any], key: str) -> bool:
    values = [item.get(key) if isinstance(item, dict) else None for item in items]
    return all(isinstance(each, str | int) for each in values) and len(set(values)) == len(values)
