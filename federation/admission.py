"""Validating webhooks for our kinds, served by kopf: each asks `policies.validation` and stores nothing.

The API server has checked the schema and its rules before it asks. `federation.webhooks` says when it asks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import kopf

from federation.settings import Webhook
from federation.webhooks import handler_id
from policies.api import KINDS
from policies.api.meta import GROUP, VERSION, Kind
from policies.validation import validate

Clusters = Callable[[], Collection[str] | None]
"""Names the Clusters that exist now, or None while they are not known."""

INVALID = 422  # as for an object that the schema refuses


def register(registry: kopf.OperatorRegistry, clusters: Clusters = lambda: None) -> None:
    """Add the handler of each kind to a registry."""
    for kind in KINDS:
        _register(registry, kind, clusters)


def _register(registry: kopf.OperatorRegistry, kind: type[Kind], clusters: Clusters) -> None:
    @kopf.on.validate(
        GROUP, VERSION, kind.plural, id=handler_id(kind), operations=["CREATE", "UPDATE"], registry=registry
    )
    async def check(body: kopf.Body, warnings: list[str], **_: Any) -> None:
        verdict = validate(dict(body), clusters())
        warnings.extend(str(advice) for advice in verdict.warnings)
        if verdict.denials:
            raise kopf.AdmissionError("; ".join(str(denial) for denial in verdict.denials), code=INVALID)


def server(webhook: Webhook) -> kopf.WebhookServer:
    """Return the server for kopf's `settings.admission.server`; it takes up renewed certificates by itself.

    It is the same whether the API server reaches it by Service or by URL: that is said in the configuration
    of `federation.webhooks`, and kopf's `settings.admission.managed` stays None.
    """
    return kopf.WebhookServer(
        addr=webhook.address, port=webhook.port, certfile=webhook.certificate, pkeyfile=webhook.key
    )
