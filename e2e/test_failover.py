"""A cluster is lost for minutes, or drained: its workloads run elsewhere, and nothing is lost on the way."""

from __future__ import annotations

import logging
import time

import pytest

from e2e.fleet import Fleet
from federation.kube.resources import Manifest
from federation.sandbox.sandbox import CONTROLLER
from policies.api.meta import GROUP
from tests.federated import (
    A_DEPLOYMENT,
    CLUSTERS,
    DEPLOYMENTS,
    POLICIES,
    absent,
    deployment,
    policy,
)

pytestmark = [pytest.mark.soak, pytest.mark.timeout(500)]
log = logging.getLogger(__name__)

WORKLOADS = [f"web-{number}" for number in range(4)]
GRACE, TOLERATED, PACE = 40.0, 5.0, 2.0
"""Seconds: from not ready to the taint, from the taint to the eviction, from one eviction to the next."""
SLACK = 60.0
"""Seconds beside these that a busy machine may take."""
SPREAD = {
    "spreadConstraints": [{"spreadByField": "cluster", "maxGroups": 2}],
    "replicaScheduling": {"replicaSchedulingType": "Divided"},
    "clusterTolerations": [
        {
            "key": f"{GROUP}/unreachable",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": int(TOLERATED),
        }
    ],
}


async def test_what_a_lost_cluster_had_runs_elsewhere_though_the_controller_is_killed_amid_it(
    fleet: Fleet, namespace: str
) -> None:
    failover: Manifest = {"cluster": {}}
    await fleet.host.apply(
        POLICIES, policy("spread", namespace, A_DEPLOYMENT, placement=SPREAD, failover=failover)
    )
    for name in WORKLOADS:
        await fleet.host.apply(DEPLOYMENTS, deployment(name, namespace, replicas=4))
        await runs(fleet, name, namespace, ["m1", "m2"])
    lost = time.monotonic()
    async with fleet.outage("m1"):
        limit = GRACE + TOLERATED + PACE * len(WORKLOADS) + SLACK
        await moved(fleet, WORKLOADS[0], namespace, limit)
        log.info("the first is placed anew after %.0f s", time.monotonic() - lost)
        fleet.kill_controller()
        await fleet.start(CONTROLLER)
        for name in WORKLOADS:
            await moved(fleet, name, namespace, limit)
            await runs(fleet, name, namespace, ["m2", "m3"], limit)
        log.info("all serve elsewhere after %.0f s", time.monotonic() - lost)
    await fleet.ready()
    back = time.monotonic()
    for name in WORKLOADS:
        await fleet.members["m1"].until(DEPLOYMENTS, name, namespace, absent, seconds=SLACK)
        binding = await fleet.binding(DEPLOYMENTS, name, namespace, lambda b: not left(b))
        assert targets(binding) == ["m2", "m3"]
    log.info("its old copies are gone %.0f s after it is ready", time.monotonic() - back)


async def test_a_cluster_is_drained_and_what_it_had_runs_elsewhere(fleet: Fleet, namespace: str) -> None:
    await fleet.host.apply(POLICIES, policy("spread", namespace, A_DEPLOYMENT, placement=SPREAD))
    await fleet.host.apply(DEPLOYMENTS, deployment("web", namespace, replicas=4))
    await runs(fleet, "web", namespace, ["m1", "m2"])
    try:
        said = await fleet.atoll("drain", "m1", "--timeout", "100")
        assert said.endswith("cluster/m1 drained: 1 left\n")
        await fleet.members["m1"].until(DEPLOYMENTS, "web", namespace, absent)
        await runs(fleet, "web", namespace, ["m2", "m3"])
    finally:
        await fleet.atoll("uncordon", "m1")
    cluster = await fleet.host.get(CLUSTERS, "m1")
    assert cluster is not None
    assert not cluster["spec"].get("taints")


async def moved(fleet: Fleet, name: str, namespace: str, seconds: float) -> None:
    await fleet.binding(DEPLOYMENTS, name, namespace, lambda b: targets(b) == ["m2", "m3"], seconds=seconds)


async def runs(fleet: Fleet, name: str, namespace: str, clusters: list[str], seconds: float = SLACK) -> None:
    """Wait until all replicas serve in these clusters."""

    def serves(binding: Manifest | None) -> bool:
        results = (binding or {}).get("status", {}).get("clusters", [])
        ready = {each["name"]: each.get("ready") for each in results}
        return sorted(ready) == clusters and sum(each or 0 for each in ready.values()) == 4

    await fleet.binding(DEPLOYMENTS, name, namespace, serves, seconds=seconds)


def targets(binding: Manifest | None) -> list[str]:
    return [each["name"] for each in (binding or {}).get("spec", {}).get("clusters", [])]


def left(binding: Manifest | None) -> list[str]:
    return [each["fromCluster"] for each in (binding or {}).get("spec", {}).get("evictions", [])]
