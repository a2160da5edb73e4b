"""What is known of OpenKruise's own StatefulSets and DaemonSets."""

from __future__ import annotations

import pytest

from policies import workloads
from policies.api.meta import Manifest
from policies.podspec import pod_template_path
from policies.workloads import Copy

GROUP, NOW = "apps.kruise.io", "2026-02-02T00:00:00Z"
REQUIRED = {
    "StatefulSet": ("availableReplicas", "currentReplicas", "readyReplicas", "replicas", "updatedReplicas"),
    "DaemonSet": (
        "currentNumberScheduled",
        "desiredNumberScheduled",
        "numberMisscheduled",
        "numberReady",
        "updatedNumberScheduled",
    ),
}
"""Counters that the status has to have, by the definitions of OpenKruise 1.9.1."""


def live(status: Manifest, partition: int | str = 0, *, generation: int = 1) -> Manifest:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}
    return {
        "metadata": {"name": "web", "generation": generation},
        "spec": {"replicas": 5, "updateStrategy": strategy},
        "status": status,
    }


def stateful(updated: int = 5, ready: int = 5, current: str = "web-1", **more: int) -> Manifest:
    counts = {"replicas": 5, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": updated}
    return {"observedGeneration": 1, "currentRevision": current, "updateRevision": "web-1", **counts, **more}


def daemons(updated: int = 5, ready: int = 5) -> Manifest:
    scheduled = {"desiredNumberScheduled": 5, "currentNumberScheduled": 5, "updatedNumberScheduled": updated}
    return {"observedGeneration": 1, "numberReady": ready, "numberAvailable": ready, **scheduled}


@pytest.mark.parametrize(
    ("manifest", "health"),
    [
        (live({}), "Unknown"),
        (live(daemons()), "Healthy"),
        (live(daemons(), generation=2), "Progressing"),
        (live(daemons(2)), "Progressing"),
        (live(daemons(2), 3), "Healthy"),
        (live(daemons(2, 4), 3), "Progressing"),
        (live(daemons(3), "50%"), "Healthy"),
        (live(daemons(2), "50%"), "Progressing"),
        (live(daemons(5, 4), 3), "Unhealthy"),
    ],
    ids=[
        "nobody reports",
        "all is done",
        "not observed",
        "pods are to be updated",
        "waits at its partition",
        "a pod of its batch is not ready",
        "waits at a percentage, rounded down",
        "a percentage is not reached",
        "a pod is down although all are updated",
    ],
)
def test_health_of_an_advanced_daemon_set(manifest: Manifest, health: str) -> None:
    kind = workloads.of(GROUP, "DaemonSet")
    assert kind.health(kind.project(manifest)) == health


@pytest.mark.parametrize(
    ("manifest", "health"),
    [
        (live(stateful()), "Healthy"),
        (live(stateful(2)), "Progressing"),
        (live(stateful(2), 3), "Healthy"),
        (live(stateful(5, 4)), "Unhealthy"),
    ],
)
def test_health_of_an_advanced_stateful_set(manifest: Manifest, health: str) -> None:
    kind = workloads.of(GROUP, "StatefulSet")
    assert kind.health(kind.project(manifest)) == health


@pytest.mark.parametrize("kind", REQUIRED)
def test_the_status_has_all_that_the_schema_demands_also_when_it_is_zero(kind: str) -> None:
    previous = {"observedGeneration": 2}
    status = workloads.of(GROUP, kind).roll_up({}, generation=3, previous=previous, now=NOW)
    assert status is not None
    assert {name: status[name] for name in REQUIRED[kind]} == dict.fromkeys(REQUIRED[kind], 0)


def test_counters_of_updated_pods_are_summed_where_the_manifest_is_the_present_one() -> None:
    kind = workloads.of(GROUP, "StatefulSet")
    rolling = kind.project(live(stateful(3, 5, "web-0", updatedReadyReplicas=2, currentReplicas=2)))
    copies = {"m1": Copy(rolling, True, True), "m2": Copy(rolling, False, True)}
    status = kind.roll_up(copies, generation=3, previous={}, now=NOW)
    assert status is not None
    assert (status["replicas"], status["currentReplicas"]) == (10, 4)
    assert (status["updatedReplicas"], status["updatedReadyReplicas"]) == (3, 2)
    assert (status["currentRevision"], status["updateRevision"]) == ("web-0", "web-1")


@pytest.mark.parametrize("kind", ["CloneSet", *REQUIRED])
def test_pods_are_made_of_the_template(kind: str) -> None:
    manifest = {"apiVersion": f"{GROUP}/v1beta1", "kind": kind}
    assert pod_template_path(manifest) == ("spec", "template")
