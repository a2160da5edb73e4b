"""What setting up a host and setting up a member have in common."""

from __future__ import annotations

from contextlib import suppress

from federation.kube.api import Api
from federation.kube.errors import NotFound
from federation.kube.resources import Manifest
from federation.kube.served import CRDS
from federation.resources import (
    ADMISSION_BINDINGS,
    ADMISSION_POLICIES,
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    DEPLOYMENTS,
    NAMESPACES,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    WEBHOOKS,
)

TOKEN_SECONDS = 365 * 24 * 3600
_BY_KIND = {
    resource.kind: resource
    for resource in (
        ADMISSION_BINDINGS,
        ADMISSION_POLICIES,
        CLUSTER_ROLES,
        CLUSTER_ROLE_BINDINGS,
        CRDS,
        DEPLOYMENTS,
        NAMESPACES,
        ROLES,
        ROLE_BINDINGS,
        SECRETS,
        SERVICE_ACCOUNTS,
        WEBHOOKS,
    )
}


async def apply(api: Api, manifest: Manifest, *, manager: str) -> None:
    """Apply an object of one of the kinds that setting up needs."""
    await api.apply(_BY_KIND[manifest["kind"]], manifest, manager=manager)


async def remove(api: Api, manifest: Manifest) -> None:
    """Delete an object of one of these kinds, if it is there."""
    metadata = manifest["metadata"]
    with suppress(NotFound):
        await api.delete(_BY_KIND[manifest["kind"]], metadata["name"], metadata.get("namespace"))


async def host_id_of(api: Api) -> str:
    """Derive the id of a host: the first 12 hex digits of the UID of its kube-system namespace."""
    system = await api.get(NAMESPACES, "kube-system", metadata_only=True)
    return str(system["metadata"]["uid"]).replace("-", "")[:12]


async def request_token(api: Api, namespace: str, account: str) -> str:
    """Ask for a token of a ServiceAccount that is good for a year (TokenRequest, KEP-1205).

    :raises NotFound: there is no such account
    """
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": TOKEN_SECONDS},
    }
    answer = await api.request("POST", path, body=body)
    return str(answer["status"]["token"])
