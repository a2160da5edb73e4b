"""The demo: an ordinary application, applied to the host, runs on three members."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.fleet import Fleet, names, namespace_on
from federation.kube.resources import Resource
from tests.federated import CONFIGMAPS, DEPLOYMENTS, NAMESPACES, SERVICES, Cluster, absent

pytestmark = pytest.mark.timeout(300)

EXAMPLE = Path(__file__).parent.parent / "examples" / "quickstart"
PODS = Resource("", "v1", "pods", "Pod")
SHOP = "shop"
SHARES = {"m1": 3, "m2": 2, "m3": 1}


async def test_the_quickstart_runs_on_three_members_and_its_status_is_on_the_host(fleet: Fleet) -> None:
    async with namespace_on(fleet, SHOP):
        await fleet.kubectl("host", "apply", *_files("app.yaml", "policies.yaml"))
        await fleet.kubectl("host", "-n", SHOP, "rollout", "status", "deployment/web", "--timeout=60s")
        await fleet.kubectl("host", "-n", SHOP, "wait", "--for=condition=Healthy", "rb", "--all")
        await _pods_run_in_members_only(fleet)
        await _status_is_the_sum(fleet.host)
        await _placements_agree(fleet)
        await _overrides_hold_in_m3_only(fleet)
    for cluster in (fleet.host, *fleet.members.values()):
        await cluster.until(NAMESPACES, SHOP, None, absent, seconds=60)


async def _pods_run_in_members_only(fleet: Fleet) -> None:
    pods = {name: len(await names(member, PODS, SHOP)) for name, member in fleet.members.items()}
    assert pods == SHARES
    assert await names(fleet.host, PODS, SHOP) == []


async def _status_is_the_sum(host: Cluster) -> None:
    web = await host.get(DEPLOYMENTS, "web", SHOP)
    assert web is not None
    fields = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")
    assert [web["status"][field] for field in fields] == [6, 6, 6, 6]
    assert web["status"]["observedGeneration"] == web["metadata"]["generation"]


async def _placements_agree(fleet: Fleet) -> None:
    placements = json.loads(await fleet.atoll("placements", "-n", SHOP, "-o", "json"))
    by_object = {f"{p['resource']['plural']}/{p['resource']['name']}": p for p in placements}
    assert by_object.keys() == {"deployments/web", "services/web", "configmaps/web-settings"}
    web = by_object["deployments/web"]
    assert {cluster["name"]: cluster["replicas"] for cluster in web["clusters"]} == SHARES
    assert {cluster["name"]: cluster["ready"] for cluster in web["status"]["clusters"]} == SHARES
    assert web["policy"]["name"] == "web"


async def _overrides_hold_in_m3_only(fleet: Fleet) -> None:
    for name, registry, greeting in (
        ("m1", "registry.example", "hello"),
        ("m2", "registry.example", "hello"),
        ("m3", "registry-eu.example", "bonjour"),
    ):
        web = await fleet.members[name].get(DEPLOYMENTS, "web", SHOP)
        settings = await fleet.members[name].get(CONFIGMAPS, "web-settings", SHOP)
        assert web is not None
        assert settings is not None
        assert web["spec"]["template"]["spec"]["containers"][0]["image"] == f"{registry}/shop/web:1.0"
        assert settings["data"] == {"greeting": greeting}
        assert await fleet.members[name].get(SERVICES, "web", SHOP) is not None


def _files(*documents: str) -> list[str]:
    return [f"--filename={EXAMPLE / document}" for document in documents]
