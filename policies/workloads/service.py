"""Service: a load balancer's addresses are shown together on the host."""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads import addresses
from policies.workloads.whole import ready, replicas, with_replicas
from policies.workloads.workload import Copies, Health

__all__ = ["health", "project", "ready", "replicas", "roll_up", "with_replicas"]


def project(live: Manifest) -> Manifest:
    return {"type": live["spec"].get("type", "ClusterIP"), "ingress": addresses.addresses(live)}


def health(projected: Manifest) -> Health:
    """A load balancer is healthy once it has an address; the other types are as soon as they exist."""
    return "Healthy" if projected["ingress"] or projected["type"] != "LoadBalancer" else "Progressing"


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    return addresses.roll_up(copies, previous, _with_mode)


def _with_mode(address: Manifest) -> Manifest:
    """Say it in the words of servers that know `ipMode` (1.29) and set it."""
    return {"ipMode": "VIP", **address} if "ip" in address else address
