"""Where nothing is written for now, and what is said of it."""

from __future__ import annotations

import pytest

from policies.api.binding import BindingSpec, BindingStatus, ClusterResult, PolicyReference
from policies.api.failover import Suspension
from policies.observation import Stamp, binding_status
from policies.suspension import in_force, suspends, told
from policies.verdicts import Verdict

POLICY = PolicyReference(kind="PropagationPolicy", namespace="shop", name="all")
EVERYWHERE = Suspension(dispatching=True)


def some(*names: str) -> Suspension:
    return Suspension.model_validate({"dispatchingOnClusters": {"clusterNames": names}})


def status_of(suspension: Suspension | None, *clusters: str) -> BindingStatus:
    resource = {"apiVersion": "v1", "kind": "ConfigMap", "plural": "configmaps", "name": "a"}
    spec = BindingSpec.model_validate({"resource": resource, "policy": POLICY, "suspension": suspension})
    results = [ClusterResult(name=name, applied=True) for name in clusters]
    placed = Verdict("Scheduled", "placed")
    return binding_status(spec, placed, results, BindingStatus(), Stamp(1, "2026-01-01T00:00:00Z"))


@pytest.mark.parametrize(
    ("suspension", "clusters", "message"),
    [
        (None, ["m1"], None),
        (Suspension(), ["m1"], None),
        (Suspension(dispatching=False), ["m1"], None),
        (some("m2"), ["m1"], None),
        (
            EVERYWHERE,
            ["m1"],
            "PropagationPolicy shop/all suspends writes to all clusters; take spec.suspension.dispatching "
            "out of it to go on",
        ),
        (
            some("m2", "m9", "m1"),
            ["m1", "m2", "m3"],
            "PropagationPolicy shop/all suspends writes to clusters m1, m2; take "
            "spec.suspension.dispatchingOnClusters out of it to go on",
        ),
    ],
)
def test_it_names_the_policy_the_clusters_and_the_field(
    suspension: Suspension | None, clusters: list[str], message: str | None
) -> None:
    verdict = suspends(POLICY, suspension, clusters)
    assert verdict == (None if message is None else Verdict("Suspended", message))


@pytest.mark.parametrize(
    ("suspension", "recorded"),
    [
        (None, None),
        (Suspension(), None),
        (Suspension(dispatching=False), None),
        (some(), None),
        (EVERYWHERE, EVERYWHERE),
        (some("m1"), some("m1")),
    ],
)
def test_only_what_suspends_anything_is_recorded(
    suspension: Suspension | None, recorded: Suspension | None
) -> None:
    assert in_force(suspension) == recorded


def test_a_binding_has_the_condition_only_while_it_holds_for_one_of_its_clusters() -> None:
    def conditions(suspension: Suspension | None) -> list[tuple[str, str]]:
        return [(c.type, c.reason) for c in status_of(suspension, "m1", "m2").conditions]

    suspended = ("Suspended", "Suspended")
    assert suspended in conditions(EVERYWHERE)
    assert suspended in conditions(some("m2"))
    assert suspended not in conditions(some("m9"))
    assert suspended not in conditions(None)


def test_a_policy_says_what_it_suspends_whether_anything_is_placed_there_or_not() -> None:
    verdict = told(POLICY, some("m9"))
    assert verdict is not None
    assert "suspends writes to cluster m9;" in verdict.message
    assert told(POLICY, some()) is None
    assert told(POLICY, None) is None
