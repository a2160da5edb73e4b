"""Small objects to begin a test of a decision with."""

from __future__ import annotations

from typing import Any

from policies.api.binding import TargetCluster
from policies.api.cluster import Cluster
from policies.api.meta import API_VERSION, Manifest
from policies.api.override import ClusterOverridePolicy, OverridePolicy
from policies.api.propagation import ClusterPropagationPolicy, Placement, PropagationPolicy
from policies.matching import Subject

DEPLOYMENTS = {"apiVersion": "apps/v1", "kind": "Deployment"}
SERVED = [
    {"groupVersion": "apps/v1", "kinds": ["Deployment", "StatefulSet"]},
    {"groupVersion": "v1", "kinds": ["Service"]},
]
WEB = Subject("apps", "Deployment", "shop", "web", {"app": "web", "tier": "front"})


def cluster(
    name: str, *, labels: dict[str, str] | None = None, leaving: bool = False, **spec: Any
) -> Cluster:
    """A cluster that serves `SERVED` unless `apis` says otherwise."""
    metadata: Manifest = {"name": name, "labels": labels or {}}
    if leaving:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    status = {"apis": spec.pop("apis", SERVED)}
    return Cluster.model_validate(
        {"apiVersion": API_VERSION, "kind": "Cluster", "metadata": metadata, "spec": spec, "status": status}
    )


def clusters(*names: str) -> list[Cluster]:
    return [cluster(name) for name in names]


def placement(**fields: Any) -> Placement:
    return Placement.model_validate(fields)


def divided(weights: dict[str, int] | None = None, **scheduling: Any) -> Placement:
    """A placement that shares replicas out, by weights of single clusters where given."""
    rules = [
        {"targetCluster": {"clusterNames": [name]}, "weight": weight}
        for name, weight in (weights or {}).items()
    ]
    preference = {"weightPreference": {"staticWeightList": rules}} if rules else {}
    return placement(replicaScheduling={"replicaSchedulingType": "Divided", **preference, **scheduling})


def targets(**replicas: int | None) -> tuple[TargetCluster, ...]:
    return tuple(TargetCluster(name=name, replicas=count) for name, count in replicas.items())


def pp(
    name: str,
    *,
    namespace: str = "shop",
    selectors: list[Manifest] | None = None,
    leaving: bool = False,
    **spec: Any,
) -> PropagationPolicy:
    """A PropagationPolicy, for all Deployments unless selectors say otherwise."""
    model, kind = (
        (PropagationPolicy, "PropagationPolicy")
        if namespace
        else (ClusterPropagationPolicy, "ClusterPropagationPolicy")
    )
    spec = {"resourceSelectors": [DEPLOYMENTS] if selectors is None else selectors, **spec}
    return model.model_validate(_policy(kind, name, namespace, spec, leaving=leaving))


def cpp(name: str, **spec: Any) -> ClusterPropagationPolicy:
    policy = pp(name, namespace="", **spec)
    assert isinstance(policy, ClusterPropagationPolicy)
    return policy


def op(
    name: str,
    *rules: Manifest,
    namespace: str = "shop",
    selectors: list[Manifest] | None = None,
    leaving: bool = False,
) -> OverridePolicy:
    """An OverridePolicy of some rules, for everything unless selectors say otherwise."""
    model, kind = (
        (OverridePolicy, "OverridePolicy") if namespace else (ClusterOverridePolicy, "ClusterOverridePolicy")
    )
    spec = {"resourceSelectors": selectors or [], "overrideRules": list(rules)}
    return model.model_validate(_policy(kind, name, namespace, spec, leaving=leaving))


def cop(name: str, *rules: Manifest, **options: Any) -> OverridePolicy:
    return op(name, *rules, namespace="", **options)


def rule(*only: str, **overriders: Any) -> Manifest:
    """A rule for the named clusters, or for all."""
    return {"overriders": overriders} | ({"targetCluster": {"clusterNames": list(only)}} if only else {})


def _policy(kind: str, name: str, namespace: str, spec: Manifest, *, leaving: bool) -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    if leaving:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def deployment(*images: str, init: tuple[str, ...] = (), **metadata: Any) -> Manifest:
    """A Deployment shop/web with containers c0, c1, ... and init containers i0, i1, ..."""
    spec: Manifest = {"containers": [{"name": f"c{n}", "image": image} for n, image in enumerate(images)]}
    if init:
        spec["initContainers"] = [{"name": f"i{n}", "image": image} for n, image in enumerate(init)]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", **metadata},
        "spec": {"replicas": 3, "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}},
    }
