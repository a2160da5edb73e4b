"""Which losses of endpoints are believed, and which are held: one at a time, and in numbers."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.settings import Losses
from mcs.api.source_state import SourceStateSpec
from mcs.brake import BELIEVED, Brake, Pause, lost_by
from mcs.names import Service
from mcs.slices import Slice
from tests.mcs.imports import piece, service_set

LIMITS = Losses(gather=1.0, window=10.0, hold=30.0)
MANY = BELIEVED + 1


def service(number: int) -> Service:
    return "shop", f"web-{number}"


def lose(brake: Brake, count: int, *, total: int, now: float = 0.0, first: int = 0) -> list[Pause | None]:
    return [brake.lost("m1", service(first + each), total, now) for each in range(count)]


def test_where_there_are_few_services_nothing_ever_waits() -> None:
    brake = Brake(LIMITS)
    for each in range(BELIEVED):
        assert brake.lost("m1", service(each), BELIEVED - each, 0.0) is None


def test_a_few_of_many_wait_only_for_what_comes_with_them() -> None:
    brake = Brake(LIMITS)
    assert lose(brake, BELIEVED, total=30) == [Pause(1.0)] * BELIEVED
    assert lose(brake, BELIEVED, total=30, now=1.0) == [None] * BELIEVED


def test_many_are_held_together_those_that_came_first_too() -> None:
    brake = Brake(LIMITS)
    assert lose(brake, MANY, total=30)[-1] == Pause(30.0, held=True)
    assert lose(brake, MANY, total=30, now=1.0) == [Pause(29.0, held=True)] * MANY
    assert lose(brake, 1, total=30, now=30.0) == [Pause(0.0, held=True)]
    assert brake.holds == {"m1": 1}


def test_as_many_as_half_are_believed() -> None:
    brake = Brake(LIMITS)
    assert lose(brake, MANY, total=2 * MANY)[-1] == Pause(1.0)
    assert lose(brake, MANY, total=2 * MANY - 1)[-1] == Pause(30.0, held=True)


@pytest.mark.parametrize(("later", "held"), [(10.9, True), (11.1, False)])
def test_those_believed_a_moment_ago_count_and_earlier_ones_do_not(later: float, held: bool) -> None:
    brake = Brake(LIMITS)
    lose(brake, BELIEVED, total=30)
    lose(brake, BELIEVED, total=30, now=1.0)
    for each in range(BELIEVED):
        brake.settle(service(each), back=(), lost=())
    pause = brake.lost("m1", service(BELIEVED), 30 - BELIEVED, later)
    assert (pause is not None and pause.held) == held


def test_losses_that_come_slowly_are_held_from_when_they_are_many() -> None:
    """One comes as the one before goes."""
    brake = Brake(LIMITS)
    for each in range(BELIEVED):
        assert brake.lost("m1", service(each), 30 - each, each * 0.25) == Pause(1.0)
        assert brake.lost("m1", service(each), 30 - each, each * 0.25 + 1.0) is None
    last = brake.lost("m1", service(BELIEVED), 30 - BELIEVED, BELIEVED * 0.25)
    assert last == Pause(30.0, held=True)


def test_what_is_put_back_is_held_no_more_and_the_others_are() -> None:
    brake = Brake(LIMITS)
    lose(brake, MANY, total=30)
    brake.settle(service(0), back={"m1"}, lost=())
    assert brake.lost("m1", service(1), 30, 2.0) == Pause(28.0, held=True)
    for each in range(1, MANY):
        brake.settle(service(each), back={"m1"}, lost=())
    assert brake.lost("m1", service(0), 30, 3.0) == Pause(1.0)


def test_what_is_put_back_and_lost_again_counts_anew() -> None:
    brake = Brake(LIMITS)
    lose(brake, BELIEVED, total=30)
    lose(brake, BELIEVED, total=30, now=1.0)
    brake.settle(service(0), back={"m1"}, lost=())
    assert brake.lost("m1", service(0), 30, 1.5) == Pause(1.0)


def test_what_another_rule_removes_is_held_no_more() -> None:
    """Such as the cluster's death, or the end of the export."""
    brake = Brake(LIMITS)
    lose(brake, MANY, total=30)
    for each in range(MANY - 1):
        brake.settle(service(each), back=(), lost=())
    assert brake.lost("m1", service(MANY - 1), 30, 2.0) == Pause(28.0, held=True)
    brake.settle(service(MANY - 1), back=(), lost=())
    assert brake.lost("m1", service(0), 30, 3.0) == Pause(1.0)


def test_what_the_host_says_again_is_removed_and_what_it_has_is_held_on() -> None:
    brake = Brake(LIMITS)
    lose(brake, MANY, total=30)
    brake.asked("m1", {service(0)}, 30.0)
    assert lose(brake, 2, total=30, now=30.0) == [Pause(30.0, held=True), None]
    assert brake.holds == {"m1": 1}


def test_what_is_lost_after_the_host_was_asked_is_a_matter_of_its_own() -> None:
    brake = Brake(LIMITS)
    lose(brake, MANY, total=100)
    lose(brake, 60, total=100)
    brake.asked("m1", (), 30.0)
    assert lose(brake, 60, total=100, now=30.0) == [None] * 60
    assert lose(brake, 1, total=40, now=30.0, first=60) == [Pause(1.0)]
    assert lose(brake, MANY, total=40, now=30.5, first=60)[-1] == Pause(30.0, held=True)
    assert brake.holds == {"m1": 2}


def test_the_host_is_asked_once_for_all_that_is_held() -> None:
    brake = Brake(LIMITS)
    lose(brake, MANY, total=30)
    assert (brake.is_due("m1", 29.9), brake.is_due("m1", 30.0)) == (False, True)
    brake.asked("m1", (), 30.0)
    assert not brake.is_due("m1", 30.0)


def test_what_came_back_while_the_host_was_asked_is_nothing_to_it() -> None:
    brake = Brake(LIMITS)
    lose(brake, MANY, total=30)
    for each in range(MANY):
        brake.settle(service(each), back={"m1"}, lost=())
    brake.asked("m1", (), 30.0)
    assert lose(brake, 1, total=30, now=30.0) == [Pause(1.0)]


def test_clusters_do_not_count_together() -> None:
    brake = Brake(LIMITS)
    lose(brake, MANY, total=30)
    assert brake.lost("m3", service(0), 30, 0.0) == Pause(1.0)


class Event(NamedTuple):
    after: float
    service: int
    back: bool


EVENTS = st.lists(st.builds(Event, st.floats(0.0, 3.0), st.integers(0, 39), st.booleans()), max_size=80)


@settings(max_examples=40)
@given(EVENTS)
def test_unless_the_host_is_asked_no_more_go_in_a_window_than_are_believed(events: list[Event]) -> None:
    brake, now = Brake(LIMITS), 0.0
    lost, went = set[int](), list[tuple[float, int]]()
    for event in events:
        now += event.after
        if event.back:
            lost.discard(event.service)
            brake.settle(service(event.service), back={"m1"}, lost=())
        else:
            lost.add(event.service)
        for each in sorted(lost):
            if brake.lost("m1", service(each), 40 - len({one for _, one in went}), now) is None:
                went.append((now, each))
                lost.discard(each)
        recent = {one for at, one in went if at >= now - LIMITS.window}
        assert len(recent) <= max(BELIEVED, 40 // 2)


@given(st.integers(1, BELIEVED), st.integers(0, 100), st.floats(0.0, 5.0))
def test_few_are_never_held(count: int, others: int, now: float) -> None:
    brake = Brake(LIMITS)
    for moment in (now, now + LIMITS.gather):
        answers = lose(brake, count, total=count + others, now=moment)
        assert not any(pause and pause.held for pause in answers)
    assert answers == [None] * count


@pytest.mark.parametrize(
    ("remote", "said", "missing", "expected"),
    [
        pytest.param({}, {"synced": True}, (), {"m1"}, id="none"),
        pytest.param({"m1": {}}, {"synced": True}, (), {"m1"}, id="none any more"),
        pytest.param({"m1": {"z": piece("10.1.0.2", "m1")}}, {"synced": True}, (), set(), id="another"),
        pytest.param({}, {"synced": False}, (), set(), id="nobody knows"),
        pytest.param({}, {"synced": True, "left": True}, (), set(), id="it left"),
        pytest.param({}, {"synced": True}, ("m1",), set(), id="no sign of life"),
    ],
)
def test_a_loss_is_of_all_slices_of_a_cluster_that_exports_the_service_still(
    remote: dict[str, dict[str, Slice]], said: dict[str, bool], missing: tuple[str, ...], expected: set[str]
) -> None:
    """m3 exports it no more, m2 is the cluster itself, and of m4 nothing is here."""
    here = {"a": piece("10.1.0.1", "m1"), "b": piece("10.2.0.1", "m2"), "c": piece("10.3.0.1", "m3")}
    sources = [SourceStateSpec(cluster=each, synced=True) for each in ("m2", "m3", "m4")]
    sources.append(SourceStateSpec(cluster="m1", **said))
    assert lost_by("m2", service_set("m1", "m2", "m4"), here, remote, sources, missing) == expected
