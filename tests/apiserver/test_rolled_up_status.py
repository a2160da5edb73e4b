"""A real API server takes the status that we sum up and stores it so that nothing is left to write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container
from typing import Any

import pytest

from federation.kube.api import Api
from federation.kube.merge import difference
from federation.kube.resources import Manifest, Resource
from policies import workloads
from policies.workloads import Copy
from tests.apiserver.clients import NAMESPACES, api_of
from tests.servers import ApiServer

NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"
APPS = {
    kind: Resource("apps", "v1", plural, kind)
    for kind, plural in (
        ("Deployment", "deployments"),
        ("StatefulSet", "statefulsets"),
        ("DaemonSet", "daemonsets"),
        ("ReplicaSet", "replicasets"),
    )
}
JOBS = Resource("batch", "v1", "jobs", "Job")
SERVICES = Resource("", "v1", "services", "Service")
POD = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "a:1"}]}}
SPEC = {"selector": {"matchLabels": {"app": "web"}}, "template": POD}


@pytest.fixture
async def api(apiserver: ApiServer, namespace: str) -> AsyncIterator[Api]:
    async with api_of(apiserver) as api:
        body: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        await api.create(NAMESPACES, body, manager="test")
        yield api


async def created(api: Api, resource: Resource, namespace: str, spec: Manifest) -> Manifest:
    metadata = {"name": "web", "namespace": namespace}
    body: Manifest = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": metadata,
        "spec": spec,
    }
    return await api.create(resource, body, manager="test")


async def told(
    api: Api,
    resource: Resource,
    template: Manifest,
    copies: dict[str, Manifest],
    away: Container[str] = (),
) -> Manifest:
    """Write the status of a template whose copies look like this; the answer must leave nothing to write."""
    workload = workloads.of(resource.group, resource.kind)
    known = {
        name: Copy(workload.project({**template, "status": status}), current=True, reachable=name not in away)
        for name, status in copies.items()
    }

    def rolled(previous: Manifest, now: str) -> Any:
        return workload.roll_up(
            known, generation=template["metadata"].get("generation", 0), previous=previous, now=now
        )

    status = rolled(template.get("status") or {}, NOW)
    if status is None:
        return template
    answer = await api.patch(
        resource,
        "web",
        template["metadata"]["namespace"],
        {"status": difference(template.get("status") or {}, status)},
        subresource="status",
        manager="test",
    )
    assert rolled(answer["status"], LATER) in (None, answer["status"])
    return answer


READY = {
    "Deployment": {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2},
    "StatefulSet": {
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
        "currentRevision": "r1",
        "updateRevision": "r1",
    },
    "DaemonSet": {
        "desiredNumberScheduled": 2,
        "currentNumberScheduled": 2,
        "updatedNumberScheduled": 2,
        "numberReady": 2,
        "numberAvailable": 2,
    },
    "ReplicaSet": {"replicas": 2, "fullyLabeledReplicas": 2, "readyReplicas": 2, "availableReplicas": 2},
}
REPLICAS = {"Deployment": 2, "StatefulSet": 2, "ReplicaSet": 2}


@pytest.mark.parametrize("kind", APPS)
async def test_pods_come_and_go_in_the_status(api: Api, namespace: str, kind: str) -> None:
    replicas = {"replicas": REPLICAS[kind]} if kind in REPLICAS else {}
    template = await created(api, APPS[kind], namespace, SPEC | replicas)
    for status in (READY[kind], {}, READY[kind]):
        template = await told(
            api, APPS[kind], template, {"m1": {"observedGeneration": 1, **status}, "m2": {}}
        )


ENDS = {
    "Complete": {"succeeded": 1, "completionTime": LATER},
    "Failed": {"failed": 1},
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_job_runs_and_ends_once(api: Api, namespace: str, end: str) -> None:
    template = await created(
        api, JOBS, namespace, {"template": POD | {"spec": POD["spec"] | {"restartPolicy": "Never"}}}
    )
    running = {"startTime": NOW, "active": 1, "ready": 1}
    template = await told(api, JOBS, template, {"m1": running, "m2": running})
    ended = {"startTime": NOW, **ENDS[end], "conditions": [{"type": end, "status": "True", "reason": "Over"}]}
    others = running if end == "Failed" else ended
    template = await told(api, JOBS, template, {"m1": ended, "m2": others})
    assert template["status"]["conditions"][-1]["type"] == end
    assert await told(api, JOBS, template, {"m1": running}) == template


async def test_a_load_balancer_gains_and_loses_addresses(api: Api, namespace: str) -> None:
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    template = await created(api, SERVICES, namespace, spec)
    for addresses in ([{"ip": "192.0.2.2"}, {"hostname": "lb.example.com"}], [{"ip": "192.0.2.1"}], []):
        copies = {"m1": {"loadBalancer": {"ingress": addresses}}, "m2": {"loadBalancer": {}}}
        template = await told(api, SERVICES, template, copies)
        shown = template["status"]["loadBalancer"].get("ingress", [])
        assert [each.get("ip") or each["hostname"] for each in shown] == sorted(
            (each.get("ip") or each["hostname"] for each in addresses), reverse=True
        )


CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
JOB = {"template": POD | {"spec": POD["spec"] | {"restartPolicy": "Never"}}}
AUTOSCALED = {
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
    "maxReplicas": 9,
}
RUNS = {
    "containerStatuses": [{"name": "c", "ready": True, "restartCount": 0, "image": "a:1", "imageID": "x"}]
}
RUNS["containerStatuses"][0]["state"] = {"running": {"startedAt": NOW}}
OVER = {
    "containerStatuses": [
        RUNS["containerStatuses"][0] | {"ready": False, "state": {"terminated": {"exitCode": 0}}}
    ]
}
ACTIVE = {"apiVersion": "batch/v1", "kind": "Job", "namespace": "shop", "name": "web-1", "uid": "1"}
SCALES = [{"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale", "message": "m"}]
HISTORIES: dict[str, tuple[Resource, Manifest, list[Manifest]]] = {
    "CronJob": (
        Resource("batch", "v1", "cronjobs", "CronJob"),
        {"schedule": "* * * * *", "jobTemplate": {"spec": JOB}},
        [{"active": [ACTIVE], "lastScheduleTime": NOW}, {"lastSuccessfulTime": NOW}, {}],
    ),
    "autoscaling/v2": (
        Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
        AUTOSCALED,
        [
            {"currentReplicas": 2, "desiredReplicas": 3, "conditions": SCALES, "lastScaleTime": NOW},
            {"currentReplicas": 0, "desiredReplicas": 0, "conditions": SCALES},
            {},
        ],
    ),
    "autoscaling/v1": (
        Resource("autoscaling", "v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
        AUTOSCALED,
        [{"currentReplicas": 2, "desiredReplicas": 3}, {"currentReplicas": 0, "desiredReplicas": 0}, {}],
    ),
    "Ingress": (
        Resource("networking.k8s.io", "v1", "ingresses", "Ingress"),
        {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
        [
            {"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ports": [{"port": 80, "protocol": "TCP"}]}]}},
            {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}},
            {},
        ],
    ),
    "PersistentVolumeClaim": (
        Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
        CLAIM,
        [{"phase": "Pending"}, {"phase": "Bound"}, {"phase": "Lost"}, {"phase": "Bound"}],
    ),
    "Pod": (
        Resource("", "v1", "pods", "Pod"),
        POD["spec"] | {"restartPolicy": "Never"},
        [
            {"phase": "Pending"},
            {"phase": "Running", "startTime": NOW, "observedGeneration": 1, **OVER},
            {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], **RUNS},
            {"phase": "Succeeded", **OVER},
            {"phase": "Running", **RUNS},
        ],
    ),
    "PodDisruptionBudget": (
        Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
        {"selector": {"matchLabels": {"app": "web"}}, "minAvailable": 1},
        [
            {"observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1},
            {"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1},
            {},
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HISTORIES)
async def test_the_server_stores_what_a_kind_goes_through(api: Api, namespace: str, kind: str) -> None:
    resource, spec, statuses = HISTORIES[kind]
    if kind == "Pod":  # the server takes no pod without it, and no controller makes it here
        account = Resource("", "v1", "serviceaccounts", "ServiceAccount")
        metadata = {"name": "default", "namespace": namespace}
        await api.create(
            account, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}, manager="test"
        )
    template = await created(api, resource, namespace, spec)
    for status in statuses:
        template = await told(api, resource, template, {"m1": status, "m2": status})
        template = await told(api, resource, template, {"m1": status, "m2": {}})


async def test_a_job_names_clusters_out_of_reach_until_they_are_back(api: Api, namespace: str) -> None:
    template = await created(api, JOBS, namespace, JOB)
    running = {"startTime": NOW, "active": 1}
    for away in ({"m2"}, set(), {"m2"}):
        template = await told(api, JOBS, template, {"m1": running, "m2": running}, away)
        named = [each["type"] for each in template["status"].get("conditions", [])]
        assert named == ["Progressing"] * len(away)
