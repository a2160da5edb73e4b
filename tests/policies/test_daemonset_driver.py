"""A DaemonSet in a release: what holds it, what returns it, what is counted, and which pods may go."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.api.meta import Manifest
from policies.workloads import daemonset, drivers
from policies.workloads.daemonset_driver import DaemonSetDriver
from policies.workloads.driver import Part, Pod, Progress

DRIVER = drivers.required("apps", "DaemonSet")


def web(**spec: Any) -> Manifest:
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": {"template": {}, **spec}}


def live(generation: int = 2, **status: int) -> Manifest:
    """A copy as the fleet keeps it."""
    metadata = {"name": "web", "generation": generation}
    return daemonset.project(web() | {"metadata": metadata, "status": status})


def pods(shorthand: str) -> list[Pod]:
    """One pod for each word: `o` is old, `n` is newest; `!` is not ready, `x` is leaving."""
    return [
        Pod(name=f"{i}{word}", uid=str(i), newest=word[0] == "n", ready=len(word) == 1, leaving="x" in word)
        for i, word in enumerate(shorthand.split())
    ]


def names(chosen: Sequence[Pod]) -> str:
    return " ".join(pod.name for pod in chosen)


def test_daemonsets_are_released_in_steps() -> None:
    assert isinstance(DRIVER, DaemonSetDriver)


SURGING = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


@pytest.mark.parametrize("strategy", [{}, {"updateStrategy": SURGING}, {"minReadySeconds": 30}])
@pytest.mark.parametrize("part", [Part(1), Part(5), Part(10)])
def test_whatever_is_permitted_its_own_controller_replaces_nothing(part: Part, strategy: Manifest) -> None:
    held = DRIVER.hold(web(**strategy), part, 10)
    assert held == {"updateStrategy": {"type": "OnDelete"}}
    assert held.keys() == set(DRIVER.FIELDS)


@pytest.mark.parametrize(("asked", "bound"), [(0, 1), (1, 1), (3, 3)])
def test_on_the_way_back_the_bound_is_said_outright(asked: int, bound: int) -> None:
    returning = DRIVER.return_to(web(updateStrategy=SURGING), asked)
    bounds = {"maxUnavailable": bound, "maxSurge": 0}
    assert returning == {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": bounds}}


@pytest.mark.parametrize(
    ("copy", "replicas"),
    [
        (None, None),
        (live(), None),
        (live(observedGeneration=2), 0),
        (live(observedGeneration=1, desiredNumberScheduled=3), 3),
    ],
    ids=["no copy", "no status", "no nodes", "nodes"],
)
def test_the_nodes_say_how_many_pods_are_wanted(copy: Manifest | None, replicas: int | None) -> None:
    assert DRIVER.replicas(7, copy) == replicas


@pytest.mark.parametrize(
    ("updated", "former", "replicas", "carried"),
    [
        (3, 10, 10, 3),
        (3, 10, 12, 3),
        (3, 10, 8, 1),
        (3, 10, 7, 0),
        (3, 10, 2, 0),
        (10, 10, 8, 8),
        (3, 0, 10, 3),
        (3, 0, 2, 2),
    ],
)
def test_a_node_that_goes_is_counted_as_new_and_one_that_comes_when_its_pod_is_seen(
    updated: int, former: int, replicas: int, carried: int
) -> None:
    assert DRIVER.resized(Part(updated), former, replicas) == Part(carried)


@pytest.mark.parametrize(
    ("copy", "seen"),
    [
        (live(), Progress(False, 0, 0, 0, 0)),
        (live(observedGeneration=1, currentNumberScheduled=3), Progress(False, 3, 0, 0, 0)),
        (
            live(
                observedGeneration=2,
                desiredNumberScheduled=10,
                currentNumberScheduled=9,
                numberReady=8,
                updatedNumberScheduled=4,
            ),
            Progress(True, 9, 8, 4, 3),
        ),
        (
            live(observedGeneration=2, currentNumberScheduled=9, numberReady=2, updatedNumberScheduled=4),
            Progress(True, 9, 2, 4, 0),
        ),
    ],
    ids=["nothing told", "not seen yet", "one missing, one not ready", "many not ready"],
)
def test_new_pods_count_as_ready_when_they_can_be_no_old_ones(copy: Manifest, seen: Progress) -> None:
    assert DRIVER.progress(copy) == seen


def test_the_history_tells_the_present_template_by_its_revision() -> None:
    past = [{"metadata": {"name": "a"}, "revision": 3}, {"metadata": {"name": "b"}, "revision": 2}]
    assert DRIVER.newest(live()) is None
    assert max(past, key=DRIVER.number)["metadata"]["name"] == "a"


@pytest.mark.parametrize(
    ("there", "updated", "replicas", "go"),
    [
        ("o o o o", 2, 4, "0o 1o"),
        ("o o o! o!", 1, 4, "2o!"),
        ("o o o! o!", 3, 4, "2o! 3o! 0o"),
        ("o o o ox", 1, 4, ""),
        ("o o o ox", 2, 4, "0o"),
        ("o o o", 1, 4, ""),
        ("o o o n", 1, 4, ""),
        ("o o o n", 2, 4, "0o"),
        ("o o n n", 1, 4, ""),
        ("o o o n!", 1, 4, ""),
        ("o o o nx", 1, 4, ""),
        ("o o o nx", 1, 3, "0o"),
        ("o o o o n", 1, 4, ""),
        ("o o o o o", 1, 4, "0o"),
        ("n n n n", 4, 4, ""),
        ("o! o!", 0, 2, ""),
        ("", 4, 4, ""),
    ],
    ids=[
        "as many as may",
        "not ready first",
        "not ready first, then by name",
        "one is leaving",
        "one is leaving, another may go",
        "one is gone and has yet to come",
        "one is new",
        "one is new, another may go",
        "others brought one more",
        "a new one is not ready",
        "a new one is leaving",
        "a new one is left behind by a node that went",
        "a node that is not counted yet has a new pod",
        "a node that is not counted yet has an old pod",
        "all are new",
        "none may go, ready or not",
        "no pods",
    ],
)
def test_so_many_old_pods_stay_as_were_not_permitted(
    there: str, updated: int, replicas: int, go: str
) -> None:
    assert names(DRIVER.obstacles(pods(there), Part(updated), replicas)) == go


def test_without_a_part_its_own_controller_replaces_them() -> None:
    assert list(DRIVER.obstacles(pods("o o! n"), None, 3)) == []


words = st.sampled_from(["o", "o!", "ox", "n", "n!", "nx"])


@given(st.lists(words, max_size=12), st.integers(0, 12), st.integers(0, 3))
def test_asked_again_at_any_point_no_more_go_than_may(there: list[str], updated: int, missing: int) -> None:
    """Some of those named are deleted, some come back new, and the answer is asked for again."""
    replicas = len(there) + missing
    for all_at_once, back in product((True, False), repeat=2):
        listed = pods(" ".join(there))
        touched = 0
        for _ in range(4):
            chosen = DRIVER.obstacles(listed, Part(updated), replicas)
            assert all(not pod.newest and not pod.leaving for pod in chosen)
            going = {pod.name for pod in (chosen if all_at_once else chosen[:1])}
            touched += len(going)
            listed = [
                pod._replace(newest=back, leaving=not back) if pod.name in going else pod for pod in listed
            ]
        begun = sum(word[0] == "n" or "x" in word for word in there) + missing
        assert touched <= max(0, updated - begun)
