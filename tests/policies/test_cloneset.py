"""What is known of OpenKruise's CloneSet, and by what a release holds one."""

from __future__ import annotations

from typing import Any

import pytest

from policies import workloads
from policies.api.meta import Manifest
from policies.workloads import Copy
from policies.workloads.cloneset_driver import CloneSetDriver
from policies.workloads.driver import Part

DRIVER = CloneSetDriver()
CLONESET = workloads.of("apps.kruise.io", "CloneSet")
NOW = "2026-02-02T00:00:00Z"
OVERDUE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


def live(status: Manifest | None = None, *, replicas: int = 5, generation: int = 1, **spec: Any) -> Manifest:
    metadata = {"name": "web", "generation": generation}
    return {"metadata": metadata, "spec": {"replicas": replicas, **spec}, "status": status or {}}


def counts(updated: int = 5, ready: int = 5, *, there: int = 5, expected: int = 5, **more: Any) -> Manifest:
    """The status of a CloneSet of 5 pods; of those that are not ready all are updated ones."""
    return {
        "observedGeneration": 1,
        "replicas": there,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "updatedReplicas": updated,
        "updatedReadyReplicas": updated - (there - ready),
        "expectedUpdatedReplicas": expected,
        "currentRevision": "web-6f5c",
        "updateRevision": "web-77d9",
        **more,
    }


@pytest.mark.parametrize(
    ("manifest", "health"),
    [
        (live(), "Unknown"),
        (live(counts()), "Healthy"),
        (live(counts(0, 0, there=0, expected=0), replicas=0), "Healthy"),
        (live(counts(), generation=2), "Progressing"),
        (live(counts(4, 4, there=4)), "Progressing"),
        (live(counts(3)), "Progressing"),
        (live(counts(2, expected=2)), "Healthy"),
        (live(counts(2, 4, expected=2)), "Progressing"),
        (live(counts(3, expected=2)), "Healthy"),
        (live(counts(5, 4)), "Unhealthy"),
        (live(counts(2, 4, expected=2, conditions=[OVERDUE])), "Unhealthy"),
    ],
    ids=[
        "nobody reports",
        "all is done",
        "of no pods",
        "not observed",
        "pods are missing",
        "pods are to be updated",
        "waits at its partition",
        "a pod of its batch is not ready",
        "more are updated than a raised partition says",
        "a pod is down although all are updated",
        "missed its deadline",
    ],
)
def test_health(manifest: Manifest, health: str) -> None:
    assert CLONESET.health(CLONESET.project(manifest)) == health


def test_updated_pods_of_a_stale_copy_count_neither_as_updated_nor_as_updated_and_ready() -> None:
    done, stale = Copy(CLONESET.project(live(counts())), True, True), CLONESET.project(live(counts(2)))
    status = CLONESET.roll_up(
        {"m1": done, "m2": Copy(stale, False, True)}, generation=3, previous={}, now=NOW
    )
    assert status is not None
    assert (status["replicas"], status["readyReplicas"], status["availableReplicas"]) == (10, 10, 10)
    assert (status["updatedReplicas"], status["updatedReadyReplicas"]) == (5, 5)
    assert status["updateRevision"] == "web-77d9"
    assert "observedGeneration" not in status


def test_the_status_has_all_that_the_schema_demands_also_when_it_is_zero() -> None:
    status = CLONESET.roll_up({}, generation=3, previous={"observedGeneration": 2}, now=NOW)
    assert status is not None
    demanded = ("availableReplicas", "readyReplicas", "replicas", "updatedReadyReplicas", "updatedReplicas")
    assert {name: status[name] for name in demanded} == dict.fromkeys(demanded, 0)


def manifest(strategy: Manifest | None = None, version: str = "v1alpha1") -> Manifest:
    spec = {"replicas": 10} if strategy is None else {"replicas": 10, "updateStrategy": strategy}
    return {"apiVersion": f"apps.kruise.io/{version}", "kind": "CloneSet", "spec": spec}


ORDER = {"weightPriority": [{"weight": 0, "matchSelector": {"matchLabels": {"canary": "yes"}}}]}
SCATTER = [{"key": "zone", "value": "a"}]
IN_PLACE = {"type": "InPlaceIfPossible", "inPlaceUpdateStrategy": {"gracePeriodSeconds": 10}}


@pytest.mark.parametrize(
    ("strategy", "held"),
    [
        (None, {}),
        ({"maxUnavailable": "20%"}, {"maxUnavailable": "20%"}),
        ({"maxUnavailable": 0, "maxSurge": 2}, {"maxUnavailable": 1}),
        ({"maxUnavailable": "0%", "maxSurge": "50%"}, {"maxUnavailable": 1}),
        ({"partition": 3, "paused": True}, {}),
        (IN_PLACE, IN_PLACE),
        (
            {"type": "InPlaceOnly", "inPlaceUpdateStrategy": {"gracePeriodSeconds": 0}},
            {"type": "InPlaceOnly"},
        ),
        ({"type": "", "scatterStrategy": [], "priorityStrategy": {}, "maxUnavailable": None}, {}),
        (
            {"priorityStrategy": ORDER, "scatterStrategy": SCATTER},
            {"priorityStrategy": ORDER, "scatterStrategy": SCATTER},
        ),
    ],
    ids=[
        "none",
        "a bound",
        "surge alone",
        "surge alone, in percent",
        "a partition and a pause",
        "in place",
        "fields that are dropped",
        "empty fields",
        "an order",
    ],
)
def test_a_batch_is_held_by_the_partition_and_nothing_else_of_the_strategy_is_lost(
    strategy: Manifest | None, held: Manifest
) -> None:
    fields = DRIVER.hold(manifest(strategy), Part(4), 10)
    assert fields == {"updateStrategy": held | {"partition": 6, "maxSurge": 0}}
    assert set(fields) == set(DRIVER.FIELDS)


@pytest.mark.parametrize("of", range(1, 101))
def test_where_the_cluster_scales_its_pods_the_partition_is_a_share(of: int) -> None:
    manifest = {"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "spec": {}}
    for updated in range(of + 1):
        strategy = DRIVER.hold(manifest, Part(updated), of)["updateStrategy"]
        assert -(-int(strategy["partition"].removesuffix("%")) * of // 100) == of - updated


def test_a_cluster_that_may_have_all_keeps_none_back() -> None:
    for updated in (10, 12):
        held = DRIVER.hold(manifest(), Part(updated), 10)
        assert held["updateStrategy"]["partition"] == 0


def test_the_way_back_is_for_all_pods_and_as_fast_as_it_may() -> None:
    user = IN_PLACE | {"partition": 3, "maxUnavailable": 1, "maxSurge": 1}
    wanted = IN_PLACE | {"partition": 0, "maxUnavailable": 4, "maxSurge": 0}
    assert DRIVER.return_to(manifest(user), 4) == {"updateStrategy": wanted}
    assert DRIVER.return_to(manifest(), 0)["updateStrategy"]["maxUnavailable"] == 1


def test_later_versions_have_the_rules_a_level_deeper() -> None:
    user = {"rollingUpdate": {"podUpdatePolicy": "InPlaceIfPossible", "maxSurge": 1, "paused": True}}
    rolling = {"podUpdatePolicy": "InPlaceIfPossible", "maxSurge": 0, "partition": 6}
    held = DRIVER.hold(manifest(user, "v1beta1"), Part(4), 10)
    assert held == {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}


def test_pods_are_counted_as_the_status_says() -> None:
    seen = DRIVER.progress(CLONESET.project(live(counts(3, 4))))
    assert (seen.total, seen.ready, seen.updated, seen.updated_ready) == (5, 4, 3, 2)
    assert seen.observed
    assert not seen.ordered


@pytest.mark.parametrize(
    "strategy",
    [
        {"priorityStrategy": ORDER},
        {"scatterStrategy": SCATTER},
        {"rollingUpdate": {"scatterStrategy": SCATTER}},
    ],
    ids=["priorities", "scattered", "v1beta1"],
)
def test_where_the_user_says_which_pods_go_first_those_that_are_down_need_not(strategy: Manifest) -> None:
    projected = CLONESET.project(live(counts(), updateStrategy=strategy))
    assert DRIVER.progress(projected).ordered


def test_the_present_template_is_known_by_the_hash_of_its_revision() -> None:
    assert DRIVER.newest(CLONESET.project(live(counts()))) == "77d9"
    assert DRIVER.newest(CLONESET.project(live())) == ""


@pytest.mark.parametrize(("former", "replicas", "updated"), [(20, 8, 4), (8, 20, 10), (10, 0, 0), (0, 10, 0)])
def test_scaling_keeps_the_share(former: int, replicas: int, updated: int) -> None:
    part = Part(former // 2)
    assert DRIVER.resized(part, former, replicas) == Part(updated)
