"""Service: a load balancer's addresses are shown together on the host."""

from __future__ import annotations

import json

from policies.api.meta import Manifest
from policies.workloads.whole import ready, replicas, with_replicas
from policies.workloads.workload import Copies, Health

__all__ = ["health", "project", "ready", "replicas", "roll_up", "with_replicas"]


def project(live: Manifest) -> Manifest:
    balancer = (live.get("status") or {}).get("loadBalancer") or {}
    return {"type": live["spec"].get("type", "ClusterIP"), "ingress": balancer.get("ingress") or []}


def health(projected: Manifest) -> Health:
    """A load balancer is healthy once it has an address; the other types are as soon as they exist."""
    return "Healthy" if projected["ingress"] or projected["type"] != "LoadBalancer" else "Progressing"


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    """Return the union of the clusters' addresses, in a fixed order."""
    lives = [copy.live for copy in copies.values() if copy.live is not None]
    union = {json.dumps(address, sort_keys=True): address for live in lives for address in live["ingress"]}
    if not union and not (previous.get("loadBalancer") or {}).get("ingress"):
        return None
    ordered = sorted(
        union.items(), key=lambda item: (item[1].get("ip", ""), item[1].get("hostname", ""), item[0])
    )
    balancer = {"ingress": [address for _, address in ordered]} if ordered else {}
    return previous | {"loadBalancer": balancer}
