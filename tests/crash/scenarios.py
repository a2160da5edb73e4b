"""The scenarios of propagation: what a user does, and what must be in the clusters in the end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from federation.kube.errors import NotFound
from federation.kube.ownership import entry
from federation.kube.resources import Manifest
from federation.members.autoscalers import AUTOSCALERS
from federation.members.join import detach, leave
from policies.copies import FIELD_MANAGER
from tests.crash.harness import Scenario
from tests.crash.state import State
from tests.crash.tap import Written
from tests.crash.world import World
from tests.federated import (
    CONFIGMAPS,
    DEPLOYMENTS,
    GROUP,
    OVERRIDES,
    POLICIES,
    autoscaler,
    condition,
    deployment,
    join_member,
    policy,
    selects,
)

OLD, NEW = "nginx:1.27", "nginx:1.28"
SCALED = 6
"""Replicas that an autoscaler comes to."""


def _configmap(namespace: str) -> Manifest:
    metadata = {"name": "settings", "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"color": "red", "size": "2"},
    }


def _override(namespace: str, color: str) -> Manifest:
    """The color of the ConfigMap, and nothing else, differs in m2."""
    overriders = {"plaintext": [{"path": "/data/color", "operator": "replace", "value": color}]}
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "OverridePolicy",
        "metadata": {"name": "colors", "namespace": namespace},
        "spec": {
            "resourceSelectors": [selects("v1", "ConfigMap")],
            "overrideRules": [{"targetCluster": {"clusterNames": ["m2"]}, "overriders": overriders}],
        },
    }


def _policy(namespace: str, *clusters: str) -> Manifest:
    selectors = selects("apps/v1", "Deployment"), selects("v1", "ConfigMap")
    return policy(
        "all", namespace, *selectors, placement={"clusterAffinity": {"clusterNames": list(clusters)}}
    )


def _policy_of_deployments(namespace: str, cluster: str) -> Manifest:
    placement = {"clusterAffinity": {"clusterNames": [cluster]}}
    return policy("moving", namespace, selects("apps/v1", "Deployment"), placement=placement)


async def _nothing(world: World, namespace: str) -> None: ...


async def _create(world: World, namespace: str) -> None:
    await world.host.apply(POLICIES, _policy(namespace, "m1", "m2"))
    await world.host.apply(OVERRIDES, _override(namespace, "blue"))
    await world.host.apply(DEPLOYMENTS, deployment("web", namespace, image=OLD))
    await world.host.apply(CONFIGMAPS, _configmap(namespace))


async def _create_on_m1(world: World, namespace: str) -> None:
    """The Deployment alone is on m1 only: what it leaves behind in m2 must not depend on the way."""
    await world.host.apply(POLICIES, _policy_of_deployments(namespace, "m1"))
    everywhere = policy("everywhere", namespace, selects("v1", "ConfigMap"))
    await world.host.apply(POLICIES, everywhere)
    await world.host.apply(CONFIGMAPS, _configmap(namespace))
    await world.host.apply(DEPLOYMENTS, deployment("web", namespace, image=OLD))


async def _update(world: World, namespace: str) -> None:
    await world.host.apply(DEPLOYMENTS, deployment("web", namespace, image=NEW, replicas=3))


async def _move(world: World, namespace: str) -> None:
    await world.host.apply(POLICIES, _policy_of_deployments(namespace, "m2"))


async def _move_back(world: World, namespace: str) -> None:
    await world.host.apply(POLICIES, _policy_of_deployments(namespace, "m1"))


async def _delete_template(world: World, namespace: str) -> None:
    await world.host.delete(DEPLOYMENTS, "web", namespace)


async def _recreate(world: World, namespace: str) -> None:
    await world.host.delete(DEPLOYMENTS, "web", namespace)
    await world.host.apply(DEPLOYMENTS, deployment("web", namespace, image=NEW))


async def _delete_policy(world: World, namespace: str) -> None:
    await world.host.delete(POLICIES, "all", namespace)


async def _leave(world: World, namespace: str) -> None:
    await leave(world.host.api, "m2", removal="Delete")


async def _join_again(world: World, namespace: str) -> None:
    with suppress(NotFound):
        await detach(world.host.api, "m2")
    await join_member(world.host.api, world.clusters["m2"].api, "m2", world.kubeconfigs["m2"])


async def _edit_override(world: World, namespace: str) -> None:
    await world.host.apply(OVERRIDES, _override(namespace, "green"))


# What must be in the end


def _image(state: State, cluster: str) -> Any:
    return state[cluster]["deployments/web"]["spec"]["template"]["spec"]["containers"][0]["image"]


def _applied(state: State, binding: str, *clusters: str) -> None:
    live = state["host"][f"resourcebindings/{binding}"]
    assert [target["name"] for target in live["spec"]["clusters"]] == list(clusters)
    assert [result["name"] for result in live["status"]["clusters"] if result["applied"]] == list(clusters)
    assert condition(live, "Applied") == "True"


def _expect_created(state: State, image: str = OLD, replicas: int = 2, color: str = "blue") -> None:
    for cluster, wanted in (("m1", "red"), ("m2", color)):
        assert _image(state, cluster) == image
        assert state[cluster]["deployments/web"]["spec"]["replicas"] == replicas
        assert state[cluster]["configmaps/settings"]["data"] == {"color": wanted, "size": "2"}
    _applied(state, "web.deployments.apps", "m1", "m2")
    _applied(state, "settings.configmaps", "m1", "m2")


def _expect_updated(state: State) -> None:
    _expect_created(state, image=NEW, replicas=3)


def _expect_moved(state: State) -> None:
    assert "deployments/web" not in state["m1"]
    assert _image(state, "m2") == OLD
    _applied(state, "web.deployments.apps", "m2")


def _expect_on_m1(state: State) -> None:
    assert "deployments/web" not in state["m2"]
    assert _image(state, "m1") == OLD
    _applied(state, "web.deployments.apps", "m1")


def _expect_template_deleted(state: State) -> None:
    for objects in state.values():
        assert "deployments/web" not in objects
    assert "resourcebindings/web.deployments.apps" not in state["host"]
    _applied(state, "settings.configmaps", "m1", "m2")


def _expect_recreated(state: State) -> None:
    _expect_created(state, image=NEW)


def _expect_policy_deleted(state: State) -> None:
    for cluster, color in (("m1", "red"), ("m2", "blue")):
        assert _image(state, cluster) == OLD
        assert state[cluster]["configmaps/settings"]["data"]["color"] == color
    for binding in ("web.deployments.apps", "settings.configmaps"):
        live = state["host"][f"resourcebindings/{binding}"]
        assert "policy" not in live["spec"]
        assert [result["reason"] for result in live["status"]["clusters"]] == ["NoPolicy", "NoPolicy"]


def _expect_left(state: State) -> None:
    assert "clusters/m2" not in state["host"]
    assert set(state["m2"]) == {"namespaces/NS"}
    _applied(state, "web.deployments.apps", "m1")
    _applied(state, "settings.configmaps", "m1")


def _expect_override_edited(state: State) -> None:
    _expect_created(state, color="green")


async def _autoscale(world: World, namespace: str) -> None:
    """Have an autoscaler in m1, which takes the replicas over from us and scales."""
    await world.members["m1"].apply(AUTOSCALERS, autoscaler("web", namespace))


async def _scale(world: World, namespace: str) -> None:
    """Scale as an autoscaler does, once nobody takes it back any more."""

    def is_let_go(live: Manifest | None) -> bool:
        managed = live["metadata"]["managedFields"] if live is not None else []
        owned = entry(managed, FIELD_MANAGER) or {}
        return live is not None and "f:replicas" not in owned.get("f:spec", {})

    await world.members["m1"].until(DEPLOYMENTS, "web", namespace, is_let_go)
    api, body = world.members["m1"].api, {"spec": {"replicas": SCALED}}
    await api.patch(DEPLOYMENTS, "web", namespace, body, subresource="scale", manager="autoscaler")


def _expect_autoscaled(state: State) -> None:
    assert state["m1"]["deployments/web"]["spec"]["replicas"] == SCALED
    assert state["m2"]["deployments/web"]["spec"]["replicas"] == 2


def _law_of_autoscaling(answers: Sequence[Written]) -> None:
    """At no moment does a member have a number of replicas that nobody wanted."""
    for cluster, live, _ in answers:
        if live["kind"] == "Deployment" and cluster != "host":
            assert live["spec"]["replicas"] in (2, SCALED), f"{cluster} has {live['spec']['replicas']} pods"


UPDATE = Scenario("update of image and replicas", _create, _update, _expect_updated)
DELETION = Scenario("template deleted", _create, _delete_template, _expect_template_deleted)
SCENARIOS = (
    Scenario("creation", _nothing, _create, _expect_created),
    UPDATE,
    Scenario("policy moves the template from m1 to m2", _create_on_m1, _move, _expect_moved),
    DELETION,
    Scenario("template deleted and created again at once", _create, _recreate, _expect_recreated),
    Scenario("policy deleted", _create, _delete_policy, _expect_policy_deleted),
    Scenario("cluster leaves with removal Delete", _create, _leave, _expect_left, restore=_join_again),
    Scenario("update, then deletion", _create, _update, _expect_template_deleted, _delete_template),
    Scenario(
        "move to m2, then back to m1",
        _create_on_m1,
        _move,
        _expect_on_m1,
        _move_back,
        passing=frozenset({("m1", "deployments/web")}),
    ),
    Scenario("override edited", _create, _edit_override, _expect_override_edited),
    Scenario(
        "an autoscaler takes the replicas over",
        _create,
        _autoscale,
        _expect_autoscaled,
        then=(_scale,),
        law=_law_of_autoscaling,
    ),
)
