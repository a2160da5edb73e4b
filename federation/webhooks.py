"""The ValidatingWebhookConfiguration for our kinds: when the API server asks our webhooks, and where.

`federation.admission` answers. Nothing here needs a server, so that whatever installs Atoll can use it.
"""

from __future__ import annotations

from typing import Any

from policies.api import KINDS
from policies.api.binding import ResourceBinding
from policies.api.meta import GROUP, VERSION, Kind, Manifest
from policies.api.rollout import Rollout

NAME = "atoll"
TIMEOUT_SECONDS = 5

ALIVE = {"name": "alive", "expression": "!has(object.metadata.deletionTimestamp)"}
"""An object on its way out only loses finalizers; neither a mistake in it nor an outage may hold that up."""

BY_HAND = {
    "name": "by-hand",
    "expression": "!has(request.options.fieldManager) || !request.options.fieldManager.startsWith('atoll')",
}
"""Not one of our own writers: they write bindings often, and only others need to be warned."""


def webhook_configuration(client_config: dict[str, Any]) -> Manifest:
    """Return the configuration for a server that `client_config` says how to reach.

    :param client_config: `{"caBundle", "url"}` or `{"caBundle", "service": {"namespace", "name", "port"}}`.
        The CA bundle is PEM in base64; there is no path, as each kind has its own.
    """
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": NAME},
        "webhooks": [_webhook(kind, client_config) for kind in KINDS],
    }


def _webhook(kind: type[Kind], client_config: dict[str, Any]) -> dict[str, Any]:
    """DELETE is never asked about: with failurePolicy Fail, an outage would hold up the cleaning.

    Nor may an outage hold up who pauses or aborts a Rollout: what that must not say, its schema refuses.
    """
    binding = issubclass(kind, ResourceBinding)
    optional = binding or issubclass(kind, Rollout)
    return {
        "name": f"{kind.plural}.{GROUP}",
        "admissionReviewVersions": ["v1"],
        "clientConfig": at(client_config, handler_id(kind)),
        "rules": [
            {
                "apiGroups": [GROUP],
                "apiVersions": [VERSION],
                "operations": ["CREATE", "UPDATE"],
                "resources": [kind.plural],
                "scope": "Namespaced" if kind.namespaced else "Cluster",
            }
        ],
        "failurePolicy": "Ignore" if optional else "Fail",
        "matchConditions": [ALIVE, BY_HAND] if binding else [ALIVE],
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": TIMEOUT_SECONDS,
    }


def handler_id(kind: type[Kind]) -> str:
    """Return the name of a kind's handler, which is also the path it is reached at."""
    return kind.plural


def at(client_config: dict[str, Any], path: str) -> dict[str, Any]:
    """Return a client configuration that leads to a path of the server."""
    if service := client_config.get("service"):
        return client_config | {"service": service | {"path": f"/{path}"}}
    return client_config | {"url": f"{client_config['url'].rstrip('/')}/{path}"}
