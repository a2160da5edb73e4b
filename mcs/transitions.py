"""Transitions of conditions, as Events tell them: pure.

What is well from its beginning is no news: of hundreds of Services that begin at once nothing is told.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcs.owned import SOURCES_AVAILABLE
from policies.api.meta import Manifest
from policies.release.news import News

_ONCE_FOR_ALL = {SOURCES_AVAILABLE}
"""Conditions that change on all imports from a cluster at once: `mcs.telling` tells that of the Cluster."""
_WELL = {"Conflict": "False"}
"""The status that is wished for, of those conditions where it is not True."""


def transitions(live: Manifest, written: Manifest) -> Iterator[News]:
    """Yield what is to be told when the conditions of an object become those that are written to it.

    What waits and will pass by itself, Pending, is told where it was well before, and as no warning.
    """
    found = (live.get("status") or {}).get("conditions") or ()
    before = {each["type"]: (each["status"], each["reason"]) for each in found}
    for each in written["status"]["conditions"]:
        type_, status, reason = each["type"], each["status"], each["reason"]
        well, pending = status == _WELL.get(type_, "True"), reason == "Pending"
        unknown = type_ not in before
        if type_ in _ONCE_FOR_ALL or before.get(type_) == (status, reason) or (unknown and (well or pending)):
            continue
        yield News("Normal" if well or pending else "Warning", reason, each["message"])
