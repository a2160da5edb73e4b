"""Kinds that are released cluster by cluster: which, what they count, and that nothing holds them."""

from __future__ import annotations

import pytest

from policies import workloads
from policies.api.interpreter import ResourceInterpreterSpec
from policies.api.meta import Manifest
from policies.api.rollout import RolloutCluster, RolloutSpec
from policies.release.permission import Permission, permitted
from policies.rendering import Rendered, held
from policies.workloads import drivers
from policies.workloads.cluster_driver import ClusterDriver
from policies.workloads.driver import Part, Progress
from policies.workloads.interpretation import interpretation
from tests.policies.test_workloads import false, live, true

NEVER = [
    ("", "Event"),
    ("", "Namespace"),
    ("", "Node"),
    ("", "Pod"),
    ("", "Secret"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apps", "ReplicaSet"),
    ("batch", "Job"),
    ("coordination.k8s.io", "Lease"),
    ("federation.atoll.dev", "Rollout"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
]
BY_CLUSTER = [
    ("", "ConfigMap"),
    ("", "Service"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("batch", "CronJob"),
    ("cert-manager.io", "Certificate"),
    ("networking.k8s.io", "Ingress"),
]


@pytest.mark.parametrize(("group", "kind"), BY_CLUSTER)
def test_a_kind_of_which_nothing_special_is_known_is_released_by_cluster(group: str, kind: str) -> None:
    assert isinstance(drivers.of(group, kind), ClusterDriver)
    assert drivers.required(group, kind).units == "clusters"


@pytest.mark.parametrize(("group", "kind"), NEVER)
def test_a_kind_that_is_never_released_in_steps_says_why(group: str, kind: str) -> None:
    assert drivers.of(group, kind) is None
    assert drivers.why_not(group, kind)


@pytest.mark.parametrize("kind", ["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"])
def test_a_kind_whose_pods_are_counted_is_never_released_by_cluster(kind: str) -> None:
    assert not isinstance(drivers.of("apps", kind), ClusterDriver)


def test_what_counts_clusters_says_nothing_of_replicas() -> None:
    workload = {"apiVersion": "v1", "kind": "ConfigMap", "plural": "configmaps"}
    run = RolloutSpec.model_validate(
        {
            "workloadRef": workload | {"name": "web"},
            "targetRevision": "v2",
            "stableRevision": "v1",
            "strategy": {"batches": 1},
        }
    )
    cluster = RolloutCluster(name="m1", state="Releasing", replicas=1, permitted=1)
    assert permitted(run, cluster) == Permission("v2", 1)


def progress(group: str, kind: str, manifest: Manifest) -> Progress:
    return drivers.required(group, kind).progress(workloads.of(group, kind).project(manifest))


READY = Progress(observed=True, total=1, ready=1, updated=1, updated_ready=1)
WAITS = READY._replace(ready=0, updated_ready=0)
BALANCER: Manifest = {"ingress": [{"ip": "192.0.2.1"}]}
COUNTED = {
    "a kind without status": (live("ConfigMap"), READY),
    "a status without Ready": (live("Ingress", {"loadBalancer": {}}), READY),
    "ready": (live("Certificate", {"conditions": [true("Ready")]}), READY),
    "failed": (live("Certificate", {"conditions": [false("Ready")]}), WAITS),
    "nobody knows yet": (
        live("Certificate", {"conditions": [true("Ready") | {"status": "Unknown"}]}),
        WAITS,
    ),
    "ready before the change": (
        live("Certificate", {"observedGeneration": 1, "conditions": [true("Ready")]}, generation=2),
        WAITS._replace(observed=False),
    ),
    "a condition from before the change": (
        live("Certificate", {"conditions": [true("Ready") | {"observedGeneration": 1}]}, generation=2),
        WAITS._replace(observed=False),
    ),
    "a generation as text": (
        live("Rollout", {"observedGeneration": "2", "conditions": [true("Ready")]}, generation=2),
        READY,
    ),
}


@pytest.mark.parametrize(("manifest", "counted"), COUNTED.values(), ids=COUNTED)
def test_an_object_counts_as_one_that_is_ready_or_not(manifest: Manifest, counted: Progress) -> None:
    assert progress("example.com", manifest["kind"], manifest) == counted


def test_a_load_balancer_is_ready_once_it_has_an_address() -> None:
    waiting = live("Service", {"loadBalancer": {}}, type="LoadBalancer")
    assert progress("", "Service", waiting) == WAITS
    assert progress("", "Service", waiting | {"status": {"loadBalancer": BALANCER}}) == READY


@pytest.mark.parametrize(
    "may",
    [Permission("new", 1, replicas=1), Permission("old", max_unavailable=1), Permission("new")],
    ids=["releasing", "restoring", "released"],
)
def test_a_copy_is_left_whole_and_says_what_it_was_permitted(may: Permission) -> None:
    rendered = Rendered.of({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {}})
    result = held(rendered, drivers.required("", "ConfigMap"), may)
    assert result == rendered._replace(revision=may.revision, echo=may.echo)
    assert result.whole == rendered.manifest


def test_there_is_one_of_it_in_each_cluster_however_it_is_placed() -> None:
    driver = drivers.required("", "ConfigMap")
    assert [driver.replicas(placed, None) for placed in (None, 0, 7)] == [1, 1, 1]
    assert driver.resized(Part(1), 1, 1) == Part(1)


@pytest.mark.parametrize(
    ("status", "ready", "seen"),
    [
        ({"phase": "Failed", "observedGeneration": 1}, 0, True),
        ({"phase": "Running", "observedGeneration": 1}, 1, True),
        ({"phase": "Running", "observedGeneration": 0}, 0, False),
    ],
)
def test_a_taught_kind_is_ready_when_its_interpreter_says_so(
    status: Manifest, ready: int, seen: bool
) -> None:
    spec = ResourceInterpreterSpec.model_validate(
        {
            "target": {"apiVersion": "example.com/v1", "kind": "Database"},
            "statusSums": [".status.size"],
            "health": {"unhealthy": [{"path": ".status.phase", "operator": "Equal", "value": "Failed"}]},
        }
    )
    copy = interpretation(spec).project({"kind": "Database", "metadata": {"generation": 1}, "status": status})
    progress = drivers.required("example.com", "Database").progress(copy)
    assert (progress.ready, progress.observed) == (ready, seen)
