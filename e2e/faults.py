"""Faults of a fleet whose workloads fail over, and a controller that is quick to give clusters up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from e2e.fleet import Fleet, binding_of, result
from e2e.network import redirect, way_before
from e2e.ways import Way
from federation.kube.resources import Manifest
from federation.sandbox import state
from federation.sandbox.sandbox import CONTROLLER
from policies.eviction import FAILED
from tests.federated import BINDINGS, CLUSTERS, DEPLOYMENTS, POLICIES, absent, deployment, policy, selects

REPLICAS = 2
GRACE, TOLERATED = 5, 1
"""Seconds: from not ready to the taint that evicts, from that to the eviction."""
FAILS_OVER = 90.0
"""Seconds from a fault until all that fails over serves elsewhere, on a busy machine too."""
BACK = 60.0
"""Seconds until a cluster that was started is ready and its old copies are gone."""
TOLERATIONS = [
    {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": TOLERATED}
    for key in sorted(FAILED)
]


@asynccontextmanager
async def tuned(fleet: Fleet, *options: str, grace: float = GRACE) -> AsyncIterator[None]:
    """Run the controller with other options for the time of a block."""
    await fleet.restart_controller(f"--not-ready-grace={grace:g}", *options)
    try:
        await fleet.ready()
        yield
    finally:
        await fleet.stop(CONTROLLER)
        await fleet.start(CONTROLLER)
        await fleet.ready(seconds=BACK)


@asynccontextmanager
async def way_to(fleet: Fleet, cluster: str, *options: str, grace: float) -> AsyncIterator[Way]:
    """Run a tuned controller that goes to a cluster by a way of ours, for the time of a block."""
    saved = state.load(fleet.sandbox.folder)
    assert saved is not None
    async with way_before(fleet, cluster) as way:
        await redirect(fleet, cluster, {cluster: way.url})
        async with tuned(fleet, *options, grace=grace):
            try:
                yield way
            finally:
                way.heal()
                await redirect(fleet, cluster, {cluster: saved.plane(cluster).url})


async def flap(way: Way, *, away: float, period: float, seconds: float) -> None:
    """Cut a way for so many seconds of each period."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        way.cut()
        await asyncio.sleep(away)  # the fault
        way.heal()
        await asyncio.sleep(period - away)  # the time between two


async def given(
    fleet: Fleet, namespace: str, names: Sequence[str], cluster: str = "m1", **affinity: Any
) -> None:
    """Have workloads that fail over serve in one cluster, which is the first that their policy allows."""
    await govern(fleet, namespace, names, f"of-{cluster}", **affinity)
    for name in names:
        await fleet.host.apply(DEPLOYMENTS, deployment(name, namespace, replicas=REPLICAS))
    for name in names:
        await serves(fleet, namespace, name, cluster)


async def govern(fleet: Fleet, namespace: str, names: Sequence[str], title: str, **affinity: Any) -> None:
    """Apply a policy by which workloads are in one cluster, and fail over."""
    placement = {
        "clusterAffinity": affinity,
        "spreadConstraints": [{"spreadByField": "cluster", "maxGroups": 1}],
        "clusterTolerations": TOLERATIONS,
    }
    selectors = [selects("apps/v1", "Deployment", name=name) for name in names]
    failover: Manifest = {"cluster": {}}
    await fleet.host.apply(
        POLICIES, policy(title, namespace, *selectors, placement=placement, failover=failover)
    )


async def serves(fleet: Fleet, namespace: str, name: str, *clusters: str, seconds: float = BACK) -> str:
    """Wait until a workload is placed in one of these clusters alone and serves there; return which."""

    def all_ready(binding: Manifest | None) -> bool:
        placed = targets(binding)
        ready = [result(binding, name).get("ready") for name in placed if name in clusters]
        return len(placed) == 1 and ready == [REPLICAS]

    return targets(await fleet.binding(DEPLOYMENTS, name, namespace, all_ready, seconds=seconds))[0]


async def only(fleet: Fleet, namespace: str, name: str, *clusters: str) -> str:
    """Wait until a workload serves in one of these clusters, all others are rid of it, and nothing is under
    way; return which.
    """
    there = await serves(fleet, namespace, name, *clusters)
    for other in fleet.members.keys() - {there}:
        await fleet.members[other].until(DEPLOYMENTS, name, namespace, absent, seconds=BACK)
    await fleet.binding(DEPLOYMENTS, name, namespace, lambda b: not left(b), seconds=BACK)
    return await serves(fleet, namespace, name, there)


async def placed_now(fleet: Fleet, namespace: str, names: Sequence[str]) -> list[list[str]]:
    found = [await fleet.host.get(BINDINGS, binding_of(DEPLOYMENTS, name), namespace) for name in names]
    return [targets(binding) for binding in found]


async def untainted(fleet: Fleet) -> None:
    """Wait until all clusters are Ready and none has a taint."""
    await fleet.ready(seconds=BACK)
    for name in fleet.members:
        await fleet.host.until(
            CLUSTERS, name, None, lambda c: c is not None and not c["spec"].get("taints"), seconds=BACK
        )


def targets(binding: Manifest | None) -> list[str]:
    return [each["name"] for each in (binding or {}).get("spec", {}).get("clusters", [])]


def left(binding: Manifest | None) -> list[str]:
    return [each["fromCluster"] for each in (binding or {}).get("spec", {}).get("evictions", [])]
