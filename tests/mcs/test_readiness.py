"""What a ServiceImport says of itself."""

from __future__ import annotations

import pytest

from mcs.names import derived_service
from mcs.readiness import (
    IMPORTED,
    Readiness,
    lacks_sources,
    name_taken,
    no_common_family,
    refused,
    status_of,
)
from policies.api.meta import Manifest
from tests.mcs.imports import WEB, service_set

THEN, NOW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def live(**status: object) -> Manifest:
    metadata = {"namespace": "shop", "name": "web", "generation": 3}
    return {"apiVersion": "a/v1", "kind": "ServiceImport", "metadata": metadata, "status": status}


def ready(status: str) -> Manifest:
    return {
        "type": "Ready", "status": status, "reason": "Ready", "message": "", "lastTransitionTime": THEN,
    }  # fmt: skip


def test_clusters_are_in_the_order_of_their_names() -> None:
    found = status_of(service_set("m3", "m1", "m2"), live(), IMPORTED, (), NOW)
    assert [each["cluster"] for each in found["status"]["clusters"]] == ["m1", "m2", "m3"]


@pytest.mark.parametrize(("before", "since"), [("True", THEN), ("False", NOW)])
def test_the_transition_time_moves_with_the_status_alone(before: str, since: str) -> None:
    found = status_of(service_set("m1"), live(conditions=[ready(before)]), IMPORTED, (), NOW)
    (condition,) = found["status"]["conditions"]
    assert (condition["lastTransitionTime"], condition["observedGeneration"]) == (since, 3)


def test_what_is_kept_of_clusters_that_are_gone_is_no_whole_import() -> None:
    found = status_of(service_set("m1", "m3"), live(), IMPORTED, {"m3"}, NOW, kept={"m1"})
    ready, sources = found["status"]["conditions"]
    assert (ready["status"], ready["message"]) == ("True", "the last endpoints that there were are here")
    assert (sources["status"], sources["reason"]) == ("False", "StaleEndpointsKept")


def test_an_import_that_can_not_be_used_says_so_whatever_is_kept() -> None:
    readiness = name_taken(service_set("m1"))
    found = status_of(service_set("m1"), live(), readiness, (), NOW, kept={"m1"})
    assert found["status"]["conditions"][0]["reason"] == "NameCollision"


@pytest.mark.parametrize(
    ("readiness", "reason", "named"),
    [
        (no_common_family(service_set("m1", ipFamilies=["IPv6"]), ("IPv4",)), "IPFamilyNotSupported", "IPv6"),
        (name_taken(service_set("m1")), "NameCollision", derived_service(WEB)),
        (refused(service_set("m1"), "exceeded quota: q"), "Pending", "exceeded quota: q"),
    ],
)
def test_what_is_in_the_way_is_named(readiness: Readiness, reason: str, named: str) -> None:
    assert (readiness.status, readiness.verdict.reason) == ("False", reason)
    assert named in readiness.verdict.message


def test_an_import_that_never_did_without_a_cluster_says_nothing_of_it() -> None:
    """So an upgrade writes no status."""
    found = status_of(service_set("m1"), live(), IMPORTED, (), NOW)
    assert [each["type"] for each in found["status"]["conditions"]] == ["Ready"]
    assert not lacks_sources(found)


def test_clusters_that_are_done_without_are_named_until_they_are_back() -> None:
    without = status_of(service_set("m1", "m3"), live(), IMPORTED, {"m3", "m1"}, THEN)
    ready, sources = without["status"]["conditions"]
    assert (sources["status"], sources["reason"]) == ("False", "ClusterUnreachable")
    assert sources["message"].startswith("no sign of life from m1, m3: ")
    assert ready["status"] == "True"
    assert "all clusters that export" not in ready["message"]
    assert lacks_sources(without)

    back = status_of(service_set("m1", "m3"), live(**without["status"]), IMPORTED, (), NOW)
    ready, sources = back["status"]["conditions"]
    assert (sources["status"], sources["reason"]) == ("True", "ClustersReachable")
    assert (ready["lastTransitionTime"], sources["lastTransitionTime"]) == (THEN, NOW)
    assert not lacks_sources(back)
