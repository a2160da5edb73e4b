"""Ingress (networking.k8s.io): the addresses of all clusters are shown together on the host."""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads import addresses
from policies.workloads.whole import ready, replicas, with_replicas
from policies.workloads.workload import Copies, Health

__all__ = ["health", "project", "ready", "replicas", "roll_up", "with_replicas"]


def project(live: Manifest) -> Manifest:
    return {"ingress": addresses.addresses(live)}


def health(projected: Manifest) -> Health:
    """Healthy once its controller gave it an address."""
    return "Healthy" if projected["ingress"] else "Progressing"


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    return addresses.roll_up(copies, previous)
