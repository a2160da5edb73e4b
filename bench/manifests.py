"""The objects of the bench: Deployments of 4 KB as people write them, and the policy that governs them."""

from __future__ import annotations

from functools import cache

import orjson

from federation.kube.resources import Manifest, Resource

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False)
GROUP = "federation.atoll.dev"
OVERRIDES = Resource(GROUP, "v1alpha1", "overridepolicies", "OverridePolicy")
POLICIES = Resource(GROUP, "v1alpha1", "propagationpolicies", "PropagationPolicy")
BINDINGS = Resource(GROUP, "v1alpha1", "resourcebindings", "ResourceBinding")
CLUSTERS = Resource(GROUP, "v1alpha1", "clusters", "Cluster", False)

SIZE = 4096
"""Bytes of one Deployment as JSON."""
FIRST_IMAGE = "registry.example.com/shop/web:1.0"


def deployment(name: str, namespace: str, image: str) -> Manifest:
    """Return a Deployment of SIZE bytes, give or take the length of an environment variable."""
    return _deployment(name, namespace, image, _variables())


def namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def config_map(name: str, namespace: str) -> Manifest:
    """Return a ConfigMap as an application mounts it."""
    settings = {f"setting-{number:02}": f"https://example.com/{name}/{number}" for number in range(8)}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": settings}


def policy(namespace: str, *kinds: Resource) -> Manifest:
    """Return a policy that places every object of some kinds, or every Deployment, on every cluster."""
    selected = [{"apiVersion": each.api_version, "kind": each.kind} for each in kinds or (DEPLOYMENTS,)]
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "PropagationPolicy",
        "metadata": {"name": "everywhere", "namespace": namespace},
        "spec": {"resourceSelectors": selected},
    }


def override(namespace: str, cluster: str, value: str) -> Manifest:
    """Return an override policy that gives a namespace's Deployments a tag of their own in one cluster."""
    rule = {
        "targetCluster": {"clusterNames": [cluster]},
        "overriders": {"imageOverrider": [{"component": "Tag", "operator": "replace", "value": value}]},
    }
    selectors = [{"apiVersion": DEPLOYMENTS.api_version, "kind": DEPLOYMENTS.kind}]
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "OverridePolicy",
        "metadata": {"name": "one-cluster", "namespace": namespace},
        "spec": {"resourceSelectors": selectors, "overrideRules": [rule]},
    }


def image_of(live: Manifest) -> str:
    image: str = live["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def image_patch(image: str) -> Manifest:
    """Return what `kubectl set image` sends, a strategic merge patch."""
    return {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}}


@cache
def _variables() -> int:
    """How many environment variables make a Deployment of SIZE bytes."""
    count = 0
    while len(orjson.dumps(_deployment("web-0000", "atoll-1", FIRST_IMAGE, count))) < SIZE:
        count += 1
    return count


def _deployment(name: str, namespace: str, image: str, variables: int) -> Manifest:
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "shop", "team": "storefront"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": 3,
            "revisionHistoryLimit": 5,
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": labels}, "spec": _pod(image, variables)},
        },
    }


def _pod(image: str, variables: int) -> Manifest:
    env = [
        {"name": f"SHOP_SETTING_{number:02}", "value": f"https://settings.example.com/shop/{number:04}"}
        for number in range(variables)
    ]
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10, "timeoutSeconds": 2}
    web = {
        "name": "web",
        "image": image,
        "env": env,
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "resources": {
            "requests": {"cpu": "250m", "memory": "256Mi"},
            "limits": {"cpu": "1", "memory": "512Mi"},
        },
        "readinessProbe": probe,
        "livenessProbe": probe,
        "volumeMounts": [
            {"name": "settings", "mountPath": "/etc/shop"},
            {"name": "scratch", "mountPath": "/tmp"},
        ],
    }
    return {
        "serviceAccountName": "web",
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001},
        "containers": [web],
        "volumes": [
            {"name": "settings", "configMap": {"name": "web-settings"}},
            {"name": "scratch", "emptyDir": {}},
        ],
    }
