"""The credential by which an agent in a member reaches the host: services.md 4.9b d.

It writes in the cluster's own namespace and its own SourceState, and reads what clusters export; a member
that was broken into can lie of itself only (I23). Its token is that of a Secret and does not run out: one
with an end must be renewed at the host before it, which an outage may outlast. It is taken back with its
account, which lives in the namespace that goes when the cluster leaves.
"""

from __future__ import annotations

import asyncio
import base64

import yaml

from federation.access import bound, role, rule
from federation.kube.api import Api
from federation.kube.errors import ApiError
from federation.kube.resources import Manifest
from federation.members.join import Address
from federation.resources import CLUSTER, SECRETS
from federation.settings import NAMESPACE
from federation.setup import apply, remove
from mcs.names import AGENT, SOURCE_CLUSTER, host_namespace
from policies.api.meta import API_VERSION, GROUP

FIELD_MANAGER = "atoll-join"
_READ, _WRITE = ["get", "list", "watch"], ["create", "patch", "delete"]


async def grant(host: Api, cluster: str, *, deadline: float = 15.0) -> str:
    """Make the account of a cluster's agent and return its token; done again, it changes nothing.

    :param deadline: seconds that the host has to fill in the token
    :raises NotFound: there is no such Cluster
    """
    uid = (await host.get(CLUSTER, cluster, metadata_only=True))["metadata"]["uid"]
    for manifest in host_manifests(cluster, uid):
        await apply(host, manifest, manager=FIELD_MANAGER)
    space = host_namespace(cluster)
    try:
        async with asyncio.timeout(deadline):
            while not (data := (await host.get(SECRETS, AGENT, space)).get("data") or {}).get("token"):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise ApiError(
            f"the host put no token into Secret {space}/{AGENT} within {deadline:.0f} s; see whether its "
            "kube-controller-manager runs the controller serviceaccount-token"
        ) from None
    return base64.b64decode(data["token"]).decode()


async def revoke(host: Api, cluster: str) -> None:
    """Take the account back; what the cluster exported stays."""
    for manifest in reversed(host_manifests(cluster, "")):
        if manifest["kind"] != "Namespace":
            await remove(host, manifest)


def kubeconfig(address: Address) -> bytes:
    """Return the way to the host, for a file beside one called `token`, which is read again as it changes."""
    cluster = {
        "server": address.server,
        "certificate-authority-data": address.ca_data,
        "tls-server-name": address.tls_server_name,
        "proxy-url": address.proxy_url,
    }
    value = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "host",
        "clusters": [{"name": "host", "cluster": {k: v for k, v in cluster.items() if v}}],
        "users": [{"name": AGENT, "user": {"tokenFile": "token"}}],
        "contexts": [{"name": "host", "context": {"cluster": "host", "user": AGENT}}],
    }
    return yaml.safe_dump(value).encode()


def host_manifests(cluster: str, uid: str) -> list[Manifest]:
    """Return what is applied on the host, in order.

    :param uid: that of the Cluster; what lies outside the cluster's namespace goes with it
    """
    space = host_namespace(cluster)
    at_home = {"name": AGENT, "namespace": space}
    owner = {"apiVersion": API_VERSION, "kind": "Cluster", "name": cluster, "uid": uid}
    everywhere = {"name": f"{AGENT}-{cluster}", "ownerReferences": [owner]}
    in_system = everywhere | {"namespace": NAMESPACE}
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": space, "labels": {SOURCE_CLUSTER: cluster}},
        },
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": at_home},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": at_home | {"annotations": {"kubernetes.io/service-account.name": AGENT}},
            "type": "kubernetes.io/service-account-token",
        },
        role("Role", at_home, _own()),
        bound("Role", at_home, at_home),
        role("Role", in_system, [_own_state(cluster)]),
        bound("Role", in_system, at_home),
        role("ClusterRole", everywhere, _of_all()),
        bound("ClusterRole", everywhere, at_home),
    ]


def _own() -> list[Manifest]:
    """In the cluster's own namespace."""
    return [
        rule(GROUP, ["clusterexports"], _WRITE),
        rule("discovery.k8s.io", ["endpointslices"], _WRITE),
        rule("coordination.k8s.io", ["leases"], ["create", "patch", "update"]),
    ]


def _own_state(cluster: str) -> Manifest:
    """An apply names what it creates, so the name counts for that, too; a POST does not, and is refused."""
    return rule(GROUP, ["sourcestates"], ["create", "patch"], [cluster])


def _of_all() -> list[Manifest]:
    """Roles can't choose namespaces by name, so this is of all: slices of the host's own are read, too."""
    return [
        rule(GROUP, ["clusterexports", "servicesets", "sourcestates", "multiclusterservices"], _READ),
        rule("discovery.k8s.io", ["endpointslices"], _READ),
        rule("coordination.k8s.io", ["leases"], _READ),
        rule(GROUP, ["clusters"], _READ),
    ]
