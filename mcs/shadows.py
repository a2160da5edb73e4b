"""Shadows: which Service under a plain name is ours, and which one its user took over. Pure.

A shadow says so by a label and selects nothing. Who gives it a selector, or takes the label off, made it a
Service of theirs (rule N4 of the design).
"""

from __future__ import annotations

from mcs.names import ADOPT_EXISTING, SHADOW
from policies.api.meta import Manifest


def is_shadow(live: Manifest) -> bool:
    """Whether a Service is ours to change and to delete."""
    return _is_labeled(live) and not live["spec"].get("selector")


def is_taken_over(live: Manifest) -> bool:
    """Whether a Service was ours, and still says so: it would be deleted with its ServiceImport."""
    return not is_shadow(live) and (_is_labeled(live) or _kept_owners(live) != _owners(live))


def handed_over(live: Manifest) -> Manifest:
    """Return the metadata of a Service that was taken over, as a merge patch.

    Endpoints of other clusters stay attached: its callers had them before.
    """
    return {
        "labels": {SHADOW: None},
        "annotations": {ADOPT_EXISTING: "true"},
        "ownerReferences": _kept_owners(live),
    }


def _is_labeled(live: Manifest) -> bool:
    return (live["metadata"].get("labels") or {}).get(SHADOW) == "true"


def _owners(live: Manifest) -> list[Manifest]:
    return live["metadata"].get("ownerReferences") or []


def _kept_owners(live: Manifest) -> list[Manifest]:
    name = live["metadata"]["name"]
    return [owner for owner in _owners(live) if (owner["kind"], owner["name"]) != ("ServiceImport", name)]
