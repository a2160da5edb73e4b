"""atoll top clusters: how full the members are."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from federation.cli.top.clusters import printed, status_of
from federation.cli.top.usage import Usage
from federation.resources import NODES
from policies.api.cluster import Cluster
from policies.api.meta import API_VERSION, Manifest
from tests.cli.joined import Joined, joined
from tests.federated import USER
from tests.servers import Fleet

READY = {"type": "Ready", "status": "True", "reason": "ClusterReady"}
CORDONED = {"key": "federation.atoll.dev/unschedulable", "effect": "NoSchedule"}


def node(name: str, *, ready: bool = True, cpu: str = "4", memory: str = "8Gi") -> Manifest:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    allocatable = {"cpu": cpu, "memory": memory, "pods": "100"}
    return {"metadata": {"name": name}, "status": {"allocatable": allocatable, "conditions": conditions}}


def pod(*, at: str = "", phase: str = "Running", cpu: str = "500m", memory: str = "1Gi") -> Manifest:
    requests = {"cpu": cpu, "memory": memory}
    spec = {"nodeName": at, "containers": [{"name": "web", "resources": {"requests": requests}}]}
    return {"metadata": {"name": "web"}, "spec": spec, "status": {"phase": phase}}


def cluster(name: str = "m1", *, conditions: Any = (READY,), **spec: Any) -> Cluster:
    metadata, status = {"name": name}, {"conditions": list(conditions), "kubernetesVersion": "v1.36.3"}
    whole = {
        "apiVersion": API_VERSION,
        "kind": "Cluster",
        "metadata": metadata,
        "spec": spec,
        "status": status,
    }
    return Cluster.model_validate(whole)


def usage(nodes: list[Manifest], pods: list[Manifest]) -> Usage:
    found = Usage()
    for each in nodes:
        found.add_node(each)
    for each in pods:
        found.add_pod(each)
    return found


def row(found: Usage | None, output: str = "table", **of: Any) -> dict[str, str]:
    header, line = printed([(cluster(**of), found)], output).splitlines()
    return dict(zip(header.split(), line.split(), strict=True))


def test_requests_are_set_against_what_ready_nodes_have() -> None:
    nodes = [node("n1"), node("n2"), node("n3", ready=False)]
    pods = [pod(at="n1"), pod(at="n2"), pod(at="n2", phase="Succeeded"), pod()]
    assert row(usage(nodes, pods)) == {
        "CLUSTER": "m1", "STATUS": "Ready", "NODES": "2/3", "CPU": "1/8", "CPU%": "12%",
        "MEMORY": "2.0Gi/16.0Gi", "MEMORY%": "12%", "PODS": "2/200", "PODS%": "1%", "TAINTS": "-",
    }  # fmt: skip


def test_the_wide_table_adds_pods_that_wait_and_what_the_cluster_is() -> None:
    held = {"type": "Held", "status": "True", "reason": "DeletionsHeld"}
    found = row(usage([], [pod()]), "wide", conditions=[READY, held], region="eu", zones=["a", "b"])
    told = {"PENDING": "1", "VERSION": "v1.36.3", "PROVIDER": "-", "REGION": "eu", "ZONES": "a,b"}
    assert told | {"CONDITIONS": "Held"} == {key: found[key] for key in (*told, "CONDITIONS")}


def test_a_cluster_without_nodes_has_no_shares() -> None:
    found = row(usage([], []))
    assert (found["NODES"], found["CPU"], found["CPU%"]) == ("0/0", "0/0", "-")


def test_of_a_cluster_that_does_not_answer_the_rest_is_shown() -> None:
    found = row(None, taints=[CORDONED])
    assert (found["CPU"], found["PODS%"]) == ("-", "-")
    assert found["TAINTS"] == "federation.atoll.dev/unschedulable:NoSchedule"


@pytest.mark.parametrize(
    ("of", "status"),
    [
        ({}, "Ready"),
        ({"conditions": []}, "Unknown"),
        ({"conditions": [{**READY, "status": "Unknown", "reason": "Unreachable"}]}, "Unreachable"),
        ({"taints": [CORDONED]}, "Ready,SchedulingDisabled"),
        ({"paused": True}, "Ready,Paused"),
    ],
)
def test_the_status_is_worded_as_that_of_a_node(of: dict[str, Any], status: str) -> None:
    assert status_of(cluster(**of)) == status


def test_programs_get_exact_quantities() -> None:
    (found,) = json.loads(printed([(cluster(), usage([node("n1", cpu="1500m")], [pod(at="n1")]))], "json"))
    assert found["allocatable"] == {"cpu": "1500m", "memory": str(8 * 2**30), "pods": "100"}
    assert found["requested"] == {"cpu": "500m", "memory": str(2**30), "pods": "1"}
    assert found["nodes"] == {"total": 1, "ready": 1}


@pytest.fixture
async def shop(fleet: Fleet, namespace: str) -> AsyncIterator[Joined]:
    async with joined(fleet, namespace) as found:
        yield found


async def test_clusters_are_asked_themselves(shop: Joined, fleet: Fleet) -> None:
    one = shop.one
    stored = await one.cluster.api.create(NODES, {"metadata": {"name": shop.namespace}}, manager=USER)
    body = {"status": node("n1")["status"]}
    await one.cluster.api.patch(
        NODES, stored["metadata"]["name"], None, body, manager=USER, subresource="status"
    )
    said = await shop.atoll("top", "clusters", one.name)
    assert (said.code, said.err) == (0, "")
    assert [line.split()[:4] for line in said.out.splitlines()[1:]] == [[one.name, "Unknown", "1/1", "0/4"]]
    await one.cluster.delete(NODES, shop.namespace)


async def test_who_does_not_answer_is_named_and_the_others_are_shown(shop: Joined, fleet: Fleet) -> None:
    kubeconfig = fleet.members["m1"].kubeconfig
    elsewhere = [
        {**entry, "cluster": {**entry["cluster"], "server": "https://127.0.0.1:1"}}
        for entry in kubeconfig["clusters"]
    ]
    await shop.reach(shop.one, {**kubeconfig, "clusters": elsewhere})
    said = await shop.atoll("top", "clusters", shop.one.name, shop.two.name)
    assert said.code == 3
    assert said.err.startswith(f"error: cluster {shop.one.name} can't be reached from here: ")
    assert [line.split()[2] for line in said.out.splitlines()[1:]] == ["-", "0/0"]
