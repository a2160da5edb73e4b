"""What a pod asks of a node, as kube-scheduler counts it."""

from __future__ import annotations

from typing import Any

import pytest

from policies.api.meta import Manifest
from policies.podneeds import bare, need_of, need_of_template

SPEC = {"containers": [{"name": "web", "resources": {"requests": {"cpu": "1"}}}]}


def asks(**resources: str) -> Manifest:
    return {"resources": {"requests": resources}}


def sidecar(**resources: str) -> Manifest:
    return asks(**resources) | {"restartPolicy": "Always"}


@pytest.mark.parametrize(
    ("spec", "requests"),
    [
        ({"containers": [{}]}, {}),
        ({"containers": [asks(cpu="1"), asks(cpu="500m", memory="1Ki")]}, {"cpu": 1500, "memory": 1024}),
        ({"containers": [asks(cpu="0")]}, {}),
        ({"containers": [{"resources": {"limits": {"cpu": "2"}}}]}, {"cpu": 2000}),
        (
            {"containers": [{"resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}}]},
            {"cpu": 1000},
        ),
        ({"containers": [asks(cpu="1")], "initContainers": [asks(cpu="3"), asks(cpu="2")]}, {"cpu": 3000}),
        ({"containers": [asks(cpu="1")], "initContainers": [asks(memory="8")]}, {"cpu": 1000, "memory": 8}),
        ({"containers": [asks(cpu="1")], "initContainers": [sidecar(cpu="1")]}, {"cpu": 2000}),
        (
            {"containers": [asks(cpu="1")], "initContainers": [sidecar(cpu="1"), asks(cpu="5")]},
            {"cpu": 6000},
        ),
        (
            {"containers": [asks(cpu="1")], "initContainers": [asks(cpu="5"), sidecar(cpu="1")]},
            {"cpu": 5000},
        ),
        ({"containers": [asks(cpu="1")], "overhead": {"cpu": "250m"}}, {"cpu": 1250}),
        ({"containers": [asks(cpu="1")], **asks(cpu="3", storage="1")}, {"cpu": 3000}),
        ({"containers": [{}], "resources": {"limits": {"memory": "9"}}}, {"memory": 9}),
    ],
)
def test_requests_are_those_the_scheduler_counts(spec: Manifest, requests: dict[str, int]) -> None:
    assert dict(need_of(spec).requests) == {**requests, "pods": 1}


@pytest.mark.parametrize(
    ("manifest", "found"),
    [
        ({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": SPEC}}}, True),
        ({"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": SPEC}}}, True),
        ({"apiVersion": "v1", "kind": "Pod", "spec": SPEC}, True),
        ({"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet",
          "spec": {"template": {"spec": SPEC}}}, True),
        ({"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "spec": {}}, False),
        ({"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet",
          "spec": {"template": {"spec": {"containers": [asks(cpu="much")]}}}}, False),
        ({"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet",
          "spec": {"template": {"spec": {"containers": [7]}}}}, False),
        ({"apiVersion": "v1", "kind": "ConfigMap", "data": {"spec": "x"}}, False),
    ],
)  # fmt: skip
def test_the_need_of_a_template_is_that_of_its_pods(manifest: Manifest, found: bool) -> None:
    assert need_of_template(manifest) == (need_of(SPEC) if found else None)


def test_equal_pods_share_one_need() -> None:
    def spec(**more: Any) -> Manifest:
        return {**SPEC, "nodeSelector": {"b": "1", "a": "2"}, **more}

    assert need_of(spec()) is need_of(spec(hostname="other", nodeSelector={"a": "2", "b": "1"}))
    assert need_of(spec()) != need_of(spec(tolerations=[{"operator": "Exists"}]))
    assert bare(need_of(spec())) is need_of(SPEC)
