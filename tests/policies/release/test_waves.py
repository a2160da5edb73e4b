"""How many more pods each cluster may take down now."""

from __future__ import annotations

from dataclasses import replace

from policies.release.waves import Berth, grants


def berth(*, target: int = 5, permitted: int = 0, proven: int = 0, down: int = 0, limit: int = 10) -> Berth:
    """A cluster of ten pods; `down` are not ready beside those of the run, and go first."""
    return Berth(10, target, permitted, proven, down, first_down=down, limit=limit, open=True)


def given(limit: int, *, concurrent: int | None = None, **berths: Berth) -> dict[str, int]:
    return grants(berths, limit, concurrent, sorted(berths), False)


def test_no_more_go_down_than_the_bound_of_all_clusters_leaves() -> None:
    assert given(2, a=berth(), b=berth()) == {"a": 1, "b": 1}
    assert given(2, a=berth(permitted=2), b=berth()) == {}


def test_pods_that_are_down_leave_no_room_elsewhere() -> None:
    assert given(2, a=berth(target=0, down=2), b=berth()) == {}


def test_pods_that_are_down_are_replaced_although_they_fill_the_bound() -> None:
    assert given(2, a=berth(down=10)) == {"a": 2}
    assert given(2, a=berth(down=1), b=berth(down=1)) == {"a": 1, "b": 1}


def test_pods_that_are_down_but_not_the_first_to_go_leave_no_room_either() -> None:
    assert given(2, a=replace(berth(down=2), first_down=0)) == {}
    assert given(2, a=replace(berth(down=2), first_down=1)) == {"a": 1}


def test_what_is_down_is_replaced_within_the_bounds_too() -> None:
    assert given(3, a=berth(permitted=2, down=8, limit=4)) == {"a": 3}
    assert given(5, a=berth(down=10, limit=1)) == {"a": 1}
    assert given(5, a=berth(target=2, down=10)) == {"a": 2}


def test_room_is_used_beside_what_is_down() -> None:
    assert given(3, a=berth(down=1)) == {"a": 3}


def test_no_more_clusters_are_on_their_way_than_may_be() -> None:
    assert given(5, concurrent=1, a=berth(), b=berth()) == {"a": 5}
    assert given(5, concurrent=1, a=berth(permitted=1, limit=4), b=berth(down=3)) == {"a": 2}
