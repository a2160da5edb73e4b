"""The scenarios of what a workload needs: it comes with it, and goes with the last."""

from __future__ import annotations

from federation.kube.resources import Manifest
from tests.crash.harness import Scenario
from tests.crash.state import State
from tests.crash.world import World
from tests.federated import (
    CONFIGMAPS,
    DEPLOYMENTS,
    POLICIES,
    condition,
    configmap,
    deployment,
    policy,
    selects,
)

BINDING = "resourcebindings/settings.configmaps"


def _policy(name: str, namespace: str, cluster: str) -> Manifest:
    placement = {"clusterAffinity": {"clusterNames": [cluster]}}
    selector = selects("apps/v1", "Deployment", name=name)
    return policy(name, namespace, selector, propagateDeps=True, placement=placement)


async def _deploy(world: World, namespace: str, name: str) -> None:
    manifest = deployment(name, namespace)
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    await world.host.apply(DEPLOYMENTS, manifest)


async def _on_m1(world: World, namespace: str) -> None:
    await world.host.apply(POLICIES, _policy("web", namespace, "m1"))
    await world.host.apply(CONFIGMAPS, configmap("settings", namespace, color="red"))
    await _deploy(world, namespace, "web")


async def _on_both(world: World, namespace: str) -> None:
    await world.host.apply(POLICIES, _policy("api", namespace, "m2"))
    await _deploy(world, namespace, "api")
    await _on_m1(world, namespace)


async def _move(world: World, namespace: str) -> None:
    await world.host.apply(POLICIES, _policy("web", namespace, "m2"))


async def _delete(world: World, namespace: str) -> None:
    await world.host.delete(DEPLOYMENTS, "web", namespace)


def _is_on(state: State, *clusters: str) -> None:
    for cluster in ("m1", "m2"):
        assert ("configmaps/settings" in state[cluster]) == (cluster in clusters)
    live = state["host"][BINDING]
    assert [target["name"] for target in live["spec"]["clusters"]] == list(clusters)
    assert condition(live, "Applied") == "True"


def _expect_moved(state: State) -> None:
    _is_on(state, "m2")
    assert "deployments/web" in state["m2"]


def _expect_other(state: State) -> None:
    _is_on(state, "m2")
    assert "resourcebindings/web.deployments.apps" not in state["host"]


def _expect_nothing(state: State) -> None:
    assert "configmaps/settings" in state["host"]
    assert BINDING not in state["host"]
    assert "resourcebindings/web.deployments.apps" not in state["host"]
    for cluster in ("m1", "m2"):
        assert set(state[cluster]) <= {"namespaces/NS"}


LAST = Scenario("the last workload that needs it is deleted", _on_m1, _delete, _expect_nothing)
SCENARIOS = (
    LAST,
    Scenario("one of two workloads that need it is deleted", _on_both, _delete, _expect_other),
    Scenario("a workload moves with what it needs", _on_m1, _move, _expect_moved),
)
