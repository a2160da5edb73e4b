"""What a binding is to say."""

from __future__ import annotations

from policies.api.binding import BindingSpec, Eviction, PolicyReference, ResourceReference
from policies.api.propagation import PropagationPolicy
from policies.filters import Clusters
from policies.placement import Present, Workload
from policies.scheduling import decide
from policies.verdicts import Verdict
from tests.policies.examples import cluster, clusters, pp, targets

WEB = ResourceReference(api_version="apps/v1", kind="Deployment", plural="deployments", name="web")
DIVIDED = {"replicaScheduling": {"replicaSchedulingType": "Divided"}}


def decided(
    policy: PropagationPolicy | None,
    before: BindingSpec,
    *,
    total: int | None = None,
    among: Clusters | None = None,
) -> tuple[BindingSpec, Verdict]:
    workload = Workload("apps/v1", "Deployment", 3, "")
    present = Present(before.clusters, before.affinity_name)
    return decide(workload, total, policy, before, among or Clusters(clusters("m1", "m2")), lambda _: present)


def test_a_binding_names_its_policy_and_what_holds_when_both_are_gone() -> None:
    policy = pp("p", placement=DIVIDED, conflictResolution="Overwrite", preserveResourcesOnDeletion=True)
    spec, verdict = decided(policy, BindingSpec(resource=WEB))
    assert spec == BindingSpec(
        resource=WEB,
        policy=PolicyReference(kind="PropagationPolicy", namespace="shop", name="p"),
        conflict_resolution="Overwrite",
        preserve_resources_on_deletion=True,
        clusters=list(targets(m1=2, m2=1)),
    )
    assert verdict == Verdict("Scheduled", "placed on 2 clusters")


def test_a_decision_that_is_fed_back_gives_itself() -> None:
    policy = pp("p", placement=DIVIDED)
    once, _ = decided(policy, BindingSpec(resource=WEB))
    assert decided(policy, once)[0] == once


def test_the_group_in_use_is_recorded_and_evictions_go_on() -> None:
    eviction = Eviction(from_cluster="m9", reason="Drained")
    policy = pp("p", placement={"clusterAffinities": [{"affinityName": "near", "clusterNames": ["m1"]}]})
    spec, _ = decided(policy, BindingSpec(resource=WEB, evictions=[eviction]))
    assert (spec.affinity_name, list(spec.evictions)) == ("near", [eviction])


def test_without_a_policy_copies_stay_where_they_are_but_in_clusters_that_leave() -> None:
    before, _ = decided(pp("p"), BindingSpec(resource=WEB))
    spec, verdict = decided(None, before, among=Clusters([cluster("m1"), cluster("m2", leaving=True)]))
    assert (spec.policy, [target.name for target in spec.clusters]) == (None, ["m1"])
    assert verdict.reason == "NoPolicy"


def test_completions_of_a_divided_job_are_shared_out_with_its_replicas() -> None:
    spec, _ = decided(pp("p", placement=DIVIDED), BindingSpec(resource=WEB), total=9)
    assert [(each.name, each.replicas, each.completions) for each in spec.clusters] == [
        ("m1", 2, 6),
        ("m2", 1, 3),
    ]
