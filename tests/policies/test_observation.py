"""A binding's status from what is known of each cluster."""

from __future__ import annotations

from typing import Any

import pytest

from policies.api.binding import BindingSpec, BindingStatus, ClusterResult, TargetCluster
from policies.observation import Stamp, binding_status
from policies.verdicts import Verdict

SCHEDULED = Verdict("Scheduled", "placed on 2 clusters")
EARLY, LATE = Stamp(1, "2026-01-01T00:00:00Z"), Stamp(2, "2026-01-02T00:00:00Z")


def spec(*clusters: str) -> BindingSpec:
    resource = {"apiVersion": "v1", "kind": "ConfigMap", "plural": "configmaps", "name": "a"}
    return BindingSpec.model_validate(
        {"resource": resource, "clusters": [TargetCluster(name=c) for c in clusters]}
    )


def result(name: str, **more: Any) -> ClusterResult:
    return ClusterResult(name=name, **({"applied": True, "health": "Healthy"} | more))


def status(*results: ClusterResult, verdict: Verdict = SCHEDULED, stamp: Stamp = EARLY,
           before: BindingStatus | None = None) -> BindingStatus:  # fmt: skip
    return binding_status(
        spec(*(r.name for r in results)), verdict, results, before or BindingStatus(), stamp
    )


def told(of: BindingStatus, type_: str) -> tuple[str, str]:
    found = next(c for c in of.conditions if c.type == type_)
    return found.status, found.reason


def test_all_is_well() -> None:
    now = status(result("m1"), result("m2"))
    assert [told(now, t) for t in ("Scheduled", "Applied", "Healthy")] == [
        ("True", "Scheduled"),
        ("True", "AllApplied"),
        ("True", "AllHealthy"),
    ]


def test_a_failing_cluster_is_named_with_its_reason() -> None:
    now = status(result("m2", applied=False, reason="Invalid", message="spec.x is immutable"), result("m1"))
    assert told(now, "Applied") == ("False", "Invalid")
    message = next(c.message for c in now.conditions if c.type == "Applied")
    assert message == "1/2 clusters hold the present manifest; m2: spec.x is immutable"
    assert [r.name for r in now.clusters] == ["m1", "m2"]


@pytest.mark.parametrize(
    ("healths", "expected"),
    [
        (("Healthy", "Progressing"), ("False", "Progressing")),
        (("Progressing", "Unhealthy"), ("False", "Unhealthy")),
        (("Healthy", "Unknown"), ("Unknown", "Unknown")),
        (("Unknown", "Unhealthy"), ("False", "Unhealthy")),
    ],
)
def test_the_worst_health_counts(healths: tuple[str, str], expected: tuple[str, str]) -> None:
    now = status(*(result(f"m{i}", health=health) for i, health in enumerate(healths)))
    assert told(now, "Healthy") == expected


def test_a_placement_that_could_not_be_made_is_not_scheduled() -> None:
    now = status(verdict=Verdict("NoClusterFit", "0/2 clusters fit"))
    assert told(now, "Scheduled") == ("False", "NoClusterFit")
    assert told(now, "Applied") == ("False", "NoClusters")


def test_transition_times_move_with_the_status_only() -> None:
    first = status(result("m1"), stamp=EARLY)
    same = status(result("m1"), stamp=LATE._replace(generation=1), before=first)
    assert same == first
    worse = status(result("m1", health="Unhealthy"), stamp=LATE, before=first)
    times = {c.type: c.last_transition_time for c in worse.conditions}
    assert times == {"Scheduled": EARLY.now, "Applied": EARLY.now, "Healthy": LATE.now}
