"""What OpenKruise's own kinds have in common."""

from __future__ import annotations

from collections.abc import Container

from policies.api.meta import Manifest


def said(rules: Manifest, *, but: Container[str]) -> Manifest:
    """Return the rules of a strategy that say something, some aside.

    What says nothing, as `paused: false`, OpenKruise's webhook drops, and it would look taken.
    """
    return {name: rule for name, rule in rules.items() if name not in but and _says(rule)}


def _says(rule: object) -> bool:
    if isinstance(rule, dict):
        return any(rule.values())
    return rule is not False and rule not in (None, "", [])
