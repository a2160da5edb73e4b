"""What pruning leaves of a real template can be applied again and again, and is not written again."""

from __future__ import annotations

from typing import Any

import pytest

from federation.kube.api import Api
from federation.kube.resources import Manifest, Resource
from policies.pruning import prune
from tests.apiserver.clients import NAMESPACES, api_of, serve_widgets
from tests.servers import ApiServer

POD = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "a:1"}]}}
ONCE = POD | {"spec": POD["spec"] | {"restartPolicy": "Never"}}
SELECTED = {"selector": {"matchLabels": {"app": "web"}}, "template": POD}
EMPTY = {"labels": {}, "annotations": {}, "finalizers": [], "ownerReferences": []}

TEMPLATES: list[tuple[Resource, Manifest]] = [
    (Resource("apps", "v1", "deployments", "Deployment"), {"spec": SELECTED}),
    (Resource("apps", "v1", "deployments", "Deployment"), {"spec": SELECTED, "metadata": EMPTY}),
    (Resource("apps", "v1", "statefulsets", "StatefulSet"), {"spec": SELECTED}),
    (Resource("apps", "v1", "daemonsets", "DaemonSet"), {"spec": SELECTED}),
    (Resource("batch", "v1", "jobs", "Job"), {"spec": {"template": ONCE, "completions": 3}}),
    (
        Resource("batch", "v1", "cronjobs", "CronJob"),
        {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": ONCE}}}},
    ),
    (Resource("", "v1", "services", "Service"), {"spec": {"ports": [{"port": 80}], "type": "LoadBalancer"}}),
    (Resource("", "v1", "services", "Service"), {"spec": {"ports": [{"port": 80}], "clusterIP": "None"}}),
    (Resource("", "v1", "configmaps", "ConfigMap"), {"data": {}, "metadata": EMPTY}),
    (Resource("", "v1", "serviceaccounts", "ServiceAccount"), {}),
    (
        Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
        {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
    ),
    (
        Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
        {"spec": {"podSelector": {}, "ingress": []}},
    ),
    (
        Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
        {"spec": {"podSelector": {}, "ingress": [{}], "egress": []}},
    ),
    (Resource("rbac.authorization.k8s.io", "v1", "roles", "Role"), {"rules": []}),
    (Resource("rbac.authorization.k8s.io", "v1", "roles", "Role"), {"rules": None}),
    (Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"), {"spec": {"selector": {}}}),
]


async def written_once(api: Api, resource: Resource, fields: Manifest, namespace: str) -> Manifest:
    """Create a template, apply what pruning leaves of it to a second namespace, and return that."""
    member = f"{namespace}-member"
    for name in (namespace, member):
        metadata = {"name": name}
        await api.create(
            NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, manager="test"
        )
    metadata = {"name": "web", "namespace": namespace} | fields.get("metadata", {})
    body: Manifest = (
        {"apiVersion": resource.api_version, "kind": resource.kind} | fields | {"metadata": metadata}
    )
    pruned = prune(await api.create(resource, body, manager="kubectl"))
    pruned["metadata"]["namespace"] = member
    first = await api.apply(resource, pruned, manager="atoll")
    second = await api.apply(resource, pruned, manager="atoll")  # of a PersistentVolumeClaim a change, once
    third = await api.apply(resource, pruned, manager="atoll")
    assert third["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]
    return first


@pytest.mark.parametrize(("resource", "fields"), TEMPLATES, ids=[resource.kind for resource, _ in TEMPLATES])
async def test_an_identical_apply_writes_nothing(
    apiserver: ApiServer, namespace: str, resource: Resource, fields: Manifest
) -> None:
    async with api_of(apiserver) as api:
        await written_once(api, resource, fields, namespace)


async def test_an_identical_apply_of_a_custom_resource_writes_nothing(
    apiserver: ApiServer, namespace: str
) -> None:
    async with api_of(apiserver) as api:
        widgets = await serve_widgets(api, "pruning.example.com")
        fields: dict[str, Any] = {"spec": {"plain": [], "parts": []}, "metadata": EMPTY}
        await written_once(api, widgets, fields, namespace)


async def test_the_host_and_a_member_allocate_a_services_ports_each_for_itself(
    apiserver: ApiServer, namespace: str
) -> None:
    services = Resource("", "v1", "services", "Service")
    async with api_of(apiserver) as api:
        fields = {"spec": {"ports": [{"port": 80}], "type": "LoadBalancer", "externalTrafficPolicy": "Local"}}
        copy = await written_once(api, services, fields, namespace)
        template = await api.get(services, "web", namespace)
    assert copy["spec"]["clusterIP"] != template["spec"]["clusterIP"]
    assert copy["spec"]["ports"][0]["nodePort"] != template["spec"]["ports"][0]["nodePort"]
    assert copy["spec"]["healthCheckNodePort"] != template["spec"]["healthCheckNodePort"]


async def test_a_node_port_that_the_user_asked_for_is_part_of_the_template(
    apiserver: ApiServer, namespace: str
) -> None:
    services = Resource("", "v1", "services", "Service")
    async with api_of(apiserver) as api:
        metadata = {"name": namespace}
        await api.create(
            NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, manager="test"
        )
        asked = [{"name": "a", "port": 80, "nodePort": 31777}, {"name": "b", "port": 81}]
        spec = {"type": "NodePort", "ports": asked}
        body = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": namespace},
            "spec": spec,
        }
        ports = prune(await api.create(services, body, manager="kubectl"))["spec"]["ports"]
    assert [port.get("nodePort") for port in ports] == [31777, None]
