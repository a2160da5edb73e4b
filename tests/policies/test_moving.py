"""Where a template goes while it leaves clusters, as the binding says it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.api.binding import BindingSpec, Eviction, ResourceReference
from policies.eviction import UNHEALTHY, Standing
from policies.filters import Clusters
from policies.moving import Moving
from policies.placement import Present, Workload
from policies.scheduling import decide
from policies.verdicts import Verdict
from tests.policies.examples import cluster, clusters, pp, targets

WEB = ResourceReference(api_version="apps/v1", kind="Deployment", plural="deployments", name="web")
DIVIDED = {"replicaScheduling": {"replicaSchedulingType": "Divided"}}
BY_ROOM = {
    "replicaScheduling": {
        "replicaSchedulingType": "Divided",
        "weightPreference": {"dynamicWeight": "AvailableReplicas"},
    }
}
ONE = {"spreadConstraints": [{"spreadByField": "cluster", "maxGroups": 1}]}


def eviction(name: str, mode: str = "Gracefully") -> Eviction:
    return Eviction(
        from_cluster=name, reason="Drained", message=f"cluster {name} is drained", purge_mode=mode
    )  # type: ignore[arg-type]


def standing(*evictions: Eviction, lingering: Iterable[str] = (), recallable: Iterable[str] = ()) -> Standing:
    return Standing(evictions, frozenset(lingering), frozenset(recallable))


def moved(
    before: dict[str, int | None],
    moving: Moving,
    placement: dict[str, Any],
    *,
    replicas: int = 6,
    among: Clusters | None = None,
    affinity: str = "",
) -> tuple[dict[str, int | None], list[str], Verdict]:
    """Return the targets, the clusters that are left, and why."""
    spec = BindingSpec(resource=WEB, clusters=list(targets(**before)), affinity_name=affinity)
    free = dict.fromkeys(("m1", "m2", "m3"), 10)
    present = Present(spec.clusters, affinity, free=free)
    workload = Workload("apps/v1", "Deployment", replicas, "")
    among = among or Clusters(clusters("m1", "m2", "m3"))
    found, verdict = decide(
        workload, None, pp("p", placement=placement), spec, among, lambda _: present, moving=moving
    )
    left = [each.from_cluster for each in found.evictions]
    return {each.name: each.replicas for each in found.clusters}, left, verdict


def test_what_is_due_is_left_and_what_takes_its_place_comes_with_the_same_decision() -> None:
    due = Moving(due=[eviction("m1")])
    placed, left, verdict = moved({"m1": 4, "m2": 2}, due, BY_ROOM)
    assert (sum(n or 0 for n in placed.values()), set(placed)) == (6, {"m2", "m3"})
    assert placed["m2"] is not None
    assert placed["m2"] >= 2  # only the difference is placed
    assert (left, verdict.reason) == (["m1"], "Scheduled")


def test_the_last_copy_is_kept_and_says_why() -> None:
    due = Moving(due=[eviction("m1")])
    alone = Clusters([cluster("m1"), cluster("m2", taints=[{"key": "a", "effect": "NoSchedule"}])])
    placed, left, verdict = moved({"m1": 6}, due, ONE, among=alone)
    assert (placed, left) == ({"m1": 6}, [])
    assert verdict == Verdict(
        "NoClusterFit",
        "cluster m1 is drained, but it can't leave: 0/2 clusters fit: 1 has untolerated taint "
        "{a: NoSchedule}, 1 is being evicted from; the present placement is kept",
    )


def test_of_two_clusters_that_are_due_one_is_left_if_not_both_can_be() -> None:
    due = Moving(due=[eviction("m1"), eviction("m2")])
    placed, left, verdict = moved({"m1": 3, "m2": 3}, due, DIVIDED, among=Clusters(clusters("m1", "m2")))
    assert (placed, left, verdict.reason) == ({"m2": 6}, ["m1"], "NoClusterFit")


def test_a_cluster_that_is_left_is_not_chosen_again() -> None:
    gone = Moving(standing(eviction("m1"), recallable=["m1"]))
    assert moved({"m2": 6}, gone, ONE) == ({"m2": 6}, ["m1"], Verdict("Scheduled", "placed on 1 cluster"))


def test_unless_there_is_no_other_and_nothing_evicts_it_any_more() -> None:
    among = Clusters([cluster("m1"), cluster("m2", taints=[{"key": "a", "effect": "NoExecute"}])])
    recallable = Moving(standing(eviction("m1"), recallable=["m1"]), due=[eviction("m2")])
    assert moved({"m2": 6}, recallable, ONE, among=among)[:2] == ({"m1": 6}, ["m2"])
    evicted = Moving(standing(eviction("m1")), due=[eviction("m2")])
    assert moved({"m2": 6}, evicted, ONE, among=among)[:2] == ({"m2": 6}, ["m1"])


def test_the_old_copy_goes_first_with_purge_mode_directly() -> None:
    due = Moving(standing(lingering=["m1"]), due=[eviction("m1", "Directly")])
    placed, left, verdict = moved({"m1": 4, "m2": 2}, due, BY_ROOM, affinity="near")
    assert (placed, left, verdict.reason) == ({"m2": 2}, ["m1"], "Evicting")
    there = Moving(standing(eviction("m1", "Directly"), lingering=["m1"]))
    assert moved({"m2": 2}, there, BY_ROOM)[:2] == ({"m2": 2}, ["m1"])
    gone = Moving(standing(eviction("m1", "Directly")))
    placed, left, verdict = moved({"m2": 2}, gone, BY_ROOM)
    assert (sum(n or 0 for n in placed.values()), left, verdict.reason) == (6, ["m1"], "Scheduled")


def test_a_cluster_that_can_not_be_asked_is_not_waited_for() -> None:
    due = Moving(due=[eviction("m1", "Directly")])
    placed, left, _ = moved({"m1": 6}, due, ONE)
    assert (placed, left) == ({"m2": 6}, ["m1"])


def test_a_workload_that_is_unhealthy_everywhere_stays() -> None:
    sick = [eviction(name).model_copy(update={"reason": UNHEALTHY}) for name in ("m1", "m2")]
    both = Moving(due=sick, unwell=["m1", "m2"])
    two = Clusters(clusters("m1", "m2"))
    assert moved({"m1": 3, "m2": 3}, both, DIVIDED, among=two)[:2] == ({"m1": 3, "m2": 3}, [])
    one = Moving(due=sick[:1], unwell=["m1"])
    assert moved({"m1": 3, "m2": 3}, one, DIVIDED, among=two)[:2] == ({"m2": 6}, ["m1"])


def test_a_placement_that_is_held_for_the_templates_next_change_is_not_left_either() -> None:
    lazy = pp("p", placement=ONE, activationPreference="Lazy")
    spec = BindingSpec(resource=WEB, clusters=list(targets(m1=6)))  # nobody knows by which version
    workload, among = Workload("apps/v1", "Deployment", 6, ""), Clusters(clusters("m1", "m2"))
    present = Present(spec.clusters)
    due = Moving(due=[eviction("m1")])
    found, _ = decide(workload, None, lazy, spec, among, lambda _: present, b"{}", moving=due)
    assert ([each.name for each in found.clusters], found.evictions) == (["m1"], [])


@settings(max_examples=50)
@given(
    due=st.sets(st.sampled_from(["m1", "m2", "m3"])),
    before=st.sets(st.sampled_from(["m1", "m2", "m3"]), min_size=1),
    replicas=st.integers(1, 9),
    placement=st.sampled_from([{}, DIVIDED, BY_ROOM, ONE]),
)
def test_no_replica_is_lost_and_no_cluster_is_both_left_and_chosen(
    due: set[str], before: set[str], replicas: int, placement: dict[str, Any]
) -> None:
    moving = Moving(due=[eviction(name) for name in sorted(due)])
    share, rest = divmod(replicas, len(before))
    had = {name: share + (rest if name == min(before) else 0) for name in sorted(before)}
    placed, left, _ = moved(dict(had), moving, placement, replicas=replicas)
    assert placed
    assert not set(placed) & set(left)
    assert set(left) <= due
    if placement in (DIVIDED, BY_ROOM):
        assert sum(n or 0 for n in placed.values()) == replicas
