"""What `atoll install` puts on a host: namespace, kinds, roles, standing rules and, where it is known how to
reach them, the webhook configurations.
"""

from __future__ import annotations

import asyncio
from typing import Any

from federation.access import bound, paths, role, rule
from federation.kube.api import Api
from federation.kube.discovery import Discovery
from federation.kube.resources import Manifest
from federation.kube.served import answers
from federation.service_webhooks import service_webhook_configuration
from federation.settings import NAMESPACE
from federation.setup import apply
from federation.webhooks import webhook_configuration
from mcs.api import KINDS as SERVICE_KINDS
from mcs.checks import standing
from mcs.definitions import templates
from mcs.install import install_on_host
from mcs.names import SOURCE_LEASE
from policies.api import KINDS
from policies.api.meta import GROUP
from policies.api.schema import crds

FIELD_MANAGER = "atoll-install"
ACCOUNT = "atoll-controller"
_COORDINATION = "coordination.k8s.io"
_WRITE = ["create", "patch", "update", "delete"]


def manifests(client_config: dict[str, Any] | None = None) -> list[Manifest]:
    """Return everything in the order it is applied.

    :param client_config: how the API server reaches the webhooks (`federation.webhooks`); None: without

    """
    webhooks = (
        [webhook_configuration(client_config), service_webhook_configuration(client_config)]
        if client_config
        else []
    )
    kinds = [*crds(KINDS + SERVICE_KINDS), *templates()]
    return [_namespace(), *kinds, *_access(), *standing.manifests(), *webhooks]


async def install(api: Api, client_config: dict[str, Any] | None = None) -> None:
    """Apply all of it and wait until the kinds are served."""
    await install_on_host(api, FIELD_MANAGER)
    theirs = templates()  # where another tool has these, they stay
    for manifest in manifests(client_config):
        if manifest in theirs:
            continue
        if manifest["kind"] == "ValidatingWebhookConfiguration":
            await _served(api)
        await apply(api, manifest, manager=FIELD_MANAGER)
    await _served(api)


async def _served(api: Api, deadline: float = 30.0) -> None:
    """Wait until the API server serves all our kinds."""
    async with asyncio.timeout(deadline):
        while True:
            discovery = Discovery(api)
            await discovery.refresh()
            kinds = [discovery.resource(GROUP, kind.__name__) for kind in KINDS + SERVICE_KINDS]
            if all([kind is not None and await answers(api, kind) for kind in kinds]):
                return
            await asyncio.sleep(0.1)


def _namespace() -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def _access() -> list[Manifest]:
    """The controller's account on the host. It reads every kind, since any may be a template; it writes
    few. EndpointSlices and namespaces are for what members export: each has a namespace on the host, with a
    Lease of one name.
    """
    metadata = {"name": ACCOUNT, "namespace": NAMESPACE}
    everywhere = {"name": ACCOUNT}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        role("ClusterRole", everywhere, _rules()),
        bound("ClusterRole", everywhere, metadata),
        role("Role", metadata, [rule("", ["secrets"], _WRITE), rule(_COORDINATION, ["leases"], _WRITE)]),
        bound("Role", metadata, metadata),
    ]


def _rules() -> list[Manifest]:
    return [
        rule("*", ["*"], ["get", "list", "watch"]),
        rule("*", ["*/status"], ["patch"]),
        rule(GROUP, ["*"], _WRITE),
        rule("apps", ["controllerrevisions"], _WRITE),
        rule("discovery.k8s.io", ["endpointslices"], _WRITE),
        rule("", ["namespaces"], ["create", "patch", "delete"]),
        rule(_COORDINATION, ["leases"], ["create"]),
        rule(_COORDINATION, ["leases"], ["patch"], [SOURCE_LEASE]),
        rule("", ["events"], ["create", "patch"]),
        rule("events.k8s.io", ["events"], ["create", "patch"]),
        paths("*"),
    ]
