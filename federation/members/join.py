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

from federation.install import apply, request_token
from federation.kube.api import Api
from federation.kube.errors import NotFound
from federation.kube.resources import Manifest, Resource
from federation.settings import NAMESPACE
from policies.api.meta import API_VERSION, GROUP

FIELD_MANAGER = "atoll-join"
FINALIZER = f"{GROUP}/member"
ACCOUNT = "atoll"
AGGREGATE_LABEL = f"{GROUP}/aggregate-to-member"
CLUSTER = Resource(GROUP, "v1alpha1", "clusters", "Cluster", False)
SECRETS = Resource("", "v1", "secrets", "Secret")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False)
ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False)
BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", False)
_RBAC = "rbac.authorization.k8s.io/v1"


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
        await apply(member, manifest)
    if not traits.cluster_admin:
        with suppress(NotFound):
            await member.delete(BINDINGS, f"{ACCOUNT}-cluster-admin")
    token = await request_token(member, NAMESPACE, ACCOUNT)  # `atoll join` renews it
    await apply(host, _secret(name, address, token))
    await host.apply(CLUSTER, _cluster(name, traits), manager=FIELD_MANAGER)


async def leave(host: Api, name: str, *, removal: str) -> None:
    """Ask the controller to let a member go: `Delete` removes what was propagated, `Keep` leaves it.

    :raises NotFound: there is no such Cluster
    """
    await host.patch(CLUSTER, name, None, {"spec": {"removal": removal}}, manager=FIELD_MANAGER)
    await host.delete(CLUSTER, name)


async def detach(host: Api, name: str) -> None:
    """Forget a member without asking it: what runs there stays, with our label on it.

    :raises NotFound: there is no such Cluster
    """
    cluster = await host.get(CLUSTER, name)
    finalizers = [f for f in cluster["metadata"].get("finalizers") or [] if f != FINALIZER]
    body = {"metadata": {"finalizers": finalizers or None}}
    await host.patch(CLUSTER, name, None, body, manager=FIELD_MANAGER)
    with suppress(NotFound):
        await host.delete(CLUSTER, name)
    with suppress(NotFound):
        await host.delete(SECRETS, _secret_name(name), NAMESPACE)


async def forget_host(member: Api) -> None:
    """Remove from a member the account that `join` made."""
    for resource, name in (
        (BINDINGS, f"{ACCOUNT}-cluster-admin"),
        (BINDINGS, ACCOUNT),
        (BINDINGS, f"{ACCOUNT}-kinds"),
        (ROLES, ACCOUNT),
        (ROLES, f"{ACCOUNT}-kinds"),
        (NAMESPACES, NAMESPACE),
    ):
        with suppress(NotFound):
            await member.delete(resource, name)


def member_manifests(*, cluster_admin: bool) -> list[Manifest]:
    """Return what a member needs: namespace, account, and a role that lists groups and verbs.

    Custom resources are granted by ClusterRoles with the label `federation.atoll.dev/aggregate-to-member:
    "true"`.
    """
    metadata = {"name": ACCOUNT, "namespace": NAMESPACE}
    manifests: list[Manifest] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": _RBAC,
            "kind": "ClusterRole",
            "metadata": {"name": f"{ACCOUNT}-kinds", "labels": {AGGREGATE_LABEL: "true"}},
            "rules": _rules(),
        },
        {
            "apiVersion": _RBAC,
            "kind": "ClusterRole",
            "metadata": {"name": ACCOUNT},
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {AGGREGATE_LABEL: "true"}}]},
        },
        _binding(f"{ACCOUNT}-kinds", f"{ACCOUNT}-kinds"),
        _binding(ACCOUNT, ACCOUNT),
    ]
    if cluster_admin:
        manifests.append(_binding(f"{ACCOUNT}-cluster-admin", "cluster-admin"))
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
        "apiextensions.k8s.io": ["customresourcedefinitions"],
    }  # fmt: skip
    rules: list[Manifest] = [
        {"apiGroups": [group], "resources": resources, "verbs": everything}
        for group, resources in groups.items()
    ]
    rules.append(
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["roles", "rolebindings", "clusterroles", "clusterrolebindings"],
            "verbs": everything,  # the member still refuses what the account itself may not do
        }
    )
    rules.append({"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]})
    rules.append({"nonResourceURLs": ["/readyz", "/livez", "/version"], "verbs": ["get"]})
    return rules


def _binding(name: str, role: str) -> Manifest:
    return {
        "apiVersion": _RBAC,
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
    }


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
