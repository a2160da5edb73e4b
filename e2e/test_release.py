"""A new image reaches the pods of three members in steps, within the bounds, and its traces go."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.fleet import Fleet
from e2e.pods import Footage, filmed
from federation.kube.resources import Manifest, Resource
from tests.federated import (
    A_DEPLOYMENT,
    DEPLOYMENTS,
    GROUP,
    POLICIES,
    Cluster,
    condition,
    deployment,
    policy,
)

pytestmark = pytest.mark.timeout(300)

ROLLOUTS = Resource(GROUP, "v1alpha1", "rollouts", "Rollout")
ROLLOUT_POLICIES = Resource(GROUP, "v1alpha1", "rolloutpolicies", "RolloutPolicy")
OLD, NEW = "registry.example/web:1", "registry.example/web:2"
SHARES = {"m1": 5, "m2": 3, "m3": 2}


def rollout_policy(namespace: str, **strategy: Any) -> Manifest:
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "RolloutPolicy",
        "metadata": {"name": "steps", "namespace": namespace},
        "spec": {"resourceSelectors": [A_DEPLOYMENT], **strategy},
    }


def placed() -> Manifest:
    """Ten replicas as SHARES say."""
    weights = [{"targetCluster": {"clusterNames": [name]}, "weight": share} for name, share in SHARES.items()]
    return {"replicaScheduling": {"weightPreference": {"staticWeightList": weights}}}


async def begin(fleet: Fleet, namespace: str, **strategy: Any) -> dict[str, Manifest]:
    """Run the old image everywhere, governed by a strategy; the specs that the members have then."""
    await fleet.host.apply(POLICIES, policy("web", namespace, A_DEPLOYMENT, placement=placed()))
    await fleet.host.apply(ROLLOUT_POLICIES, rollout_policy(namespace, **strategy))
    await fleet.host.apply(DEPLOYMENTS, deployment("web", namespace, replicas=10, image=OLD))
    return {name: await _running(member, namespace, SHARES[name]) for name, member in fleet.members.items()}


async def _running(member: Cluster, namespace: str, pods: int) -> Manifest:
    """Wait until so many pods are ready; the spec there is then."""
    live = await member.until(
        DEPLOYMENTS, "web", namespace, lambda d: d and d.get("status", {}).get("readyReplicas") == pods
    )
    spec: Manifest = live["spec"]
    return spec


async def release(fleet: Fleet, namespace: str, image: str = NEW) -> None:
    await fleet.host.apply(DEPLOYMENTS, deployment("web", namespace, replicas=10, image=image))


def image_of(spec: Manifest) -> str:
    image: str = spec["template"]["spec"]["containers"][0]["image"]
    return image


def never_more_down(footage: Footage, allowed: int) -> None:
    assert footage.fewest_ready >= 10 - allowed, f"{10 - footage.fewest_ready} were down, {allowed} allowed"


async def test_a_release_goes_in_steps_and_leaves_no_trace(fleet: Fleet, namespace: str) -> None:
    before = await begin(
        fleet,
        namespace,
        steps=[{"updated": "10%"}, {"updated": "50%"}, {"updated": "100%"}],
        maxUnavailable=2,
    )
    async with filmed(fleet.members, namespace) as footage:
        await release(fleet, namespace)
        run = await fleet.host.until(
            ROLLOUTS, "web-1", namespace, lambda r: r and condition(r, "Completed") == "True", seconds=90
        )
    never_more_down(footage, 2)
    assert [step["target"] for step in run["status"]["steps"]] == [1, 5, 10]
    for name, member in fleet.members.items():
        live = await member.get(DEPLOYMENTS, "web", namespace)
        assert live is not None
        assert image_of(live["spec"]) == NEW
        assert live["spec"] | {"template": None} == before[name] | {"template": None}
    await fleet.kubectl("host", "-n", namespace, "rollout", "status", "deployment/web", "--timeout=30s")
