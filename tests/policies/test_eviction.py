"""When a template leaves a cluster: taints, tolerations, purge modes and the brake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.api.binding import Eviction
from policies.api.cluster import Cluster
from policies.api.failover import PurgeMode
from policies.api.meta import Manifest, Taint
from policies.eviction import (
    DRAIN_TAINT,
    NOT_READY_TAINT,
    UNHEALTHY,
    UNREACHABLE_TAINT,
    Facts,
    Standing,
    brake,
    outlook,
    standing,
    stays,
    unwell,
)
from policies.failed_taints import tainted
from tests.policies.examples import cluster, pp, targets

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
FAILOVER: Manifest = {"failover": {"cluster": {}}}


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def taint(key: str = UNREACHABLE_TAINT, since: float = 0, effect: str = "NoExecute") -> Manifest:
    return {"key": key, "effect": effect, "timeAdded": ago(since)}


def tolerates(key: str = UNREACHABLE_TAINT, seconds: int | None = None) -> Manifest:
    found: Manifest = {"key": key, "operator": "Exists", "effect": "NoExecute"}
    return found if seconds is None else found | {"tolerationSeconds": seconds}


def evicts(*taints: Manifest, tolerations: tuple[Manifest, ...] = (), **spec: Any) -> object:
    """Return the reason of the eviction from m1 that is due, or the seconds until one is, or None."""
    policy = pp("p", placement={"clusterTolerations": list(tolerations)}, **spec)
    found = outlook(policy.spec, targets(m1=2), {"m1": cluster("m1", taints=list(taints))}, NOW)
    return found.due[0].reason if found.due else found.again


MAINTENANCE = "example.com/maintenance"


@pytest.mark.parametrize(
    ("taints", "tolerations", "spec", "expected"),
    [
        # Clusters that failed: only where the policy has its workloads fail over, and after 300 s.
        ([taint(since=9999)], [], {}, None),
        ([taint(since=9999)], [tolerates(seconds=10)], {}, None),
        ([taint(since=299)], [], FAILOVER, 1.0),
        ([taint(since=300)], [], FAILOVER, "ClusterUnreachable"),
        ([taint(NOT_READY_TAINT, 300)], [], FAILOVER, "ClusterNotReady"),
        ([taint(since=9999, effect="NoSchedule")], [], FAILOVER, None),
        ([taint(since=20)], [tolerates(seconds=20)], FAILOVER, "ClusterUnreachable"),
        ([taint(since=20)], [tolerates(seconds=21)], FAILOVER, 1.0),
        ([taint(since=9999)], [tolerates()], FAILOVER, None),
        ([taint(since=300)], [tolerates(NOT_READY_TAINT)], FAILOVER, "ClusterUnreachable"),
        # Those of people: at once, in any case, unless they are tolerated.
        ([taint(MAINTENANCE)], [], {}, "TaintUntolerated"),
        ([taint(DRAIN_TAINT)], [], {}, "Drained"),
        ([{"key": MAINTENANCE, "effect": "NoExecute"}], [], {}, "TaintUntolerated"),
        ([taint(MAINTENANCE)], [tolerates(MAINTENANCE)], {}, None),
        ([taint(MAINTENANCE, 5)], [tolerates(MAINTENANCE, 60)], {}, 55.0),
        ([taint(MAINTENANCE, 60)], [tolerates(MAINTENANCE, 60)], {}, "TaintUntolerated"),
        # Among tolerations that match, the least time counts; one without time does not lengthen it.
        ([taint(MAINTENANCE, 5)], [tolerates(MAINTENANCE, 60), tolerates(MAINTENANCE, 20)], {}, 15.0),
        ([taint(MAINTENANCE, 5)], [tolerates(MAINTENANCE), tolerates(MAINTENANCE, 20)], {}, 15.0),
        # Among taints, the one that evicts first.
        ([taint(since=0), taint(MAINTENANCE)], [tolerates(MAINTENANCE, 60)], FAILOVER, 60.0),
        ([taint(since=250), taint(MAINTENANCE)], [tolerates(MAINTENANCE, 60)], FAILOVER, 50.0),
        ([taint(since=250), taint(MAINTENANCE)], [], FAILOVER, "TaintUntolerated"),
        ([], [], FAILOVER, None),
    ],
)
def test_a_taint_evicts_after_the_time_for_which_it_is_tolerated(
    taints: list[Manifest], tolerations: list[Manifest], spec: Manifest, expected: object
) -> None:
    assert evicts(*taints, tolerations=tuple(tolerations), **spec) == expected


def test_an_eviction_records_what_it_takes_to_carry_it_out_and_to_explain_it() -> None:
    policy = pp("p", failover={"cluster": {"gracePeriodSeconds": 30}})
    there = {"m1": cluster("m1", taints=[taint(DRAIN_TAINT)]), "m2": cluster("m2")}
    (eviction,) = outlook(policy.spec, targets(m2=1, m1=2), there, NOW).due
    assert eviction == Eviction(
        from_cluster="m1",
        replicas=2,
        reason="Drained",
        message="cluster m1 has the taint {federation.atoll.dev/drain: NoExecute}",
        purge_mode="Gracefully",
        grace_period_seconds=30,
        creation_timestamp="2026-11-22T12:00:00Z",
    )


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_who_looks_later_or_again_gets_the_same_answer(since: int, seconds: int) -> None:
    found = evicts(taint(MAINTENANCE, since), tolerations=(tolerates(MAINTENANCE, seconds),))
    assert found == ("TaintUntolerated" if since >= seconds else float(seconds - since))


# The taints of clusters that fail


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_cluster_that_fails_gets_nothing_new_at_once_and_loses_what_it_has_after_the_grace() -> None:
    first, again = tainted([], UNREACHABLE_TAINT, NOW, 40)
    assert [(each.effect, each.time_added) for each in first] == [("NoSchedule", ago(0))]
    assert again == 40
    assert tainted(first, UNREACHABLE_TAINT, at(39), 40) == (first, 1)
    later, again = tainted(first, UNREACHABLE_TAINT, at(41), 40)
    assert [(each.effect, each.time_added) for each in later] == [
        ("NoSchedule", ago(0)),
        ("NoExecute", ago(-41)),
    ]
    assert again is None
    assert tainted(later, UNREACHABLE_TAINT, at(4000), 40) == (later, None)


def test_what_has_begun_is_not_taken_back_by_a_longer_grace() -> None:
    later = tainted(tainted([], UNREACHABLE_TAINT, NOW, 40).taints, UNREACHABLE_TAINT, at(41), 40).taints
    assert tainted(later, UNREACHABLE_TAINT, at(42), 400) == (later, None)


def test_a_cluster_that_comes_and_goes_within_the_grace_loses_nothing() -> None:
    taints: list[Taint] = []
    for second in range(0, 300, 10):  # five minutes long it is gone for ten seconds, and back for ten
        key = UNREACHABLE_TAINT if second % 20 == 0 else None
        for look in (second, second + 4, second + 8):
            taints = tainted(taints, key, at(look), 40).taints
            assert all(each.effect == "NoSchedule" for each in taints)
    assert taints == []


def test_its_times_stay_when_it_fails_in_another_way() -> None:
    later = tainted(tainted([], UNREACHABLE_TAINT, NOW, 40).taints, UNREACHABLE_TAINT, at(41), 40).taints
    found, _ = tainted(later, NOT_READY_TAINT, at(60), 40)
    assert [(each.key, each.time_added) for each in found] == [
        (NOT_READY_TAINT, ago(0)),
        (NOT_READY_TAINT, ago(-41)),
    ]


def test_a_cluster_that_is_ready_again_loses_them_and_keeps_those_of_others() -> None:
    own = Taint(key=MAINTENANCE, effect="NoSchedule")
    failed = tainted([own], UNREACHABLE_TAINT, NOW, 0).taints
    assert [each.key for each in failed] == [MAINTENANCE, UNREACHABLE_TAINT, UNREACHABLE_TAINT]
    assert tainted(failed, None, NOW, 0) == ([own], None)
    assert tainted([*failed[1:], own], UNREACHABLE_TAINT, NOW, 0).taints == [*failed[1:], own]


# What goes on, and what goes


def eviction(
    name: str = "m1", mode: PurgeMode = "Gracefully", grace: int | None = 600, since: float = 0
) -> Eviction:
    return Eviction(
        from_cluster=name,
        reason="Drained",
        purge_mode=mode,
        grace_period_seconds=grace,
        creation_timestamp=ago(since),
    )


@pytest.mark.parametrize(
    ("of", "there", "healthy", "kept"),
    [
        (eviction(), False, False, True),
        (eviction(), True, False, True),
        (eviction(), True, True, False),
        (eviction(since=599), True, False, True),
        (eviction(since=600), True, False, False),
        (eviction(since=600), False, False, True),  # never the last copy
        (eviction(mode="Directly", grace=None), False, False, False),
        (eviction(mode="Never", grace=None, since=9999), True, True, True),
    ],
)
def test_the_old_copy_goes_as_the_purge_mode_says(
    of: Eviction, there: bool, healthy: bool, kept: bool
) -> None:
    assert (stays(of, NOW, there=there, healthy=healthy) is not None) is kept


def stand(
    holds: bool | None,
    *taints: Manifest,
    of: Eviction | None = None,
    leaving: bool = False,
    afresh: bool = False,
    generation: int = 1,
    **spec: Any,
) -> Standing:
    m1: Cluster = cluster("m1", leaving=leaving, taints=list(taints))
    facts = Facts({"m1": m1}, pp("p", **spec).spec, generation, afresh)
    return standing([of or eviction()], facts, lambda _: holds, NOW)


def test_an_eviction_goes_on_until_the_old_copy_is_known_to_be_gone() -> None:
    drained = taint(DRAIN_TAINT)
    assert len(stand(True, drained).evictions) == 1
    assert len(stand(None, drained).evictions) == 1
    assert stand(False, drained).evictions == ()
    assert stand(True, leaving=True).evictions == ()


def test_it_goes_on_while_it_would_begin_again_at_once() -> None:
    passing = {"clusterTolerations": [tolerates(MAINTENANCE, 60)]}
    assert len(stand(False, taint(MAINTENANCE, 60), placement=passing).evictions) == 1
    assert stand(False, placement=passing).evictions == ()


def test_where_nothing_evicts_any_more_a_template_returns_only_when_asked_to() -> None:
    assert stand(True).recallable == {"m1"}
    assert len(stand(True).evictions) == 1
    assert stand(True, afresh=True).evictions == ()
    assert len(stand(True, taint(DRAIN_TAINT), afresh=True).evictions) == 1


# Workloads that fare badly by themselves

WATCHED: Manifest = {"failover": {"application": {"decisionConditions": {"tolerationSeconds": 60}}}}


@pytest.mark.parametrize(
    ("spec", "since", "expected"),
    [
        (WATCHED, 60, UNHEALTHY),
        (WATCHED, 59, 1.0),
        (WATCHED, None, None),
        ({}, 9999, None),
        (FAILOVER, 9999, None),
    ],
)
def test_a_workload_leaves_where_it_is_unhealthy_for_longer_than_is_tolerated(
    spec: Manifest, since: int | None, expected: object
) -> None:
    unhealthy = {} if since is None else {"m1": ago(since)}
    found = unwell(pp("p", **spec).spec, targets(m1=2, m2=1), unhealthy, 7, NOW)
    assert (found.due[0].reason if found.due else found.again) == expected
    assert [each.template_generation for each in found.due] == [7] * len(found.due)


def test_it_returns_with_another_template_or_when_asked_to_and_never_just_because_others_fail() -> None:
    failed = eviction().model_copy(update={"reason": UNHEALTHY, "template_generation": 1})
    gone = stand(False, of=failed, **WATCHED)
    assert (len(gone.evictions), gone.recallable) == (1, frozenset())
    assert stand(False, of=failed, generation=2, **WATCHED).evictions == ()
    assert stand(False, of=failed, afresh=True, **WATCHED).evictions == ()
    assert stand(False, of=failed).evictions == ()


@pytest.mark.parametrize(
    ("total", "unready", "held"),
    [(0, 0, False), (2, 1, False), (20, 11, False), (20, 12, True), (3, 2, True), (1, 1, True)],
)
def test_more_than_55_percent_of_clusters_that_fail_stop_all_evictions(
    total: int, unready: int, held: bool
) -> None:
    assert (brake(total, unready, 0.55) is not None) is held
