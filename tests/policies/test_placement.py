"""Where a template goes, why not elsewhere, and how many replicas each cluster gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import placement as placing
from policies.api.binding import TargetCluster
from policies.api.cluster import Cluster
from policies.api.propagation import Placement
from policies.filters import Clusters
from policies.placement import (
    Decision,
    Present,
    Workload,
    completions,
)
from policies.verdicts import Verdict, affinity_mismatch
from tests.policies.examples import cluster, clusters, divided, placement, targets

MAINTENANCE = {"key": "maintenance", "effect": "NoSchedule"}
EVERYWHERE = placement()
NEW = Present()


def web(replicas: int | None = 12, uid: str = "") -> Workload:
    return Workload("apps/v1", "Deployment", replicas, uid)


def place(workload: Workload, given: Placement, members: Sequence[Cluster], present: Present) -> Decision:
    return placing.place(workload, given, Clusters(members), present)


def replicas(decision: Decision) -> dict[str, int | None]:
    return {target.name: target.replicas for target in decision.clusters}


def test_without_terms_every_cluster_gets_all_replicas() -> None:
    decision = place(web(3), EVERYWHERE, clusters("m2", "m1"), NEW)
    assert decision == Decision(targets(m1=3, m2=3), None, {})


def test_a_kind_without_replicas_goes_to_every_selected_cluster() -> None:
    for each in (EVERYWHERE, divided({"m1": 2, "m2": 1}), divided({"m1": 1})):
        assert place(web(None), each, clusters("m1", "m2"), NEW).clusters == targets(m1=None, m2=None)


@pytest.mark.parametrize(
    ("given", "reason", "message"),
    [
        (cluster("m1", provider="gcp"), "AffinityMismatch", "cluster m1 does not match clusterAffinity"),
        (
            cluster("m1", taints=[MAINTENANCE]),
            "UntoleratedTaint",
            "cluster m1 has untolerated taint {maintenance: NoSchedule}",
        ),
        (
            cluster("m1", taints=[{"key": "a", "value": "b", "effect": "NoExecute"}]),
            "UntoleratedTaint",
            "cluster m1 has untolerated taint {a=b: NoExecute}",
        ),
        (cluster("m1", apis=[]), "ApiNotServed", "cluster m1 does not serve apps/v1 Deployment"),
        (
            cluster("m1", apis=[{"groupVersion": "apps/v1beta1", "kinds": ["Deployment"]}]),
            "ApiNotServed",
            "cluster m1 does not serve apps/v1 Deployment",
        ),
        (cluster("m1", leaving=True), "Leaving", "cluster m1 is leaving the federation"),
    ],
)
def test_each_filter_says_which_cluster_it_turned_down_and_why(
    given: Cluster, reason: str, message: str
) -> None:
    aws = placement(
        clusterAffinity={
            "fieldSelector": {
                "matchExpressions": [{"key": "provider", "operator": "NotIn", "values": ["gcp"]}]
            }
        }
    )
    decision = place(web(1), aws, [given, cluster("m2")], NEW)
    assert decision.clusters == targets(m2=1)
    assert decision.verdict is None
    rejection = decision.rejections["m1"]
    assert (rejection.reason, rejection.message, rejection.cluster) == (reason, message, "m1")


def test_a_tolerated_taint_does_not_matter() -> None:
    tolerant = placement(clusterTolerations=[{"key": "maintenance", "operator": "Exists"}])
    assert place(web(1), tolerant, [cluster("m1", taints=[MAINTENANCE])], NEW).clusters == targets(m1=1)


@pytest.mark.parametrize(
    "changed", [{"taints": [MAINTENANCE]}, {"apis": []}], ids=["tainted", "serves it no more"]
)
def test_a_target_stays_one_when_tainted_or_without_the_kind(changed: dict[str, Any]) -> None:
    members = [cluster("m1", **changed), cluster("m2")]
    assert place(web(1), EVERYWHERE, members, Present(targets(m1=1))).clusters == targets(m1=1, m2=1)
    assert place(web(1), EVERYWHERE, members, NEW).clusters == targets(m2=1)


def test_a_target_that_the_affinity_no_longer_selects_is_left() -> None:
    only_m2 = placement(clusterAffinity={"clusterNames": ["m2"]})
    assert place(web(1), only_m2, clusters("m1", "m2"), Present(targets(m1=1))).clusters == targets(m2=1)


def test_no_fit_counts_the_reasons_as_kube_scheduler_does() -> None:
    clone_set = Workload("apps.kruise.io/v1alpha1", "CloneSet", 1, "")
    served = [{"groupVersion": "apps.kruise.io/v1alpha1", "kinds": ["CloneSet"]}]
    members = [
        *(cluster(f"far{n}", apis=served) for n in range(3)),
        *(cluster(f"in{n}", labels={"near": "yes"}, apis=served, taints=[MAINTENANCE]) for n in range(2)),
        *(cluster(f"old{n}", labels={"near": "yes"}) for n in range(2)),
    ]
    near = placement(clusterAffinity={"labelSelector": {"matchLabels": {"near": "yes"}}})
    decision = place(clone_set, near, members, NEW)
    assert decision.clusters == ()
    assert decision.verdict is not None
    assert decision.verdict.reason == "NoClusterFit"
    assert decision.verdict.message == (
        "0/7 clusters fit: 3 do not match clusterAffinity, "
        "2 have untolerated taint {maintenance: NoSchedule}, "
        "2 do not serve apps.kruise.io/v1alpha1 CloneSet"
    )


def test_one_cluster_is_spoken_of_in_the_singular() -> None:
    verdict = place(web(), EVERYWHERE, [cluster("m1", apis=[])], NEW).verdict
    assert verdict is not None
    assert verdict.message == "0/1 clusters fit: 1 does not serve apps/v1 Deployment"


def test_without_clusters_the_message_says_so() -> None:
    verdict = place(web(), EVERYWHERE, [], NEW).verdict
    assert verdict is not None
    assert verdict.message == "0/0 clusters fit: no cluster has joined"


def test_when_no_cluster_fits_the_present_placement_is_kept() -> None:
    nowhere = placement(clusterAffinity={"clusterNames": ["m9"]})
    members = [cluster("m1"), cluster("m2", leaving=True)]
    decision = place(web(5), nowhere, members, Present(targets(m2=1, m1=4, gone=7)))
    assert decision.clusters == targets(m1=4)
    assert decision.verdict is not None
    assert decision.verdict.message.endswith("; the present placement is kept")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (divided(), {"m1": 4, "m2": 4, "m3": 4}),
        (placement(replicaScheduling={}), {"m1": 4, "m2": 4, "m3": 4}),
        (divided({"m1": 3, "m2": 2, "m3": 1}), {"m1": 6, "m2": 4, "m3": 2}),
        (divided({"m1": 1}), {"m1": 12}),
        (divided({"m9": 1}), {"m1": 4, "m2": 4, "m3": 4}),
        (
            placement(replicaScheduling={"replicaSchedulingType": "Duplicated"}),
            {"m1": 12, "m2": 12, "m3": 12},
        ),
    ],
)
def test_replicas_are_divided_by_weights(given: Placement, expected: dict[str, int]) -> None:
    assert replicas(place(web(12), given, clusters("m1", "m2", "m3"), NEW)) == expected


def test_of_overlapping_weights_the_greatest_counts() -> None:
    rules = [
        {"targetCluster": {"clusterNames": ["m1"]}, "weight": 1},
        {"targetCluster": {"clusterNames": ["m1"]}, "weight": 2},
        {"targetCluster": {"clusterNames": ["m2"]}, "weight": 1},
    ]
    overlapping = divided(weightPreference={"staticWeightList": rules})
    assert replicas(place(web(3), overlapping, clusters("m1", "m2"), NEW)) == {"m1": 2, "m2": 1}


def test_a_cluster_that_gets_no_replica_leaves_the_result() -> None:
    assert replicas(
        place(web(3), divided({"m1": 10, "m2": 1, "m3": 1}), clusters("m1", "m2", "m3"), NEW)
    ) == {"m1": 3}


def test_what_is_scaled_to_zero_stays_where_it_could_run() -> None:
    assert place(
        web(0), divided({"m1": 1, "m2": 1}), clusters("m1", "m2", "m3"), Present()
    ).clusters == targets(m1=0, m2=0)


def test_the_uid_spreads_remainders_over_the_clusters() -> None:
    assert replicas(place(web(5, "uid-1"), divided(), clusters("m1", "m2"), NEW)) == {"m1": 2, "m2": 3}
    assert replicas(place(web(5, "uid-2"), divided(), clusters("m1", "m2"), NEW)) == {"m1": 3, "m2": 2}


EAST = {"affinityName": "east", "clusterNames": ["e1", "e2"]}
WEST = {"affinityName": "west", "clusterNames": ["w1"]}
EAST_FIRST = placement(clusterAffinities=[EAST, WEST])
BACK_EAST = placement(clusterAffinities=[EAST, WEST], failback="WhenFeasible")


def test_of_the_groups_of_clusters_the_first_that_fits_is_used() -> None:
    everything = clusters("e1", "e2", "w1")
    assert place(web(1), EAST_FIRST, everything, NEW) == Decision(
        targets(e1=1, e2=1), None, {"w1": affinity_mismatch("w1")}, "east"
    )
    assert place(web(1), EAST_FIRST, clusters("w1"), NEW).affinity == "west"


@pytest.mark.parametrize(("given", "expected"), [(EAST_FIRST, "west"), (BACK_EAST, "east")])
def test_a_template_goes_back_to_an_earlier_group_only_if_it_may(given: Placement, expected: str) -> None:
    present = Present(targets(w1=1), "west")
    assert place(web(1), given, clusters("e1", "w1"), present).affinity == expected


def test_placed_afresh_it_begins_with_the_first_group_and_keeps_the_one_in_use_if_none_fits() -> None:
    present = Present(targets(w1=1), "west", rebalance=True)
    assert place(web(1), EAST_FIRST, clusters("e1", "w1"), present).affinity == "east"
    assert place(web(1), EAST_FIRST, clusters("m1"), present).affinity == "west"


def test_from_a_group_that_fits_no_more_it_goes_to_the_next_and_round() -> None:
    present = Present(targets(w1=1), "west", evicted_from=["w1"])
    assert place(web(1), EAST_FIRST, clusters("e1", "w1"), present).affinity == "east"


def test_when_no_group_fits_it_is_said_of_each_and_all_stays() -> None:
    members = [cluster("e1", taints=[MAINTENANCE]), cluster("w1", apis=[])]
    decision = place(web(1), EAST_FIRST, members, Present(targets(w1=1), "west", evicted_from=["w1"]))
    assert (decision.clusters, decision.affinity) == (targets(w1=1), "west")
    assert decision.verdict == Verdict(
        "NoClusterFit",
        "no group of clusterAffinities fits: west: 0/2 clusters fit: 1 does not match clusterAffinity, 1 is "
        "being evicted from; east: 0/2 clusters fit: 1 does not match "
        "clusterAffinity, 1 has untolerated taint {maintenance: NoSchedule}; the present placement is kept",
    )


def test_what_is_evicted_goes_elsewhere() -> None:
    present = Present(targets(m1=2, m2=2), evicted_from=["m1"])
    decision = place(web(4), divided(), clusters("m1", "m2", "m3"), present)
    assert decision.clusters == targets(m2=2, m3=2)
    assert decision.rejections["m1"].message == "cluster m1 is being evicted from"


SPREAD = placement(
    spreadConstraints=[{"spreadByField": "cluster"}, {"spreadByField": "region", "minGroups": 2}]
)


def test_a_cluster_outside_every_group_is_no_candidate() -> None:
    members = [cluster("m1", region="eu"), cluster("m2", region="us"), cluster("m3")]
    decision = place(web(1), SPREAD, members, NEW)
    assert decision.clusters == targets(m1=1, m2=1)
    assert decision.rejections["m3"].message == "cluster m3 has no region"


def test_constraints_that_can_not_be_met_are_named_and_all_stays() -> None:
    members = [cluster("m1", region="eu"), cluster("m2", region="eu")]
    decision = place(web(1), SPREAD, members, Present(targets(m1=1)))
    assert decision.clusters == targets(m1=1)
    assert decision.verdict == Verdict(
        "Unschedulable",
        "spreadConstraints ask for 2 regions, and those that fit are 1; the present placement is kept",
    )


def test_constraints_hold_for_fixed_weights_too() -> None:
    one = placement(
        spreadConstraints=[{"spreadByField": "cluster", "maxGroups": 1}],
        replicaScheduling=divided({"m1": 1, "m2": 3}).replica_scheduling.dump(),
    )
    assert place(web(4), one, clusters("m1", "m2"), NEW).clusters == targets(m1=4)


BY_CAPACITY = divided(weightPreference={"dynamicWeight": "AvailableReplicas"})


def test_by_capacity_replicas_go_where_there_is_room() -> None:
    members = clusters("m1", "m2", "m3")
    decision = place(web(12), BY_CAPACITY, members, Present(free={"m1": 6, "m2": 18}))
    assert decision.clusters == targets(m1=3, m2=9)
    assert decision.rejections["m3"].message == "cluster m3 does not tell its capacity"


def test_kinds_without_replicas_ask_for_no_room() -> None:
    members = clusters("m1", "m2")
    assert place(web(None), BY_CAPACITY, members, NEW).clusters == targets(m1=None, m2=None)


def test_a_target_that_does_not_tell_its_capacity_keeps_what_it_has() -> None:
    present = Present(targets(m1=4), free={"m2": 5})
    assert place(web(6), BY_CAPACITY, clusters("m1", "m2"), present).clusters == targets(m1=4, m2=2)


def test_without_room_nothing_moves_and_it_is_said_how_much_is_lacking() -> None:
    present = Present(targets(m1=4), free={"m1": 1, "m2": 2})
    decision = place(web(9), BY_CAPACITY, clusters("m1", "m2"), present)
    assert decision.clusters == targets(m1=4)
    assert decision.verdict == Verdict(
        "Unschedulable",
        "9 replicas do not fit: the clusters to choose from can hold 7; the present placement is kept",
    )


def test_aggregated_with_tiers_uses_the_first_tier_first() -> None:
    tiers = placement(
        clusterAffinities=[EAST | {"overflowAffinities": [{"clusterNames": ["w1"]}]}],
        replicaScheduling={"replicaDivisionPreference": "Aggregated"},
    )
    free = {"e1": 3, "e2": 4, "w1": 100}
    members = clusters("e1", "e2", "w1")
    assert place(web(4), tiers, members, Present(free=free)).clusters == targets(e2=4)
    assert place(web(9), tiers, members, Present(free=free)).clusters == targets(e1=3, e2=4, w1=2)


def test_workloads_of_a_group_go_together_or_apart() -> None:
    members = clusters("m1", "m2")
    together = place(web(1), EVERYWHERE, members, Present(together=["m2"]))
    assert together.clusters == targets(m2=1)
    assert together.rejections["m1"].message == "cluster m1 has none of the workloads it must be with"
    apart = place(web(1), EVERYWHERE, members, Present(apart=["m2"]))
    assert apart.clusters == targets(m1=1)
    assert apart.rejections["m2"].message == "cluster m2 has a workload it must not be with"


def test_who_is_there_already_is_not_driven_out_by_others() -> None:
    present = Present(targets(m1=1), together=["m2"], apart=["m1"])
    assert place(web(1), EVERYWHERE, clusters("m1"), present).clusters == targets(m1=1)


@pytest.mark.parametrize(
    ("total", "given", "parallelism", "shares"),
    [
        (10, divided(), {"m1": 2, "m2": 2, "m3": 1}, {"m1": 4, "m2": 4, "m3": 2}),
        (5, divided(), {"m1": 2, "m2": 2, "m3": 1}, {"m1": 2, "m2": 2, "m3": 1}),
        (10, EVERYWHERE, {"m1": 2, "m2": 2}, {}),
        (None, divided(), {"m1": 2, "m2": 2}, {}),
    ],
)
def test_completions_of_a_divided_job_follow_its_parallelism(
    total: int | None, given: Placement, parallelism: dict[str, int], shares: dict[str, int]
) -> None:
    assert completions(total, given, targets(**parallelism), "") == shares


NAMES = st.lists(st.sampled_from(["m1", "m2", "m3", "m4", "m5"]), unique=True)
CLUSTERS = NAMES.flatmap(
    lambda names: st.tuples(
        *(
            st.builds(
                cluster,
                st.just(name),
                leaving=st.booleans(),
                taints=st.sampled_from([[], [MAINTENANCE]]),
                apis=st.sampled_from([[], [{"groupVersion": "apps/v1", "kinds": ["Deployment"]}]]),
            )
            for name in names
        )
    )
)
PLACEMENTS = st.builds(
    lambda names, exclude, weights: placement(
        clusterAffinity={"clusterNames": names, "exclude": exclude},
        **({"replicaScheduling": divided(weights).replica_scheduling.dump()} if weights is not None else {}),
    ),
    NAMES,
    NAMES,
    st.none() | st.dictionaries(st.sampled_from(["m1", "m2", "m9"]), st.integers(1, 9)),
)
PREVIOUS = NAMES.map(lambda names: [TargetCluster(name=name, replicas=1) for name in names])


@given(CLUSTERS, PLACEMENTS, PREVIOUS, st.none() | st.integers(0, 30))
def test_laws(
    members: tuple[Cluster, ...], given: Placement, previous: list[TargetCluster], count: int | None
) -> None:
    decision = place(web(count, "uid-1"), given, members, Present(previous))
    chosen = {target.name for target in decision.clusters}
    assert place(web(count, "uid-1"), given, members[::-1], Present(previous[::-1])) == decision
    assert (
        place(web(count, "uid-1"), given, members, Present(decision.clusters)).clusters == decision.clusters
    )
    assert [target.name for target in decision.clusters] == sorted(chosen)
    assert chosen <= {each.metadata.name for each in members if not each.metadata.deletion_timestamp}
    if decision.verdict is not None:
        assert chosen <= {target.name for target in previous}
        return
    assert given.cluster_affinity is not None
    assert not chosen & set(given.cluster_affinity.exclude)
    assert not given.cluster_affinity.cluster_names or chosen <= set(given.cluster_affinity.cluster_names)
    assert not chosen & set(decision.rejections)
    if count is not None and given.replica_scheduling is not None:
        assert sum(target.replicas or 0 for target in decision.clusters) == count
        assert count == 0 or all(target.replicas for target in decision.clusters)
    else:
        assert all(target.replicas == count for target in decision.clusters)
