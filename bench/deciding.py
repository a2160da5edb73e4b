"""How many placements are decided, and manifests rendered, in a second of one core: pure, without servers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from policies.api.cluster import Cluster
from policies.api.meta import API_VERSION, Manifest
from policies.api.override import OverridePolicy
from policies.api.propagation import Placement
from policies.filters import Clusters
from policies.matching import subject_of
from policies.overriders import overrides_for
from policies.placement import Present, Workload, place
from policies.rendering import Rendered, prune, render

_TEMPLATES = 500
"""Different templates, so that nothing is decided twice in a row."""


@dataclass(frozen=True)
class Rates:
    """Per second of CPU."""

    static: float
    """10 clusters, fixed weights."""
    by_capacity: float
    """100 clusters, dynamic weights and a constraint on regions."""
    rendered: float
    """Deployments, each changed by three override policies."""


def run(seconds: float) -> Rates:
    """Decide again and again, for so many seconds of CPU each."""
    kinds = (_static(), _by_capacity(), _rendering())
    return Rates(*(_rate(once, seconds) for once in kinds))


def _rate(once: Callable[[int], None], seconds: float) -> float:
    for number in range(_TEMPLATES):
        once(number)
    count, began = 0, time.process_time()
    while (spent := time.process_time() - began) < seconds:
        for number in range(_TEMPLATES):
            once(number)
        count += _TEMPLATES
    return count / spent


def _clusters(count: int) -> list[Cluster]:
    served = [{"groupVersion": "apps/v1", "kinds": ["Deployment"]}]
    return [
        Cluster.model_validate(
            {
                "apiVersion": API_VERSION,
                "kind": "Cluster",
                "metadata": {"name": f"m{number:03}", "labels": {"tier": "gold"}},
                "spec": {"region": f"r{number % 10}"},
                "status": {"apis": served},
            }
        )
        for number in range(count)
    ]


def _workload(number: int) -> Workload:
    return Workload("apps/v1", "Deployment", 1 + number % 60, f"uid-{number}")


def _static() -> Callable[[int], None]:
    clusters = Clusters(_clusters(10))
    rules = [{"targetCluster": {"clusterNames": [f"m{n:03}"]}, "weight": 1 + n} for n in range(10)]
    scheduling = {"replicaSchedulingType": "Divided", "weightPreference": {"staticWeightList": rules}}
    placement = Placement.model_validate({"replicaScheduling": scheduling})

    def once(number: int) -> None:
        place(_workload(number), placement, clusters, Present())

    return once


def _by_capacity() -> Callable[[int], None]:
    members = _clusters(100)
    free = {cluster.metadata.name: 10 + number for number, cluster in enumerate(members)}
    placement = Placement.model_validate(
        {
            "spreadConstraints": [
                {"spreadByField": "cluster", "maxGroups": 20},
                {"spreadByField": "region", "minGroups": 2, "maxGroups": 3},
            ],
            "replicaScheduling": {
                "replicaSchedulingType": "Divided",
                "weightPreference": {"dynamicWeight": "AvailableReplicas"},
            },
        }
    )
    clusters = Clusters(members)

    def once(number: int) -> None:
        place(_workload(number), placement, clusters, Present(free=free))

    return once


def _rendering() -> Callable[[int], None]:
    (cluster,) = _clusters(1)
    overriders: list[Manifest] = [
        {"imageOverrider": [{"component": "Registry", "operator": "add", "value": "eu.example"}]},
        {"labelsOverrider": [{"operator": "add", "value": {"region": "eu"}}]},
        {"plaintext": [{"path": "/spec/minReadySeconds", "operator": "add", "value": 5}]},
    ]
    policies = [_override(f"o{number}", each) for number, each in enumerate(overriders)]
    templates = [prune(_deployment(number)) for number in range(_TEMPLATES)]

    def once(number: int) -> None:
        overrides = overrides_for(subject_of(templates[number]), cluster, policies)
        assert isinstance(render(templates[number], replicas=3, overrides=overrides), Rendered)

    return once


def _override(name: str, overriders: Manifest) -> OverridePolicy:
    return OverridePolicy.model_validate(
        {
            "apiVersion": API_VERSION,
            "kind": "OverridePolicy",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"overrideRules": [{"overriders": overriders}]},
        }
    )


def _deployment(number: int) -> Manifest:
    labels = {"app": f"web-{number}"}
    container = {"name": "web", "image": "nginx:1.27", "ports": [{"containerPort": 80}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"web-{number}", "namespace": "shop", "labels": labels},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
