"""Validating webhooks for our kinds: each asks `policies.validation` and stores nothing.

The API server has checked the schema and its rules before it asks. `federation.webhooks` says when it asks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from federation.reviews import Answer, Judgment, Request
from federation.webhooks import handler_id
from policies.api import KINDS
from policies.validation import validate

Clusters = Callable[[], Collection[str] | None]
"""Names the Clusters that exist now, or None while they are not known."""


def answers(clusters: Clusters = lambda: None) -> dict[str, Answer]:
    """Return by path what answers for each kind."""

    async def check(request: Request) -> Judgment:
        verdict = validate(request.new or {}, clusters())
        return Judgment([str(each) for each in verdict.warnings], [str(each) for each in verdict.denials])

    return {handler_id(kind): check for kind in KINDS}
