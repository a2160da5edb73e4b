"""Why a template is not in a cluster: as the filter that turned it down says, or what came after it."""

from __future__ import annotations

import pytest

from policies.api.binding import TargetCluster
from policies.api.propagation import Placement
from policies.explaining import unplaced
from policies.filters import Clusters
from policies.placement import Present, Workload, place
from tests.policies.examples import cluster, clusters, divided, placement, targets


def said(asked: Placement, *placed: TargetCluster, replicas: int = 3, fleet: Clusters) -> dict[str, str]:
    """Return the reason for each cluster of a fleet that is no target."""
    web = Workload("apps/v1", "Deployment", replicas, "")
    decision = place(web, asked, fleet, Present(placed))
    on = {target.name for target in placed}
    found = unplaced(decision, asked, fleet.by_name, on)
    return {name: verdict.reason for name, verdict in found.items()}


def test_a_filter_speaks_for_itself() -> None:
    fleet = Clusters([cluster("m1"), cluster("m2", apis=[]), cluster("m3", leaving=True)])
    asked = placement(clusterAffinity={"clusterNames": ["m1", "m2"]})
    assert said(asked, *targets(m1=3), fleet=fleet) == {"m2": "ApiNotServed", "m3": "Leaving"}


@pytest.mark.parametrize(
    ("asked", "placed", "why"),
    [
        (placement(spreadConstraints=[{"spreadByField": "cluster", "maxGroups": 1}]), {"m1": 3}, "spread"),
        (divided({"m1": 1}), {"m1": 3}, "division"),
        (
            placement(spreadConstraints=[{"spreadByField": "cluster", "minGroups": 5}]),
            {"m1": 3},
            "can't be met",
        ),
    ],
    ids=["spread constraints", "a share of none", "a wish that is not met"],
)
def test_a_cluster_that_fits_was_left_out_by_what_comes_after_the_filters(
    asked: Placement, placed: dict[str, int], why: str
) -> None:
    fleet, on = Clusters(clusters("m1", "m2")), targets(**placed)
    decision = place(Workload("apps/v1", "Deployment", 3, ""), asked, fleet, Present(on))
    found = unplaced(decision, asked, fleet.by_name, placed)
    assert [(name, each.reason) for name, each in found.items()] == [("m2", "NotChosen")]
    assert why in found["m2"].message


def test_what_the_controller_has_yet_to_do_is_said_to_be_so() -> None:
    assert said(placement(), *targets(m1=3), fleet=Clusters(clusters("m1", "m2"))) == {
        "m2": "PlacementPending"
    }


def test_by_capacity_only_the_controller_can_tell_what_is_to_come() -> None:
    asked, fleet = divided(replicaDivisionPreference="Aggregated"), Clusters(clusters("m1", "m2"))
    web = Workload("apps/v1", "Deployment", 9, "")
    decision = place(web, asked, fleet, Present(targets(m1=3), free={"m1": 0, "m2": 9}))
    assert [target.name for target in decision.clusters] == ["m1", "m2"]
    assert unplaced(decision, asked, fleet.by_name, {"m1"})["m2"].reason == "NotChosen"


def test_where_peers_count_only_the_controller_can_tell_what_is_to_come() -> None:
    asked = placement(workloadAffinity={"antiAffinity": {"groupByLabelKey": "app"}})
    assert said(asked, *targets(m1=3), fleet=Clusters(clusters("m1", "m2"))) == {"m2": "NotChosen"}
