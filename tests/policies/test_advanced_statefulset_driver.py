"""An Advanced StatefulSet is held by its partition: what else of its strategy stays, where its pods are."""

from __future__ import annotations

import pytest

from policies import workloads
from policies.api.meta import Manifest
from policies.workloads.advanced_statefulset_driver import AdvancedStatefulSetDriver
from policies.workloads.driver import Part, Pod

driver = AdvancedStatefulSetDriver()
kind = workloads.of("apps.kruise.io", "StatefulSet")
UNSAID = {"maxUnavailable": 1, "podUpdatePolicy": "ReCreate", "minReadySeconds": 0}
IN_PLACE = {"podUpdatePolicy": "InPlaceIfPossible", "inPlaceUpdateStrategy": {"gracePeriodSeconds": 10}}


def manifest(rolling: Manifest | None = None, **spec: object) -> Manifest:
    strategy = {} if rolling is None else {"updateStrategy": {"rollingUpdate": rolling}}
    return {"spec": {"replicas": 10, **strategy, **spec}}


def rolling(fields: Manifest) -> Manifest:
    assert set(fields) == set(driver.FIELDS)
    assert fields["updateStrategy"]["type"] == "RollingUpdate"
    rules: Manifest = fields["updateStrategy"]["rollingUpdate"]
    return rules


@pytest.mark.parametrize(
    ("user", "held"),
    [
        (None, UNSAID),
        ({}, UNSAID),
        ({"maxUnavailable": "20%", "minReadySeconds": 5}, {"maxUnavailable": "20%", "minReadySeconds": 5}),
        (IN_PLACE, IN_PLACE),
        ({"podUpdatePolicy": "InPlaceOnly"}, {"podUpdatePolicy": "InPlaceOnly"}),
        ({"partition": 3, "paused": True}, {}),
        ({"unorderedUpdate": {"priorityStrategy": {"weightPriority": [{"weight": 1}]}}}, {}),
        ({"paused": False, "podUpdatePolicy": "", "maxUnavailable": None}, {}),
        ({"inPlaceUpdateStrategy": {"gracePeriodSeconds": 0}, "minReadySeconds": 0}, {}),
    ],
    ids=[
        "none",
        "empty",
        "bounds",
        "in place",
        "in place only",
        "a partition and a pause",
        "an order",
        "fields that are dropped or filled in",
        "zeros, of which the webhook drops some",
    ],
)
def test_a_batch_is_held_by_the_partition_and_what_the_webhook_fills_in_is_said(
    user: Manifest | None, held: Manifest
) -> None:
    found = rolling(driver.hold(manifest(user), Part(4), 10))
    assert found == UNSAID | held | {"partition": 6}


def test_the_partition_leaves_outliers_aside_and_is_for_the_replicas_that_are_written() -> None:
    assert rolling(driver.hold(manifest(), Part(6, 4), 99))["partition"] == 8
    assert rolling(driver.hold({"spec": {}}, Part(2), 5))["partition"] == 3


def test_pods_are_replaced_by_the_partition_also_where_the_user_deletes_them() -> None:
    user = {"spec": {"replicas": 10, "updateStrategy": {"type": "OnDelete"}}}
    assert rolling(driver.hold(user, Part(4), 10)) == UNSAID | {"partition": 6}


@pytest.mark.parametrize(
    ("policy", "bound", "at_a_time"),
    [("Parallel", 4, 4), ("Parallel", 0, 1), ("OrderedReady", 4, 1), (None, 4, 1)],
)
def test_the_way_back_is_for_all_pods_and_as_fast_as_it_may(
    policy: str | None, bound: int, at_a_time: int
) -> None:
    said = {} if policy is None else {"podManagementPolicy": policy}
    user = manifest(IN_PLACE | {"partition": 3, "maxUnavailable": 2}, **said)
    wanted = UNSAID | IN_PLACE | {"partition": 0, "maxUnavailable": at_a_time}
    assert rolling(driver.return_to(user, bound)) == wanted


def live(ready: int, updated: int, *, replicas: int = 5, there: int = 5, **more: int) -> Manifest:
    status = {"observedGeneration": 1, "replicas": there, "readyReplicas": ready, "updatedReplicas": updated}
    metadata = {"name": "web", "generation": 1}
    return {"metadata": metadata, "spec": {"replicas": replicas}, "status": status | more}


@pytest.mark.parametrize(
    ("manifest", "updated", "updated_ready"),
    [
        (live(4, 2, updatedReadyReplicas=2), 2, 2),
        (live(4, 2, updatedReadyReplicas=1), 2, 1),
        (live(4, 2), 2, 1),
        (live(5, 1, updatedReadyReplicas=2), 1, 1),
        (live(4, 4, replicas=3, updatedReadyReplicas=4), 2, 2),
        (live(4, 4, replicas=3, updatedReadyReplicas=3), 2, 1),
        (live(3, 1, replicas=3, updatedReadyReplicas=1), 0, 0),
    ],
    ids=[
        "an old pod is down",
        "a new pod is down",
        "v1alpha1 does not tell, so any may be",
        "one that is being deleted is ready, and updated no more",
        "two are too many",
        "two are too many, and one is down",
        "those that are too many are not the new ones alone",
    ],
)
def test_new_pods_that_are_ready_are_counted_as_the_status_says(
    manifest: Manifest, updated: int, updated_ready: int
) -> None:
    seen = driver.progress(kind.project(manifest))
    assert (seen.updated, seen.updated_ready) == (updated, updated_ready)


@pytest.mark.parametrize(
    ("spec", "ordinals", "places"),
    [
        ({}, [0, 1, 2], [0, 1, 2]),
        ({"reserveOrdinals": [1, 3]}, [0, 2, 4, 5], [0, 1, 2, 3]),
        ({"reserveOrdinals": ["1-3", 2, 9]}, [0, 4, 5], [0, 1, 2]),
        ({"reserveOrdinals": ["4-9", "1-5", "0-1"]}, [10, 11], [0, 1]),
        ({"reserveOrdinals": ["0-99999999"]}, [100000000], [0]),
        ({"reserveOrdinals": ["two", "5-3", "1-", 1]}, [0, 2, 5], [0, 1, 4]),
        ({"ordinals": {"start": 5}}, [5, 6, 7], [0, 1, 2]),
        ({"ordinals": {"start": 5}, "reserveOrdinals": ["3-6"]}, [7, 8], [0, 1]),
        ({"ordinals": {"start": 5}, "reserveOrdinals": [1]}, [0, 2, 3], [0, 1, 2]),
    ],
    ids=[
        "all",
        "reserved",
        "ranges",
        "ranges that overlap",
        "as many as one likes",
        "what is no range",
        "a start",
        "reserved before the start",
        "a start without its feature gate",
    ],
)
def test_places_are_counted_without_the_ordinals_that_are_reserved(
    spec: Manifest, ordinals: list[int], places: list[int]
) -> None:
    pods = [Pod(f"web-{ordinal}", "", True, True, False, ordinal) for ordinal in ordinals]
    made = live(5, 5)
    copy = kind.project(made | {"spec": made["spec"] | spec})
    assert [pod.ordinal for pod in driver.placed(pods, copy)] == places
