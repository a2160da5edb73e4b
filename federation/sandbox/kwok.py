"""The nodes of a member: Node objects that kwok plays, and the stages their pods go through (stages.yaml)."""

from __future__ import annotations

from http import HTTPStatus
from importlib.resources import files
from typing import Any

from federation.sandbox.endpoint import Endpoint
from federation.sandbox.errors import ComponentFailed
from federation.sandbox.plane import Plane
from federation.sandbox.versions import KUBERNETES, KWOK

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_NODE_INFO = {
    "architecture": "amd64",
    "operatingSystem": "linux",
    "kubeletVersion": f"v{KUBERNETES}",
    "kubeProxyVersion": "",
    "containerRuntimeVersion": f"kwok://{KWOK}",
    "osImage": "kwok",
    "kernelVersion": "kwok",
    "bootID": "",
    "machineID": "",
    "systemUUID": "",
}
_ALLOCATABLE = {"cpu": "1000", "memory": "4Ti", "ephemeral-storage": "10Ti", "pods": "10000"}


def stages() -> str:
    """The stages as kwok reads them."""
    return (files("federation.sandbox") / "stages.yaml").read_text()


def nodes(plane: Plane) -> list[dict[str, Any]]:
    """One node in each zone of the member, with pod and node addresses of its own."""
    return [_node(plane, number, zone) for number, zone in enumerate(plane.zones, start=1)]


def _node(plane: Plane, number: int, zone: str) -> dict[str, Any]:
    name = f"{plane.name}-node-{number}"
    pods = f"10.{plane.index % 256}.{number}.0/24"
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": plane.region,
        "topology.kubernetes.io/zone": zone,
        "node.kubernetes.io/instance-type": "kwok",
    }
    addresses = [
        {"type": "InternalIP", "address": f"192.168.{plane.index % 256}.{number}"},
        {"type": "Hostname", "address": name},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"podCIDR": pods, "podCIDRs": [pods]},
        "status": {
            "allocatable": _ALLOCATABLE,
            "capacity": _ALLOCATABLE,
            "addresses": addresses,
            "nodeInfo": _NODE_INFO,
        },
    }


def register_nodes(endpoint: Endpoint, plane: Plane) -> None:
    """Create the nodes that are missing."""
    for node in nodes(plane):
        answer = endpoint.request("POST", "/api/v1/nodes", node)
        if answer.status not in (HTTPStatus.CREATED, HTTPStatus.CONFLICT):
            name = node["metadata"]["name"]
            raise ComponentFailed(f"{plane.name}: node {name} could not be created: {answer.text}")


def release_leases(endpoint: Endpoint) -> None:
    """Forget the node leases of a kwok that is gone; a new one would wait up to 40 seconds for their end."""
    endpoint.request("DELETE", _LEASES)


def nodes_are_ready(endpoint: Endpoint, plane: Plane) -> bool:
    """Whether every node of the member says that it is Ready."""
    found = endpoint.request("GET", "/api/v1/nodes").manifest.get("items", [])
    return len(found) >= len(plane.zones) and all(_is_ready(node) for node in found)


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
