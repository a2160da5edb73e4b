"""Addresses: the load balancers of all clusters, shown together in the template's `status.loadBalancer`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from policies.api.meta import Manifest
from policies.workloads.workload import Copies


def addresses(live: Manifest) -> list[Manifest]:
    """Return where a live object can be reached, as its status says."""
    balancer = (live.get("status") or {}).get("loadBalancer") or {}
    found: list[Manifest] = balancer.get("ingress") or []
    return found


def roll_up(
    copies: Copies, previous: Manifest, stored: Callable[[Manifest], Manifest] = lambda address: address
) -> Manifest | None:
    """Return the status with the union of the clusters' addresses, in a fixed order.

    :param copies: their projections have the addresses in `ingress`.
    :param stored: returns an address as the host's API server stores it.
    """
    shown = (previous.get("loadBalancer") or {}).get("ingress") or []
    lives = [copy.live for copy in copies.values() if copy.live is not None]
    union = _distinct(stored(address) for live in lives for address in live["ingress"])
    if not union and not shown:
        return None
    if union == _distinct(map(stored, shown)):
        return previous
    return previous | {"loadBalancer": {"ingress": union} if union else {}}


def _distinct(each: Iterable[Manifest]) -> list[Manifest]:
    """Sort addresses and drop doubles."""
    distinct = {
        (address.get("ip", ""), address.get("hostname", ""), json.dumps(address, sort_keys=True)): address
        for address in each
    }
    return [distinct[key] for key in sorted(distinct)]
