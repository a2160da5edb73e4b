"""The host's store is lost, or comes back as it once was: members keep what they run, and people are told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from e2e.fleet import SETTLE, Fleet, applied, explained, fetch, metrics_port, namespace_on, reason, result
from federation.kube.resources import Manifest, Resource
from federation.sandbox.plane import Role
from federation.sandbox.sandbox import CONTROLLER, HOST
from tests.federated import (
    CLUSTERS,
    CONFIGMAPS,
    DEPLOYMENTS,
    NAMESPACES,
    POLICIES,
    Cluster,
    absent,
    configmap,
    deployment,
    eventually,
    policy,
    selects,
)

pytestmark = pytest.mark.timeout(300)

CONFIGMAP, DEPLOYMENT = selects("v1", "ConfigMap"), selects("apps/v1", "Deployment")
TEMPLATES = ((CONFIGMAPS, "settings"), (DEPLOYMENTS, "web"))
Identity = tuple[str, Manifest]
"""UID and content: while both stay, no pod was restarted."""


async def test_a_host_with_an_empty_store_deletes_nothing_and_takes_its_members_up_by_its_old_id(
    fragile: Fleet,
) -> None:
    name, old_id = "survivors", await fragile.host_id()
    await _apply_all(fragile.host, name)
    for resource, template in TEMPLATES:
        await fragile.binding(resource, template, name, applied)
    before = await _identities(fragile, name)
    await fragile.stop(HOST)
    fragile.lose_store()
    await fragile.start(HOST)
    await _controller_stands_by(fragile)
    await _set_up_again(fragile)
    try:
        async with namespace_on(fragile, name):
            await _is_refused_first(fragile, name, old_id)
            await fragile.restart_controller(f"--host-id={old_id}")
            for resource, template in TEMPLATES:
                await fragile.binding(resource, template, name, applied)
            assert await _identities(fragile, name) == before
    finally:
        await fragile.restart_controller(without=["--host-id"])


async def test_a_host_with_a_store_from_before_deletes_nothing_and_says_what_it_keeps(
    fragile: Fleet, fragile_namespace: str, tmp_path: Path
) -> None:
    host, name = fragile.host, fragile_namespace
    await _before_the_copy(fragile, name)
    await fragile.stop(HOST)
    fragile.copy_store(tmp_path / "store")
    await fragile.start(HOST)
    await fragile.start(CONTROLLER)
    await _after_the_copy(fragile, name)
    kept = await _uids(fragile.members["m2"], ("moved", "new"), name)

    await fragile.stop(HOST)
    fragile.restore_store(tmp_path / "store")
    await fragile.start(HOST)
    await fragile.start(CONTROLLER)
    await fragile.everywhere(CONFIGMAPS, "changed", name, lambda c: c and c["data"] == {"round": "1"})
    await fragile.everywhere(CONFIGMAPS, "deleted", name, bool)
    await fragile.members["m1"].until(CONFIGMAPS, "moved", name, bool)
    held = await host.until(CLUSTERS, "m2", None, lambda c: reason(c, "Held") == "CopiesKept")
    said = explained(held, "Held")[1]
    assert f"configmaps/new in {name} (Orphan)" in said
    assert f"configmaps/moved in {name} (HostWentBack)" in said

    await host.apply(POLICIES, _policy_of_moved(name, "m2"))
    await host.apply(CONFIGMAPS, configmap("new", name, round="2"))
    await fragile.members["m1"].until(CONFIGMAPS, "moved", name, absent)
    for template in ("moved", "new"):
        await fragile.binding(CONFIGMAPS, template, name, applied)
    assert await _uids(fragile.members["m2"], ("moved", "new"), name) == kept
    for cluster in fragile.members:
        await host.until(CLUSTERS, cluster, None, lambda c: not reason(c, "Held"))


async def _before_the_copy(fragile: Fleet, namespace: str) -> None:
    others = [selects("v1", "ConfigMap", name=name) for name in ("changed", "deleted", "new")]
    await fragile.host.apply(POLICIES, policy("others", namespace, *others))
    await fragile.host.apply(POLICIES, _policy_of_moved(namespace, "m1"))
    for name in ("moved", "changed", "deleted"):
        await fragile.host.apply(CONFIGMAPS, configmap(name, namespace, round="1"))
    for name in ("moved", "changed", "deleted"):
        await fragile.binding(CONFIGMAPS, name, namespace, applied)


async def _after_the_copy(fragile: Fleet, namespace: str) -> None:
    """What the copy of the store does not know: a move, a change, a deletion and a new template."""
    await fragile.host.apply(POLICIES, _policy_of_moved(namespace, "m2"))
    await fragile.host.apply(CONFIGMAPS, configmap("changed", namespace, round="2"))
    await fragile.host.delete(CONFIGMAPS, "deleted", namespace)
    await fragile.host.apply(CONFIGMAPS, configmap("new", namespace, round="2"))
    await fragile.members["m2"].until(CONFIGMAPS, "moved", namespace, bool)
    await fragile.members["m1"].until(CONFIGMAPS, "moved", namespace, absent)
    await fragile.everywhere(CONFIGMAPS, "changed", namespace, lambda c: c and c["data"] == {"round": "2"})
    await fragile.everywhere(CONFIGMAPS, "deleted", namespace, absent)
    await fragile.everywhere(CONFIGMAPS, "new", namespace, bool)


def _policy_of_moved(namespace: str, cluster: str) -> Manifest:
    placement = {"clusterAffinity": {"clusterNames": [cluster]}}
    return policy("moved", namespace, selects("v1", "ConfigMap", name="moved"), placement=placement)


async def _set_up_again(fragile: Fleet) -> None:
    """What a person does with a new host: install, start the controller, join the members."""
    await fragile.stop(CONTROLLER)
    await asyncio.to_thread(fragile.sandbox.up, len(fragile.members), Role.API_ONLY, "binaries")


async def _is_refused_first(fragile: Fleet, namespace: str, old_id: str) -> None:
    """To the new host the copies belong to another one; the refusal names the way to take them up."""
    assert await fragile.host_id() != old_id
    await _apply_all(fragile.host, namespace)
    for resource, template in TEMPLATES:
        refused = await fragile.binding(
            resource, template, namespace, lambda b: reason(b, "Applied") == "OwnedByAnotherHost"
        )
        assert f"--host-id {old_id}" in result(refused, "m1")["message"]


async def _apply_all(host: Cluster, namespace: str) -> None:
    await host.apply(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    await host.apply(POLICIES, policy("all", namespace, CONFIGMAP, DEPLOYMENT))
    await host.apply(CONFIGMAPS, configmap("settings", namespace, color="green"))
    await host.apply(DEPLOYMENTS, deployment("web", namespace))


async def _identities(fragile: Fleet, namespace: str) -> dict[tuple[str, str], Identity]:
    return {
        (cluster, name): await _identity(member, resource, name, namespace)
        for cluster, member in fragile.members.items()
        for resource, name in TEMPLATES
    }


async def _identity(member: Cluster, resource: Resource, name: str, namespace: str) -> Identity:
    live = await member.get(resource, name, namespace)
    assert live is not None, f"{resource.plural}/{name} is gone"
    return live["metadata"]["uid"], live.get("spec") or live["data"]


async def _uids(member: Cluster, templates: Iterable[str], namespace: str) -> list[str]:
    return [(await _identity(member, CONFIGMAPS, name, namespace))[0] for name in templates]


async def _controller_stands_by(fragile: Fleet) -> None:
    """Its lease and its account are gone with the store: it has looked at what is left, and leads no more."""
    port = metrics_port(fragile.controller_command())

    async def stands_by() -> bool:
        return await fetch(port, "/readyz") == "standing by"

    await eventually(stands_by, fragile.sandbox.controller.tail, SETTLE)
