"""What a MultiClusterService comes to: services.md 4.1 (5)."""

from __future__ import annotations

from typing import Any

import pytest

from mcs.api import MultiClusterService
from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.multi_cluster_service import ClusterSelection
from mcs.api.service_set import ServiceSetSpec, SetPolicy
from mcs.explaining import without
from mcs.merge import merged
from mcs.policy import asks_for_export, imports, selects, set_policy, status
from tests.mcs.exports import export, text_of

CLUSTERS = {"m1": {"tier": "near"}, "m2": {"tier": "far"}, "m3": {}}
NOW, LATER = "2026-11-22T00:00:00Z", "2026-11-22T01:00:00Z"


def wanted(*, deleted: bool = False, status: Any = None, **spec: Any) -> MultiClusterService:
    metadata = {"namespace": "shop", "name": "web", "generation": 3}
    gone = {"deletionTimestamp": NOW} if deleted else {}
    return MultiClusterService.model_validate(
        {"apiVersion": "", "kind": "", "metadata": metadata | gone, "spec": spec, "status": status or {}}
    )


def together(*exports: ClusterExportSpec, **policy: Any) -> ServiceSetSpec:
    found = merged(exports, None, SetPolicy(**policy))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("selection", "selected"),
    [
        ({}, ["m1", "m2", "m3"]),
        ({"clusterNames": ["m2", "m9"]}, ["m2"]),
        ({"exclude": ["m2"]}, ["m1", "m3"]),
        ({"labelSelector": {"matchLabels": {"tier": "near"}}}, ["m1"]),
        ({"labelSelector": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}}, ["m1", "m2"]),
        ({"labelSelector": {"matchLabels": {"tier": "near"}}, "clusterNames": ["m2"]}, []),
    ],
)
def test_clusters_are_selected_by_name_and_label(selection: Any, selected: list[str]) -> None:
    found = ClusterSelection.model_validate(selection)
    assert [name for name, labels in CLUSTERS.items() if selects(found, name, labels)] == selected


@pytest.mark.parametrize(
    ("service", "asked"),
    [
        (wanted(), False),
        (wanted(exportFrom={}), True),
        (wanted(exportFrom={"clusterNames": ["m2"]}), False),
        (wanted(exportFrom={}, deleted=True), False),
    ],
)
def test_nobody_is_asked_to_export_unless_it_says_so(service: MultiClusterService, asked: bool) -> None:
    assert asks_for_export(service, "m1", {}) is asked


def test_what_is_wanted_is_told_by_names() -> None:
    service = wanted(
        mode="NativeName",
        adoptExisting=True,
        importTo={"labelSelector": {"matchLabels": {"tier": "far"}}},
        ports=[{"name": "http"}, {"name": ""}],
        staleness={"keepLast": "WhenAllStale"},
    )
    assert set_policy(service, CLUSTERS) == SetPolicy(
        mode="NativeName",
        adopt_existing=True,
        import_to=["m2"],
        ports=["http", ""],
        keep_last="WhenAllStale",
    )
    assert set_policy(wanted(), CLUSTERS) == SetPolicy()
    assert set_policy(wanted(mode="NativeName", deleted=True), CLUSTERS) is None


@pytest.mark.parametrize(
    ("policy", "does"),
    [
        (None, True),
        (SetPolicy(), True),
        (SetPolicy(import_to=["m1"]), True),
        (SetPolicy(import_to=["m2"]), False),
        (SetPolicy(import_to=[]), False),
    ],
)
def test_all_import_unless_it_says_who(policy: SetPolicy | None, does: bool) -> None:
    assert imports(policy, "m1") is does


# The set


def test_the_host_decides_the_mode_and_clusters_are_not_in_conflict_about_it() -> None:
    found = together(
        export("m1", 1, mode="ClusterSet"), export("m2", 2, mode="NativeName"), mode="NativeName"
    )
    assert (found.service.mode, found.conflicts) == ("NativeName", [])


def test_ports_that_are_not_to_be_reached_are_used_of_no_cluster() -> None:
    both = "http:80 admin:9000"
    found = together(export("m1", 1, ports=both), export("m2", 2), ports=["http"])
    assert text_of(found.service.ports) == "http:80"
    assert [each.excluded_ports for each in found.clusters] == [["admin"], []]
    assert found.conflicts == []


def test_a_set_changes_when_the_host_wants_something_else() -> None:
    first = together(export("m1"), import_to=["m1"])
    second = merged([export("m1")], first, SetPolicy(import_to=["m1", "m2"]))
    assert second is not None
    assert second.revision == first.revision + 1
    assert merged([export("m1")], second, SetPolicy(import_to=["m1", "m2"])) is second


def test_what_would_change_without_a_cluster_is_told_of_what_is_wanted() -> None:
    exports = [export("m1", 1, ports="http:80 admin:9000"), export("m2", 2)]
    found = together(*exports, mode="NativeName", ports=["http"])
    assert without("m2", found, exports, {}).changes == []


# How it stands


@pytest.mark.parametrize(
    ("service", "exporting", "reason", "says"),
    [
        (wanted(exportFrom={"exclude": ["m3"]}), ["m1", "m2"], "Exported", "m1, m2"),
        (wanted(exportFrom={}), ["m1"], "Pending", "m2, m3"),
        (wanted(exportFrom={"clusterNames": ["m9"]}), [], "NoClusterSelected", "spec.exportFrom"),
        (wanted(), [], "NotExported", "shop/web"),
        (wanted(), ["m1"], "Exported", "m1"),
        (wanted(exportFrom={}, deleted=True), ["m1"], "Deleting", "waits"),
    ],
)
def test_ready_says_whether_all_export_that_are_to(
    service: MultiClusterService, exporting: list[str], reason: str, says: str
) -> None:
    (ready,) = status(service, CLUSTERS, map(export, exporting), NOW).conditions
    assert (ready.type, ready.status, ready.reason) == (
        "Ready",
        "True" if reason == "Exported" else "False",
        reason,
    )
    assert says in ready.message
    assert ready.observed_generation == 3


def test_clusters_are_listed_that_export_it_or_are_asked_to() -> None:
    found = status(wanted(exportFrom={"clusterNames": ["m2"]}), CLUSTERS, [export("m1")], NOW)
    assert [(each.name, each.exported) for each in found.clusters] == [("m1", True), ("m2", False)]


def test_what_did_not_change_is_told_as_it_was() -> None:
    before = status(wanted(exportFrom={}), CLUSTERS, [export("m1")], NOW)
    again = wanted(exportFrom={}, status=before.dump())
    assert status(again, CLUSTERS, [export("m1")], LATER) == before
