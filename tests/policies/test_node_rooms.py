"""How many pods a node takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.api.meta import Manifest
from policies.nodes import Node, fits, node_of
from policies.podneeds import Need, need_of

AMOUNTS = st.dictionaries(st.sampled_from(["cpu", "memory", "gpu"]), st.integers(1, 6))


def live(**changed: Any) -> Manifest:
    """A Ready node with 4 CPUs, 8 GiB and room for 10 pods."""
    spec = {"taints": changed.pop("taints", []), "unschedulable": changed.pop("cordoned", False)}
    status = {
        "allocatable": changed.pop("allocatable", {"cpu": "4", "memory": "8Gi", "pods": "10"}),
        "conditions": [{"type": "Ready", "status": changed.pop("ready", "True")}],
    }
    metadata = {"name": changed.pop("name", "n1"), "labels": changed}
    return {"metadata": metadata, "spec": spec, "status": status}


def asking(requests: dict[str, str] | None = None, **spec: Any) -> Need:
    return need_of({"containers": [{"resources": {"requests": requests or {}}}], **spec})


def required(*terms: Manifest) -> Manifest:
    affinity = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return {"affinity": {"nodeAffinity": affinity}}


def labelled(key: str, operator: str, *values: str) -> Manifest:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("requests", "taken", "room"),
    [
        ({}, {}, 10),
        ({"cpu": "1"}, {}, 4),
        ({"cpu": "1", "memory": "3Gi"}, {}, 2),
        ({"cpu": "1"}, {"cpu": 1500, "pods": 1}, 2),
        ({"cpu": "1"}, {"pods": 8}, 2),
        ({"cpu": "1"}, {"cpu": 9000}, 0),
        ({"nvidia.com/gpu": "1"}, {}, 0),
    ],
)
def test_the_scarcest_resource_decides(requests: dict[str, str], taken: dict[str, int], room: int) -> None:
    assert fits(asking(requests), node_of(live()), taken) == room


DEDICATED = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
SPOT = labelled("spot", "Exists")


@pytest.mark.parametrize(
    ("node", "spec", "taken_in"),
    [
        ({"ready": "False"}, {}, False),
        ({"ready": "Unknown"}, {}, False),
        ({"cordoned": True}, {}, False),
        ({"taints": [DEDICATED]}, {}, False),
        ({"taints": [DEDICATED | {"effect": "NoExecute"}]}, {}, False),
        ({"taints": [DEDICATED | {"effect": "PreferNoSchedule"}]}, {}, True),
        ({"taints": [DEDICATED]}, {"tolerations": [{"key": "dedicated", "value": "db"}]}, True),
        ({"taints": [DEDICATED]}, {"tolerations": [{"key": "dedicated", "value": "web"}]}, False),
        ({"taints": [DEDICATED]}, {"tolerations": [{"key": "dedicated", "operator": "Exists"}]}, True),
        ({"taints": [DEDICATED]}, {"tolerations": [{"operator": "Exists", "effect": "NoExecute"}]}, False),
        ({"taints": [DEDICATED]}, {"tolerations": [{"operator": "Exists"}]}, True),
        ({"disk": "ssd"}, {"nodeSelector": {"disk": "ssd"}}, True),
        ({"disk": "hdd"}, {"nodeSelector": {"disk": "ssd"}}, False),
        ({"disk": "ssd"}, required(labelled("disk", "In", "ssd", "nvme")), True),
        ({}, required(labelled("disk", "In", "ssd", "nvme")), False),
        ({"disk": "hdd"}, required(labelled("disk", "NotIn", "hdd")), False),
        ({}, required(labelled("disk", "NotIn", "hdd")), True),
        ({"disk": "hdd"}, required(labelled("disk", "DoesNotExist")), False),
        ({"cores": "16"}, required(labelled("cores", "Gt", "8")), True),
        ({"cores": "16"}, required(labelled("cores", "Lt", "8")), False),
        ({"cores": "many"}, required(labelled("cores", "Gt", "8")), False),
        ({"spot": "yes"}, required(labelled("disk", "Exists"), SPOT), True),
        ({"spot": "yes"}, required(SPOT | {"matchFields": [
            {"key": "metadata.name", "operator": "In", "values": ["n2"]}]}), False),
        ({"name": "n2", "spot": "yes"}, required(SPOT | {"matchFields": [
            {"key": "metadata.name", "operator": "In", "values": ["n2"]}]}), True),
        ({}, required({}), False),
    ],
)  # fmt: skip
def test_a_node_takes_the_pods_that_kube_scheduler_would_put_there(
    node: dict[str, Any], spec: dict[str, Any], taken_in: bool
) -> None:
    assert fits(asking(**spec), node_of(live(**node)), {}) == (10 if taken_in else 0)


def test_a_node_differs_only_when_it_takes_other_pods() -> None:
    beating = live() | {"metadata": {"name": "n1", "labels": {}, "resourceVersion": "7"}}
    assert node_of(beating) == node_of(live())
    assert node_of(live(cordoned=True)) != node_of(live())


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_as_many_fit_as_can_be_packed_one_by_one(
    allocatable: dict[str, int], taken: dict[str, int], request: dict[str, int]
) -> None:
    node = Node("n1", {**allocatable, "pods": 9}, True, False, (), {})
    need = Need(tuple(sorted({**request, "pods": 1}.items())))
    used, packed = dict(taken), 0
    while all(used.get(name, 0) + one <= node.allocatable.get(name, 0) for name, one in need.requests):
        used = used | {name: used.get(name, 0) + one for name, one in need.requests}
        packed += 1
    assert fits(need, node, taken) == packed
    less = {name: max(0, count - 1) for name, count in taken.items()}
    assert fits(need, node, less) >= packed
