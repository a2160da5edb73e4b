"""A StatefulSet is held by its partition: what it covers, what scaling leaves of it, which pods must go."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.api.meta import Manifest
from policies.workloads.driver import Part, Pod
from policies.workloads.statefulset_driver import StatefulSetDriver

driver = StatefulSetDriver()


def projected(current: str = "v1", partition: int = 0, replicas: int = 5) -> Manifest:
    """A copy at template v2."""
    spec = {"replicas": replicas, "partition": partition}
    revisions = {"observedGeneration": 1, "currentRevision": current, "updateRevision": "v2"}
    return {"generation": 1, "spec": spec, "status": revisions}


def pods(said: str) -> list[Pod]:
    """Pods from ordinal 0: `n` of the newest template, `o` of another, capitals where they are ready, `l` one
    of the newest that leaves.
    """
    return [
        Pod(f"web-{i}", str(i), letter in "nNl", letter in "NO", letter == "l", i)
        for i, letter in enumerate(said)
    ]


def partition_of(part: Part, replicas: int) -> int:
    held = driver.hold({"spec": {"replicas": replicas}}, part, replicas)
    partition: int = held["updateStrategy"]["rollingUpdate"]["partition"]
    return partition


def ordinals(found: Sequence[Pod]) -> list[int]:
    return [pod.ordinal for pod in found]


@pytest.mark.parametrize(
    ("part", "replicas", "partition"),
    [
        (Part(0), 5, 5),
        (Part(2), 5, 3),
        (Part(5), 5, 0),
        (Part(3, 3), 5, 5),
        (Part(3, 1), 5, 3),
        (Part(7), 5, 0),
    ],
)
def test_the_partition_covers_what_is_permitted_outliers_aside(
    part: Part, replicas: int, partition: int
) -> None:
    assert driver.hold({"spec": {"replicas": replicas}}, part, 99) == {
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}
    }


def test_where_the_cluster_scales_its_pods_the_partition_is_for_as_many_as_were_seen() -> None:
    held = driver.hold({"spec": {}}, Part(2), 5)
    assert held["updateStrategy"]["rollingUpdate"] == {"partition": 3}


def test_all_pods_go_back_below_a_partition_of_the_templates_own_too() -> None:
    manifest = {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 3}}}}
    assert driver.return_to(manifest, 2) == {
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    }


@pytest.mark.parametrize(
    ("part", "former", "replicas", "resized"),
    [
        # up: those of the template stay, and are the last ones no more
        (Part(4), 10, 20, Part(4, 4)),
        (Part(4, 1), 10, 20, Part(4, 4)),
        (Part(0), 10, 20, Part(0)),
        # all may be of it: so may those that come
        (Part(10), 10, 20, Part(20, 20)),
        (Part(10, 10), 10, 20, Part(20, 20)),
        # down: the last ones go first, and they are of the template
        (Part(4), 10, 8, Part(2)),
        (Part(4), 10, 6, Part(0)),
        (Part(4), 10, 3, Part(0)),
        (Part(10), 10, 3, Part(3)),
        # down with outliers: those may all be among the pods that are left
        (Part(6, 4), 20, 19, Part(5, 4)),
        (Part(6, 4), 20, 10, Part(4, 4)),
        (Part(6, 4), 20, 3, Part(3, 3)),
        (Part(4), 10, 0, Part(0)),
    ],
)
def test_scaling(part: Part, former: int, replicas: int, resized: Part) -> None:
    assert driver.resized(part, former, replicas) == resized


def test_scaling_up_twice_keeps_those_that_went_in_between_as_outliers() -> None:
    once = driver.resized(Part(4), 10, 20)
    assert driver.resized(Part(once.updated + 2, once.outliers), 20, 30) == Part(6, 6)


@given(st.data())
def test_scaling_lets_no_pod_go(data: st.DataObject) -> None:
    former, replicas = data.draw(st.integers(1, 30)), data.draw(st.integers(0, 30))
    updated = data.draw(st.integers(0, former - 1))
    part = Part(updated, data.draw(st.integers(0, updated)))
    covered = set(range(partition_of(part, former), former))
    resized = driver.resized(part, former, replicas)
    assert set(range(partition_of(resized, replicas), replicas)) <= covered
    assert 0 <= resized.outliers <= resized.updated <= replicas


@pytest.mark.parametrize(
    ("part", "updated", "outliers", "counted"),
    [
        (Part(6, 4), 6, 4, Part(6, 4)),
        (Part(6, 4), 5, 3, Part(5, 3)),  # one came back at the revision before
        (Part(6, 4), 2, 0, Part(2)),
        (Part(6, 4), 3, None, Part(6, 4)),  # nobody looked
        (Part(2), 0, 0, Part(2)),  # on their way
        (Part(2), 5, None, Part(5, 3)),  # others let them go: where they are is not known
        (Part(2), 5, 3, Part(5, 3)),
    ],
)
def test_what_is_seen_moves_no_partition(
    part: Part, updated: int, outliers: int | None, counted: Part
) -> None:
    assert driver.counted(part, updated, outliers) == counted
    assert partition_of(counted, 20) == partition_of(part, 20)


def test_a_part_that_is_stopped_lets_no_more_pods_go() -> None:
    assert partition_of(driver.stopped(Part(4, 1)), 10) == 10


@pytest.mark.parametrize(
    ("said", "partition", "outliers"), [("OnNOO", 4, 2), ("OOONN", 3, 0), ("OlOON", 4, 1), ("NNNNN", 0, 0)]
)
def test_outliers_are_the_pods_of_the_template_below_the_partition(
    said: str, partition: int, outliers: int
) -> None:
    newest = [pod for pod in pods(said) if pod.newest]
    assert driver.outliers(newest, Part(3, 2), projected(partition=partition)) == outliers


def test_where_all_pods_are_made_of_the_template_outliers_may_yet_come() -> None:
    newest = pods("NN")
    assert driver.outliers(newest, Part(5, 5), projected(current="v2", partition=5)) == 5


@pytest.mark.parametrize(
    ("said", "part", "obstacles"),
    [
        ("oOOoO", Part(2), [3]),
        ("oOOoO", Part(0), []),
        ("oOOoO", Part(2, 2), []),
        ("oOOoO", None, [0, 3]),
        ("OOOnN", Part(2), []),
        ("OOOlO", Part(2), []),
    ],
)
def test_obstacles_are_the_pods_that_may_go_and_are_down(
    said: str, part: Part | None, obstacles: list[int]
) -> None:
    assert ordinals(driver.obstacles(pods(said), part, 5)) == obstacles


@pytest.mark.parametrize(
    ("said", "part", "copy", "leftovers"),
    [
        ("oOOnN", Part(2, 2), projected(partition=5), [3]),
        ("oOOlN", Part(2, 2), projected(partition=5), []),
        ("NNNnN", Part(5, 5), projected(current="v2", partition=5), []),
        ("NNonN", None, projected(), [2]),
        ("NNonN", None, projected(partition=3), []),
    ],
)
def test_leftovers_are_the_pods_that_are_down_of_a_revision_given_up(
    said: str, part: Part | None, copy: Manifest, leftovers: list[int]
) -> None:
    assert ordinals(driver.leftovers(pods(said), part, copy)) == leftovers


@pytest.mark.parametrize(
    ("replicas", "status", "progress"),
    [
        (5, {"replicas": 5, "readyReplicas": 5, "updatedReplicas": 2}, (5, 5, 2, 2, 0)),
        (5, {"replicas": 5, "readyReplicas": 4, "updatedReplicas": 2}, (5, 4, 2, 1, 0)),
        (5, {"replicas": 4, "readyReplicas": 4, "updatedReplicas": 1}, (4, 4, 1, 1, 0)),
        (3, {"replicas": 5, "readyReplicas": 5, "updatedReplicas": 3}, (5, 5, 1, 1, 2)),
        (3, {"replicas": 5, "readyReplicas": 4, "updatedReplicas": 1}, (5, 4, 0, 0, 2)),
    ],
)
def test_pods_that_are_too_many_count_as_updated_and_gone(
    replicas: int, status: dict[str, int], progress: tuple[int, ...]
) -> None:
    copy = projected(replicas=replicas)
    assert driver.progress(copy | {"status": copy["status"] | status})[1:6] == progress


def test_places_are_counted_from_the_first_ordinal() -> None:
    copy = projected()
    first = copy | {"spec": copy["spec"] | {"ordinals": {"start": 3}}}
    listed = [pod._replace(ordinal=pod.ordinal + 3) for pod in pods("OOO")]
    assert ordinals(driver.placed(listed, first)) == [0, 1, 2]
    assert ordinals(driver.placed(listed, copy)) == [3, 4, 5]
