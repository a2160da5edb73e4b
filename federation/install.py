"""What `atoll install` puts on a host: namespace, kinds, roles, standing rules and, where it is known how to
reach them, the webhook configurations.
"""

from __future__ import annotations

import asyncio
from typing import Any

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
_RBAC = "rbac.authorization.k8s.io/v1"


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
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}
    anything = ["get", "list", "watch"]
    writes = ["create", "patch", "update", "delete"]
    rules = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": anything},
        {"apiGroups": ["*"], "resources": ["*/status"], "verbs": ["patch"]},
        {"apiGroups": [GROUP], "resources": ["*"], "verbs": writes},
        {"apiGroups": ["apps"], "resources": ["controllerrevisions"], "verbs": writes},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": writes},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["create", "patch", "delete"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": [SOURCE_LEASE],
            "verbs": ["patch"],
        },
        {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
        {"nonResourceURLs": ["*"], "verbs": ["get"]},
    ]
    secrets = [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": writes},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": writes},
    ]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": NAMESPACE}},
        {"apiVersion": _RBAC, "kind": "ClusterRole", "metadata": {"name": ACCOUNT}, "rules": rules},
        {
            "apiVersion": _RBAC,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": ACCOUNT},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT},
            "subjects": [subject],
        },
        {
            "apiVersion": _RBAC,
            "kind": "Role",
            "metadata": {"name": ACCOUNT, "namespace": NAMESPACE},
            "rules": secrets,
        },
        {
            "apiVersion": _RBAC,
            "kind": "RoleBinding",
            "metadata": {"name": ACCOUNT, "namespace": NAMESPACE},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT},
            "subjects": [subject],
        },
    ]
