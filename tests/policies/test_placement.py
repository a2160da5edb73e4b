"""Where a template goes, why not elsewhere, and how many replicas each cluster gets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.api.binding import TargetCluster
from policies.api.cluster import Cluster
from policies.api.propagation import Placement
from policies.placement import Decision, Workload, completions, place, unsupported_fields
from tests.policies.examples import cluster, clusters, divided, placement, pp, targets

MAINTENANCE = {"key": "maintenance", "effect": "NoSchedule"}
EVERYWHERE = placement()


def web(replicas: int | None = 12, uid: str = "") -> Workload:
    return Workload("apps/v1", "Deployment", replicas, uid)


def replicas(decision: Decision) -> dict[str, int | None]:
    return {target.name: target.replicas for target in decision.clusters}


def test_without_terms_every_cluster_gets_all_replicas() -> None:
    decision = place(web(3), EVERYWHERE, clusters("m2", "m1"), [])
    assert decision == (targets(m1=3, m2=3), None, {})


def test_a_kind_without_replicas_goes_to_every_selected_cluster() -> None:
    for each in (EVERYWHERE, divided({"m1": 2, "m2": 1}), divided({"m1": 1})):
        assert place(web(None), each, clusters("m1", "m2"), []).clusters == targets(m1=None, m2=None)


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
    decision = place(web(1), aws, [given, cluster("m2")], [])
    assert decision.clusters == targets(m2=1)
    assert decision.verdict is None
    rejection = decision.rejections["m1"]
    assert (rejection.reason, rejection.message, rejection.cluster) == (reason, message, "m1")


def test_a_tolerated_taint_does_not_matter() -> None:
    tolerant = placement(clusterTolerations=[{"key": "maintenance", "operator": "Exists"}])
    assert place(web(1), tolerant, [cluster("m1", taints=[MAINTENANCE])], []).clusters == targets(m1=1)


@pytest.mark.parametrize(
    "changed", [{"taints": [MAINTENANCE]}, {"apis": []}], ids=["tainted", "serves it no more"]
)
def test_a_target_stays_one_when_tainted_or_without_the_kind(changed: dict[str, Any]) -> None:
    members = [cluster("m1", **changed), cluster("m2")]
    assert place(web(1), EVERYWHERE, members, targets(m1=1)).clusters == targets(m1=1, m2=1)
    assert place(web(1), EVERYWHERE, members, []).clusters == targets(m2=1)


def test_a_target_that_the_affinity_no_longer_selects_is_left() -> None:
    only_m2 = placement(clusterAffinity={"clusterNames": ["m2"]})
    assert place(web(1), only_m2, clusters("m1", "m2"), targets(m1=1)).clusters == targets(m2=1)


def test_no_fit_counts_the_reasons_as_kube_scheduler_does() -> None:
    clone_set = Workload("apps.kruise.io/v1alpha1", "CloneSet", 1, "")
    served = [{"groupVersion": "apps.kruise.io/v1alpha1", "kinds": ["CloneSet"]}]
    members = [
        *(cluster(f"far{n}", apis=served) for n in range(3)),
        *(cluster(f"in{n}", labels={"near": "yes"}, apis=served, taints=[MAINTENANCE]) for n in range(2)),
        *(cluster(f"old{n}", labels={"near": "yes"}) for n in range(2)),
    ]
    near = placement(clusterAffinity={"labelSelector": {"matchLabels": {"near": "yes"}}})
    decision = place(clone_set, near, members, [])
    assert decision.clusters == ()
    assert decision.verdict is not None
    assert decision.verdict.reason == "NoClusterFit"
    assert decision.verdict.message == (
        "0/7 clusters fit: 3 do not match clusterAffinity, "
        "2 have untolerated taint {maintenance: NoSchedule}, "
        "2 do not serve apps.kruise.io/v1alpha1 CloneSet"
    )


def test_one_cluster_is_spoken_of_in_the_singular() -> None:
    verdict = place(web(), EVERYWHERE, [cluster("m1", apis=[])], []).verdict
    assert verdict is not None
    assert verdict.message == "0/1 clusters fit: 1 does not serve apps/v1 Deployment"


def test_without_clusters_the_message_says_so() -> None:
    verdict = place(web(), EVERYWHERE, [], []).verdict
    assert verdict is not None
    assert verdict.message == "0/0 clusters fit: no cluster has joined"


def test_when_no_cluster_fits_the_present_placement_is_kept() -> None:
    nowhere = placement(clusterAffinity={"clusterNames": ["m9"]})
    members = [cluster("m1"), cluster("m2", leaving=True)]
    decision = place(web(5), nowhere, members, targets(m2=1, m1=4, gone=7))
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
    assert replicas(place(web(12), given, clusters("m1", "m2", "m3"), [])) == expected


def test_of_overlapping_weights_the_greatest_counts() -> None:
    rules = [
        {"targetCluster": {"clusterNames": ["m1"]}, "weight": 1},
        {"targetCluster": {"clusterNames": ["m1"]}, "weight": 2},
        {"targetCluster": {"clusterNames": ["m2"]}, "weight": 1},
    ]
    overlapping = divided(weightPreference={"staticWeightList": rules})
    assert replicas(place(web(3), overlapping, clusters("m1", "m2"), [])) == {"m1": 2, "m2": 1}


def test_a_cluster_that_gets_no_replica_leaves_the_result() -> None:
    assert replicas(place(web(3), divided({"m1": 10, "m2": 1, "m3": 1}), clusters("m1", "m2", "m3"), [])) == {
        "m1": 3
    }


def test_what_is_scaled_to_zero_stays_where_it_could_run() -> None:
    assert place(web(0), divided({"m1": 1, "m2": 1}), clusters("m1", "m2", "m3"), []).clusters == targets(
        m1=0, m2=0
    )


def test_the_uid_spreads_remainders_over_the_clusters() -> None:
    assert replicas(place(web(5, "uid-1"), divided(), clusters("m1", "m2"), [])) == {"m1": 2, "m2": 3}
    assert replicas(place(web(5, "uid-2"), divided(), clusters("m1", "m2"), [])) == {"m1": 3, "m2": 2}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"clusterAffinities": [{"affinityName": "a"}]}, "spec.placement.clusterAffinities"),
        ({"spreadConstraints": [{"spreadByField": "cluster"}]}, "spec.placement.spreadConstraints"),
        ({"workloadAffinity": {}}, "spec.placement.workloadAffinity"),
        (
            {"replicaScheduling": {"replicaDivisionPreference": "Aggregated"}},
            "spec.placement.replicaScheduling.replicaDivisionPreference: Aggregated",
        ),
        (
            {"replicaScheduling": {"weightPreference": {"dynamicWeight": "AvailableReplicas"}}},
            "spec.placement.replicaScheduling.weightPreference.dynamicWeight",
        ),
    ],
)
def test_what_is_not_supported_yet_is_said_and_moves_nothing(fields: dict[str, Any], path: str) -> None:
    decision = place(web(), placement(**fields), clusters("m1", "m2"), targets(m1=5, gone=2))
    assert decision.clusters == targets(m1=5)
    assert decision.verdict is not None
    assert decision.verdict.reason == "Unsupported"
    assert decision.verdict.message == f"{path} is not supported yet; remove it from the policy"
    assert unsupported_fields(pp("p", placement=fields).spec) == (path,)


def test_fields_of_a_policy_that_nothing_acts_on_yet_are_listed() -> None:
    used = pp(
        "p",
        propagateDeps=True,
        suspension={"dispatching": True},
        activationPreference="Lazy",
        failover={"cluster": {}},
    )
    assert unsupported_fields(used.spec) == (
        "spec.propagateDeps",
        "spec.suspension",
        "spec.activationPreference",
        "spec.failover",
    )
    assert unsupported_fields(pp("p").spec) == ()


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
    decision = place(web(count, "uid-1"), given, members, previous)
    chosen = {target.name for target in decision.clusters}
    assert place(web(count, "uid-1"), given, members[::-1], previous[::-1]) == decision
    assert place(web(count, "uid-1"), given, members, decision.clusters).clusters == decision.clusters
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
