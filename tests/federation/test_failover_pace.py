"""How fast workloads leave a cluster."""

from __future__ import annotations

from federation.controllers.pace import Pace
from federation.kube.ref import Ref
from tests.federated import DEPLOYMENTS


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def web(number: int) -> Ref:
    return Ref(DEPLOYMENTS, "shop", f"web-{number}")


def test_each_has_its_turn_and_keeps_it_however_often_it_asks() -> None:
    clock = Clock()
    pace = Pace(0.5, clock)
    assert [pace.wait("m1", web(n)) for n in (1, 2, 3, 2, 3)] == [0, 2, 4, 2, 4]
    assert pace.wait("m2", web(1)) == 0  # each cluster has a pace of its own
    clock.now += 3
    assert [pace.wait("m1", web(n)) for n in (2, 3, 4)] == [0, 1, 3]


def test_a_turn_is_given_back_with_what_it_was_for() -> None:
    clock = Clock()
    pace = Pace(0.5, clock)
    for number in range(100):
        pace.wait("m1", web(number))
    pace.keep(web(1), {"m1"})
    assert pace.wait("m1", web(1)) == 2
    for number in range(100):
        pace.keep(web(number), ())
    assert pace.wait("m1", web(1)) == 2  # one went a moment ago; nobody waits for those that did not
