"""How full a cluster is: what its nodes have for pods, and what its pods have asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from federation.cli.reach import pages_within, reached
from federation.kube.api import Api
from federation.kube.resources import Manifest
from federation.resources import NODES, PODS
from policies.api.cluster import Cluster
from policies.nodes import node_of
from policies.pods import pod_of

_PAGE = 500
_NOT_ENDED = {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}


@dataclass
class Usage:
    """The sums of one cluster; amounts are as in `quantities.amounts`, `pods` among them."""

    nodes: int = 0
    ready: int = 0
    pending: int = 0
    """Pods that no node was found for yet."""
    allocatable: Counter[str] = field(default_factory=Counter)
    """Of the nodes that are ready."""
    requested: Counter[str] = field(default_factory=Counter)
    """By the pods that have a node and have not ended."""

    def add_node(self, live: Manifest) -> None:
        node = node_of(live)
        self.nodes += 1
        if node.ready:
            self.ready += 1
            self.allocatable.update(node.allocatable)

    def add_pod(self, live: Manifest) -> None:
        pod = pod_of(live)
        if pod is not None and pod.node:
            self.requested.update(dict(pod.need.requests))
        elif pod is not None:
            self.pending += 1

    def share(self, resource: str) -> int | None:
        """Return how much of a resource is asked for, in percent; None where there is nothing of it."""
        there = self.allocatable[resource]
        return round(100 * self.requested[resource] / there) if there else None


async def usage_of(host: Api, cluster: Cluster, seconds: float) -> Usage:
    """Ask a cluster for its nodes and pods, of which no more than a page is held at a time.

    :param seconds: how long it has for each answer
    :raises ApiError: it gave none, for people
    """
    usage = Usage()
    async with reached(host, cluster, seconds) as api:
        for resource, selector, add in ((NODES, {}, usage.add_node), (PODS, _NOT_ENDED, usage.add_pod)):
            pages = api.list(resource, selector=selector, limit=_PAGE)
            async for page in pages_within(pages, seconds):
                for item in page.items:
                    add(item)
    return usage
