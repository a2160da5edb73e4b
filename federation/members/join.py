"""Joining and leaving: the account Atoll uses in a member, and the Cluster that stands for the member on
the host.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import yaml

from federation.access import aggregated, bound, paths, role, rule
from federation.kube.api import Api
from federation.kube.errors import NotFound
from federation.kube.resources import Manifest
from federation.resources import CLUSTER, CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, NAMESPACES, SECRETS
from federation.settings import NAMESPACE
from federation.setup import apply, request_token
from policies.api.meta import API_VERSION, FORCE, GROUP

FIELD_MANAGER = "atoll-join"
_INSISTS = {FORCE: "atoll unjoin"}
"""Whoever lets a cluster leave by its name means it, though it be the only one to export a Service."""
FINALIZER = f"{GROUP}/member"
ACCOUNT = "atoll"
AGGREGATE_LABEL = f"{GROUP}/aggregate-to-member"


@dataclass(frozen=True)
class Traits:
    """What a person says of a cluster when it joins."""

    labels: Mapping[str, str] = field(default_factory=dict)
    provider: str = ""
    region: str = ""
    zones: Sequence[str] = ()
    cluster_admin: bool = False


@dataclass(frozen=True)
class Address:
    """Where a member's API server is and by which CA it is known (PEM, base64; None for the system's)."""

    server: str
    ca_data: str | None = None
    tls_server_name: str | None = None
    proxy_url: str | None = None


async def join(host: Api, member: Api, name: str, address: Address, traits: Traits) -> None:
    """Make the account in the member and its Secret and Cluster on the host; run again, it renews them.

    The host's system namespace must exist: `atoll install` comes first.
    """
    for manifest in member_manifests(cluster_admin=traits.cluster_admin):
        await apply(member, manifest, manager=FIELD_MANAGER)
    if not traits.cluster_admin:
        with suppress(NotFound):
            await member.delete(CLUSTER_ROLE_BINDINGS, f"{ACCOUNT}-cluster-admin")
    token = await request_token(member, NAMESPACE, ACCOUNT)  # `atoll join` renews it
    await apply(host, _secret(name, address, token), manager=FIELD_MANAGER)
    await _put_cluster(host, _cluster(name, traits))


async def _put_cluster(host: Api, cluster: Manifest) -> None:
    """Create the Cluster, or add to it what was given this time: joining again takes nothing away."""
    name = cluster["metadata"]["name"]
    try:
        present = await host.get(CLUSTER, name, metadata_only=True)
    except NotFound:
        await host.create(CLUSTER, cluster, manager=FIELD_MANAGER)
        return
    finalizers = sorted({*present["metadata"].get("finalizers", ()), FINALIZER})
    body = {"metadata": cluster["metadata"] | {"finalizers": finalizers}, "spec": cluster["spec"]}
    await host.patch(CLUSTER, name, None, body, manager=FIELD_MANAGER)


async def leave(host: Api, name: str, *, removal: str) -> None:
    """Ask the controller to let a member go: `Delete` removes what was propagated, `Keep` leaves it.

    :raises NotFound: there is no such Cluster
    """
    body = {"metadata": {"annotations": _INSISTS}, "spec": {"removal": removal}}
    await host.patch(CLUSTER, name, None, body, manager=FIELD_MANAGER)
    await host.delete(CLUSTER, name)


async def detach(host: Api, name: str) -> None:
    """Forget a member without asking it: what runs there stays, with our label on it.

    :raises NotFound: there is no such Cluster
    """
    cluster = await host.get(CLUSTER, name)
    finalizers = [f for f in cluster["metadata"].get("finalizers") or [] if f != FINALIZER]
    body = {"metadata": {"annotations": _INSISTS, "finalizers": finalizers or None}}
    await host.patch(CLUSTER, name, None, body, manager=FIELD_MANAGER)
    with suppress(NotFound):
        await host.delete(CLUSTER, name)
    if reference := cluster["spec"].get("secretRef"):
        with suppress(NotFound):
            await host.delete(SECRETS, reference["name"], reference["namespace"])


async def forget_host(member: Api) -> None:
    """Remove from a member the account that `join` made."""
    for resource, name in (
        (CLUSTER_ROLE_BINDINGS, f"{ACCOUNT}-cluster-admin"),
        (CLUSTER_ROLE_BINDINGS, ACCOUNT),
        (CLUSTER_ROLE_BINDINGS, f"{ACCOUNT}-kinds"),
        (CLUSTER_ROLES, ACCOUNT),
        (CLUSTER_ROLES, f"{ACCOUNT}-kinds"),
        (NAMESPACES, NAMESPACE),
    ):
        with suppress(NotFound):
            await member.delete(resource, name)


def member_manifests(*, cluster_admin: bool) -> list[Manifest]:
    """Return what a member needs: namespace, account, and a role that lists groups and verbs.

    Custom resources are granted by ClusterRoles with the label `federation.atoll.dev/aggregate-to-member:
    "true"`.
    """
    metadata, kinds = {"name": ACCOUNT, "namespace": NAMESPACE}, f"{ACCOUNT}-kinds"
    manifests: list[Manifest] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        role("ClusterRole", {"name": kinds, "labels": {AGGREGATE_LABEL: "true"}}, _rules()),
        aggregated(ACCOUNT, AGGREGATE_LABEL),
        bound("ClusterRole", {"name": kinds}, metadata),
        bound("ClusterRole", {"name": ACCOUNT}, metadata),
    ]
    if cluster_admin:
        name = {"name": f"{ACCOUNT}-cluster-admin"}
        manifests.append(bound("ClusterRole", name, metadata, role_name="cluster-admin"))
    return manifests


def _rules() -> list[Manifest]:
    everything = ["get", "list", "watch", "create", "patch", "update", "delete"]
    groups = {
        "": [
            "configmaps", "secrets", "services", "serviceaccounts", "persistentvolumeclaims",
            "persistentvolumes", "limitranges", "resourcequotas", "pods", "namespaces",
        ],
        "apps": ["deployments", "statefulsets", "daemonsets", "replicasets", "controllerrevisions"],
        "apps.kruise.io": ["clonesets", "statefulsets", "daemonsets"],
        "batch": ["jobs", "cronjobs"],
        "autoscaling": ["horizontalpodautoscalers"],
        "policy": ["poddisruptionbudgets"],
        "networking.k8s.io": ["ingresses", "networkpolicies", "ingressclasses"],
        "scheduling.k8s.io": ["priorityclasses"],
        "storage.k8s.io": ["storageclasses"],
        "discovery.k8s.io": ["endpointslices"],
        "multicluster.x-k8s.io": [
            "serviceexports", "serviceexports/status", "serviceimports", "serviceimports/status",
        ],
        "about.k8s.io": ["clusterproperties"],
        "apiextensions.k8s.io": ["customresourcedefinitions"],
    }  # fmt: skip
    roles = ["roles", "rolebindings", "clusterroles", "clusterrolebindings"]
    return [
        *(rule(group, resources, everything) for group, resources in groups.items()),
        # the member still refuses what the account itself may not do
        rule("rbac.authorization.k8s.io", roles, everything),
        rule("", ["nodes"], ["get", "list", "watch"]),
        rule("networking.k8s.io", ["servicecidrs"], ["get"]),
        rule("", ["events"], ["create"]),
        rule("coordination.k8s.io", ["leases"], ["get", "create", "update"]),
        paths("/readyz", "/livez", "/version"),
    ]


def _secret_name(cluster: str) -> str:
    return f"cluster-{cluster}"


def _secret(name: str, address: Address, token: str) -> Manifest:
    cluster: dict[str, Any] = {"server": address.server}
    optional = {
        "certificate-authority-data": address.ca_data,
        "tls-server-name": address.tls_server_name,
        "proxy-url": address.proxy_url,
    }
    cluster |= {key: value for key, value in optional.items() if value}
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": ACCOUNT, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": ACCOUNT}}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": _secret_name(name), "namespace": NAMESPACE},
        "type": "Opaque",
        "data": {"kubeconfig": base64.b64encode(yaml.safe_dump(kubeconfig).encode()).decode()},
    }


def _cluster(name: str, traits: Traits) -> Manifest:
    spec: dict[str, Any] = {"secretRef": {"namespace": NAMESPACE, "name": _secret_name(name)}}
    spec |= {key: value for key, value in (("provider", traits.provider), ("region", traits.region)) if value}
    if traits.zones:
        spec["zones"] = list(traits.zones)
    metadata: dict[str, Any] = {"name": name, "finalizers": [FINALIZER]}
    if traits.labels:
        metadata["labels"] = dict(traits.labels)
    return {"apiVersion": API_VERSION, "kind": "Cluster", "metadata": metadata, "spec": spec}
