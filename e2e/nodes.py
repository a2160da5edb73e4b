"""Nodes that come to a member and go again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from e2e.pods import PODS
from federation.kube.resources import Manifest, Resource
from tests.federated import Cluster

NODES = Resource("", "v1", "nodes", "Node", False)


@asynccontextmanager
async def another_node(cluster: str, member: Cluster, name: str) -> AsyncIterator[None]:
    """A node like the first of a member, for the time of a block; in the end its pods go with it."""
    await member.api.create(
        NODES, _like(await member.api.get(NODES, f"{cluster}-node-1"), name), manager="e2e"
    )
    try:
        yield
    finally:
        await member.delete(NODES, name)
        on_it: dict[str, Any] = {"fieldSelector": f"spec.nodeName={name}"}
        async for page in member.api.list(PODS, selector=on_it):
            for pod in page.items:
                path = PODS.path(pod["metadata"]["namespace"], pod["metadata"]["name"])
                await member.api.request("DELETE", path, body={"gracePeriodSeconds": 0})


def _like(node: Manifest, name: str) -> Manifest:
    labels = node["metadata"]["labels"] | {"kubernetes.io/hostname": name}
    status = {field: node["status"][field] for field in ("allocatable", "capacity", "nodeInfo")}
    address = {"type": "Hostname", "address": name}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"podCIDR": "10.255.0.0/24", "podCIDRs": ["10.255.0.0/24"]},
        "status": status | {"addresses": [address]},
    }
