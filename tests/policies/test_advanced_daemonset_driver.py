"""DaemonSets of OpenKruise are held by their partition, and nothing the webhook refuses or drops is said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import workloads
from policies.api.meta import Manifest
from policies.workloads import drivers
from policies.workloads.advanced_daemonset_driver import AdvancedDaemonSetDriver
from policies.workloads.driver import Part, Progress

GROUP = "apps.kruise.io"
DRIVER = drivers.required(GROUP, "DaemonSet")
HELD: Manifest = {"maxUnavailable": "100%", "maxSurge": 0}


def web(rules: Manifest | None = None, kind: str = "RollingUpdate") -> Manifest:
    strategy = {"updateStrategy": {"type": kind, "rollingUpdate": rules}} if rules is not None else {}
    return {"apiVersion": f"{GROUP}/v1beta1", "kind": "DaemonSet", "spec": {"template": {}, **strategy}}


def live(generation: int = 2, **status: Any) -> Manifest:
    """A copy as the fleet keeps it."""
    metadata = {"name": "web", "generation": generation}
    return workloads.of(GROUP, "DaemonSet").project(web() | {"metadata": metadata, "status": status})


def test_daemonsets_of_openkruise_are_released_in_steps() -> None:
    assert isinstance(DRIVER, AdvancedDaemonSetDriver)
    assert DRIVER.units == "pods"


@pytest.mark.parametrize(
    ("updated", "replicas", "partition"),
    [(4, 10, 6), (10, 10, 0), (12, 10, 0), (0, 10, "100%"), (4, 0, "100%")],
    ids=["some", "all", "more than there are", "none", "nobody knows how many there are"],
)
def test_the_partition_keeps_back_all_but_those_that_may_go(
    updated: int, replicas: int, partition: int | str
) -> None:
    held = DRIVER.hold(web(), Part(updated), replicas)
    assert held == {
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": HELD | {"partition": partition}}
    }
    assert held.keys() == set(DRIVER.FIELDS)


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ({"maxUnavailable": "20%"}, {}),
        ({"maxUnavailable": 0, "maxSurge": "50%"}, {}),
        ({"partition": 3, "paused": True}, {}),
        ({"paused": False, "selector": {"matchLabels": {"zone": "a"}}}, {}),
        ({"rollingUpdateType": "Standard"}, {"rollingUpdateType": "Standard"}),
        ({"rollingUpdateType": "InPlaceIfPossible"}, {"rollingUpdateType": "InPlaceIfPossible"}),
        ({"rollingUpdateType": "Surging", "maxSurge": 1}, {}),
        ({"rollingUpdateType": "", "maxUnavailable": None}, {}),
        ({}, {}),
    ],
    ids=[
        "a bound",
        "surging",
        "a partition and a pause",
        "chosen nodes",
        "by new pods",
        "in place",
        "a type that the webhook turns into another",
        "empty fields",
        "no rules",
    ],
)
def test_of_the_strategy_only_whether_pods_are_updated_in_place_is_kept(
    rules: Manifest, kept: Manifest
) -> None:
    for kind in ("RollingUpdate", "OnDelete"):
        rolling = kept | HELD | {"partition": 6}
        held = DRIVER.hold(web(rules, kind), Part(4), 10)
        assert held == {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 50))
def test_both_bounds_stay_as_they_are_from_wave_to_wave(updated: int, more: int, replicas: int) -> None:
    """The webhook refuses an object of which one manager took away one of them."""
    before, after = (DRIVER.hold(web(), Part(part), replicas) for part in (updated, updated + more))
    for held in (before, after):
        del held["updateStrategy"]["rollingUpdate"]["partition"]
    assert before == after


@pytest.mark.parametrize(("asked", "bound"), [(0, 1), (1, 1), (3, 3)])
def test_on_the_way_back_the_bound_is_said_outright(asked: int, bound: int) -> None:
    user = {"rollingUpdateType": "InPlaceIfPossible", "partition": 3, "maxUnavailable": 2, "paused": True}
    rolling = {
        "rollingUpdateType": "InPlaceIfPossible",
        "partition": 0,
        "maxUnavailable": bound,
        "maxSurge": 0,
    }
    returning = DRIVER.return_to(web(user), asked)
    assert returning == {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}


@pytest.mark.parametrize(
    ("updated", "former", "replicas", "carried"),
    [
        (3, 10, 10, 3),
        (3, 10, 12, 5),
        (3, 10, 8, 1),
        (3, 10, 2, 0),
        (10, 10, 8, 8),
        (0, 10, 12, 0),
        (3, 0, 10, 3),
        (3, 0, 2, 2),
    ],
)
def test_where_nodes_come_and_go_the_partition_stays(
    updated: int, former: int, replicas: int, carried: int
) -> None:
    assert DRIVER.resized(Part(updated), former, replicas) == Part(carried)


@given(st.integers(1, 30), st.integers(0, 30), st.integers(1, 60))
def test_no_more_pods_go_because_of_nodes_that_come_and_go(updated: int, kept: int, replicas: int) -> None:
    """As long as some of what may go is left, the partition is the same."""
    former = updated + kept
    resized = DRIVER.resized(Part(updated), former, replicas)
    if resized.updated:
        rules = DRIVER.hold(web(), resized, replicas)["updateStrategy"]["rollingUpdate"]
        assert rules["partition"] == kept


@pytest.mark.parametrize(
    ("copy", "replicas"),
    [
        (live(), None),
        (live(observedGeneration=2), 0),
        (live(observedGeneration=1, desiredNumberScheduled=3), 3),
    ],
    ids=["no status", "no nodes", "nodes"],
)
def test_the_nodes_say_how_many_pods_are_wanted(copy: Manifest, replicas: int | None) -> None:
    assert DRIVER.replicas(7, copy) == replicas


def test_new_pods_count_as_ready_when_they_can_be_no_old_ones() -> None:
    counts = {"currentNumberScheduled": 9, "numberReady": 8, "updatedNumberScheduled": 4}
    assert DRIVER.progress(live(observedGeneration=2, **counts)) == Progress(True, 9, 8, 4, 3)
    assert not DRIVER.progress(live(observedGeneration=1, **counts)).observed


@pytest.mark.parametrize(
    ("status", "newest"),
    [({"updateRevision": "77d9"}, "77d9"), ({"daemonSetHash": "6f5c"}, "6f5c"), ({}, "")],
    ids=["v1beta1", "v1alpha1", "nothing told"],
)
def test_the_present_template_is_known_by_its_hash(status: Manifest, newest: str) -> None:
    assert DRIVER.newest(live(**status)) == newest
