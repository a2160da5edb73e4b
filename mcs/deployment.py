"""What an agent in a member needs there: an account with its rights, the way to the host, and a Deployment.

The rights are those of services.md 4.9b c. Kubernetes can't limit them to objects of ours: the code does.
"""

from __future__ import annotations

import base64
from typing import Any

from federation.access import bound, role, rule
from federation.kube.api import Api
from federation.kube.resources import Manifest
from federation.settings import NAMESPACE
from federation.setup import apply, remove
from mcs.names import AGENT

FIELD_MANAGER = "atoll-join"
METRICS_PORT = 8080
_FOLDER = "/etc/atoll/host"
_READ, _WRITE = ["get", "list", "watch"], ["create", "patch", "delete"]
_METADATA = {"name": AGENT, "namespace": NAMESPACE}


async def deploy(member: Api, manifests: list[Manifest]) -> None:
    """Apply what `agent_manifests` returned; done again, it renews the credential without a restart."""
    for manifest in manifests:
        await apply(member, manifest, manager=FIELD_MANAGER)


async def end_agent(member: Api) -> None:
    """Have the agent's pods end; one that runs otherwise is not ended by it."""
    await remove(member, _deployment("", ""))


async def remove_agent(member: Api) -> None:
    """Remove all of it but the namespace."""
    for manifest in reversed(agent_manifests("", b"", "", "")):
        if manifest["kind"] != "Namespace":
            await remove(member, manifest)


def agent_manifests(cluster: str, kubeconfig: bytes, token: str, image: str | None) -> list[Manifest]:
    """Return what is applied in a member, in order.

    :param kubeconfig: the way to the host, with the token in the file `token` beside it
    :param image: None: no Deployment, the agent is run in another way
    """
    secret = {"kubeconfig": kubeconfig, "token": token.encode()}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _METADATA},
        role("ClusterRole", {"name": AGENT}, _rules()),
        bound("ClusterRole", {"name": AGENT}, _METADATA),
        role("Role", _METADATA, [rule("coordination.k8s.io", ["leases"], ["get", "create", "update"])]),
        bound("Role", _METADATA, _METADATA),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"{AGENT}-host", "namespace": NAMESPACE},
            "type": "Opaque",
            "data": {name: base64.b64encode(value).decode() for name, value in secret.items()},
        },
        *([_deployment(cluster, image)] if image is not None else []),
    ]


def _rules() -> list[Manifest]:
    ours = "multicluster.x-k8s.io"
    return [
        rule("", ["namespaces", "nodes"], _READ),
        rule("", ["services"], _READ + _WRITE),
        rule("discovery.k8s.io", ["endpointslices"], _READ + _WRITE),
        rule(ours, ["serviceexports", "serviceimports"], _READ + _WRITE),
        rule(ours, ["serviceexports/status", "serviceimports/status"], ["patch"]),
        rule("networking.k8s.io", ["servicecidrs"], ["get"]),
        rule("", ["events"], ["create"]),
    ]


def _deployment(cluster: str, image: str) -> Manifest:
    labels = {"app.kubernetes.io/name": AGENT}
    pod = {
        "serviceAccountName": AGENT,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(cluster, image)],
        "volumes": [{"name": "host", "secret": {"secretName": f"{AGENT}-host"}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**_METADATA, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _container(cluster: str, image: str) -> dict[str, Any]:
    pod_name = {"fieldRef": {"fieldPath": "metadata.name"}}
    return {
        "name": "agent",
        "image": image,
        "command": ["atoll", "mcs"],
        "args": [
            f"--cluster={cluster}",
            f"--host-kubeconfig={_FOLDER}/kubeconfig",
            "--metrics-address=0.0.0.0",
            f"--metrics-port={METRICS_PORT}",
        ],
        "env": [{"name": "POD_NAME", "valueFrom": pod_name}],
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT}],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "metrics"}},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "metrics"}},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "host", "mountPath": _FOLDER, "readOnly": True}],
    }
