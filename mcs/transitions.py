"""Transitions of conditions, as Events tell them: pure.

What is well from its beginning is no news: of hundreds of Services that begin at once nothing is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from policies.api.meta import Condition, Manifest

_WELL = {"Conflict": "False"}
"""The status that is wished for, of those conditions where it is not True."""


class News(NamedTuple):
    """One Event."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def transitions(live: Manifest, after: Sequence[Condition]) -> Iterator[News]:
    """Yield what is to be told when the conditions of `live` become others.

    What waits and will pass by itself, Pending, is told where it was well before, and as no warning.
    """
    found = (live.get("status") or {}).get("conditions") or ()
    before = {each["type"]: (each["status"], each["reason"]) for each in found}
    for each in after:
        well, pending = each.status == _WELL.get(each.type, "True"), each.reason == "Pending"
        unknown = each.type not in before
        if before.get(each.type) == (each.status, each.reason) or (unknown and (well or pending)):
            continue
        yield News("Normal" if well or pending else "Warning", each.reason, each.message)
