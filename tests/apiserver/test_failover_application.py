"""A workload leaves a cluster in which it fares badly, and does not come back by itself."""

from __future__ import annotations

import pytest

from policies.api.meta import Manifest
from tests.apiserver.test_leaving_clusters import ONE, left, targets
from tests.federated import (
    A_DEPLOYMENT,
    BINDINGS,
    DEPLOYMENTS,
    POLICIES,
    Cluster,
    Federated,
    absent,
    deployment,
    policy,
)

pytestmark = pytest.mark.soak
WEB = "web.deployments.apps"
FAILOVER = {"application": {"decisionConditions": {"tolerationSeconds": 2}}}


async def report(member: Cluster, shop: str, available: int) -> None:
    """Say what the controller of Deployments would: all pods are new, and so many of them serve."""
    live = await member.until(DEPLOYMENTS, "web", shop, bool)
    counted = {
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": available,
        "availableReplicas": available,
    }
    conditions = [
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", "message": ""},
        {"type": "Available", "status": str(available == 2), "reason": "X", "message": ""},
    ]
    status = {"observedGeneration": live["metadata"]["generation"], "conditions": conditions, **counted}
    await member.api.patch(
        DEPLOYMENTS, "web", shop, {"status": status}, subresource="status", manager="kubelets"
    )


def since(binding: Manifest | None) -> list[str]:
    results = (binding or {}).get("status", {}).get("clusters", [])
    return [each["unhealthySince"] for each in results if "unhealthySince" in each]


async def test_what_is_unhealthy_in_a_cluster_moves_and_returns_with_its_next_change_at_the_earliest(
    running: Federated, shop: str
) -> None:
    host, m1, m2 = running.host, running.members["m1"], running.members["m2"]
    await host.apply(POLICIES, policy("all", shop, A_DEPLOYMENT, placement=ONE, failover=FAILOVER))
    await host.apply(DEPLOYMENTS, deployment("web", shop))
    await report(m1, shop, available=2)
    await report(m1, shop, available=0)
    seen = await host.until(BINDINGS, WEB, shop, since)
    await running.stop()  # since when it is so is on the host
    await running.start()
    binding = await host.until(BINDINGS, WEB, shop, lambda b: targets(b) == ["m2"])
    (eviction,) = binding["spec"]["evictions"]
    assert eviction["reason"] == "ApplicationUnhealthy"
    assert eviction["message"] == f"it is unhealthy in cluster m1 since {since(seen)[0]}"
    await m2.until(DEPLOYMENTS, "web", shop, bool)
    assert await m1.get(DEPLOYMENTS, "web", shop)  # until the others are healthy
    await report(m2, shop, available=2)
    await m1.until(DEPLOYMENTS, "web", shop, absent)
    assert left(await host.get(BINDINGS, WEB, shop)) == ["m1"]
    await host.apply(DEPLOYMENTS, deployment("web", shop, image="nginx:1.28"))
    await host.until(BINDINGS, WEB, shop, lambda b: not left(b) and targets(b) == ["m2"])
    await host.delete(POLICIES, "all", shop)
