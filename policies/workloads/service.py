"""Service: a load balancer's addresses are shown together on the host."""

from __future__ import annotations

import json
from collections.abc import Iterable

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
    shown = (previous.get("loadBalancer") or {}).get("ingress") or []
    lives = [copy.live for copy in copies.values() if copy.live is not None]
    addresses = _distinct(address for live in lives for address in live["ingress"])
    if not addresses and not shown:
        return None
    if addresses == _distinct(shown):
        return previous
    return previous | {"loadBalancer": {"ingress": addresses} if addresses else {}}


def _distinct(addresses: Iterable[Manifest]) -> list[Manifest]:
    """Sort addresses and drop doubles, in the words of servers that know `ipMode` (1.29) and set it."""
    said = [{"ipMode": "VIP", **address} if "ip" in address else address for address in addresses]
    distinct = {
        (each.get("ip", ""), each.get("hostname", ""), json.dumps(each, sort_keys=True)): each
        for each in said
    }
    return [distinct[key] for key in sorted(distinct)]
