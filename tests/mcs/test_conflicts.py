"""What people and programs read of a conflict on a ServiceExport."""

from __future__ import annotations

import re

from hypothesis import given

from mcs.api.cluster_export import ClusterExportSpec
from mcs.conflicts import conflict
from mcs.merge import merged
from policies.verdicts import Verdict
from tests.mcs.exports import any_exports, export

REASONS = [
    "PortConflict",
    "TypeConflict",
    "SessionAffinityConflict",
    "SessionAffinityConfigConflict",
    "AnnotationsConflict",
    "LabelsConflict",
    "InternalTrafficPolicyConflict",
    "TrafficDistributionConflict",
    "IPFamilyConflict",
    "ModeConflict",
    "AdoptExistingConflict",
]
"""In the order of the API's constants (mcs-api v0.5.0)."""


def verdict(*exports: ClusterExportSpec, before: tuple[ClusterExportSpec, ...] = ()) -> Verdict:
    found = merged(exports, merged(before, None))
    assert found is not None
    return conflict(found)


def test_exports_that_agree_have_none() -> None:
    assert verdict(export("m1", 1), export("m2", 2)) == Verdict(
        "NoConflicts", "the ServiceExports of all clusters agree"
    )


def test_a_message_names_the_field_the_value_whose_it_is_and_how_many_disagree() -> None:
    found = verdict(export("m3", 1), export("m1", 2, type="Headless"), export("m2", 3))
    assert found == Verdict(
        "TypeConflict",
        "Conflicting type. Using ClusterSetIP from oldest ServiceExport in cluster m3. "
        "1/3 clusters disagree.",
    )


def test_a_type_that_is_kept_is_not_said_to_be_the_oldest_exports() -> None:
    newer = export("m2", 5)
    found = verdict(export("m1", 1, type="Headless"), newer, export("m3", 9), before=(newer,))
    assert found.message == (
        "Conflicting type. Using ClusterSetIP as before, from ServiceExport in cluster m2. "
        "1/3 clusters disagree."
    )


def test_all_conflicts_are_told_in_the_order_of_the_api() -> None:
    oldest = export(
        "m1",
        1,
        session_affinity="ClientIP",
        session_affinity_seconds=10,
        labels={"a": "b"},
        mode="NativeName",
        adopt_existing=True,
    )
    other = export(
        "m2",
        2,
        type="Headless",
        ports="http:8080",
        internal_traffic_policy="Local",
        traffic_distribution="PreferSameZone",
        ip_families=["IPv6"],
        annotations={"a": "b"},
    )
    found, by = verdict(oldest, other), "from oldest ServiceExport in cluster m1. 1/2 clusters disagree."
    assert found.reason == ",".join(REASONS)
    assert found.message.splitlines() == [
        "Conflicting ports. Using the union, where ports collide those from the older ServiceExport. "
        "1/2 clusters disagree.",
        f"Conflicting type. Using ClusterSetIP {by}",
        f"Conflicting sessionAffinity. Using ClientIP {by}",
        f"Conflicting sessionAffinityConfig.clientIP.timeoutSeconds. Using 10 {by}",
        f"Conflicting exportedAnnotations. Using those {by}",
        f"Conflicting exportedLabels. Using those {by}",
        f"Conflicting internalTrafficPolicy. Using Cluster {by}",
        f"Conflicting trafficDistribution. Using no value {by}",
        f"Conflicting ipFamilies. Using IPv4 {by}",
        f"Conflicting mode. Using NativeName {by}",
        f"Conflicting adoptExisting. Using true {by}",
    ]


def test_families_that_had_to_go_are_not_said_to_be_used() -> None:
    found = verdict(
        export("m1", 1, ip_families=["IPv4", "IPv6"]), export("m2", 2, ip_families=["IPv6"]), export("m3", 3)
    )
    assert found.message == (
        "Conflicting ipFamilies. Using IPv6 from oldest ServiceExport in cluster m1. 2/3 clusters disagree."
    )


def test_every_cluster_that_lacks_a_port_counts() -> None:
    found = verdict(
        export("m1", 1, ports="a:1"), export("m2", 2, ports="a:1"), export("m3", 3, ports="b:2 a:1")
    )
    assert found.message.endswith(" 2/3 clusters disagree.")


def test_long_values_do_not_make_long_messages() -> None:
    found = verdict(export("m1", 1, annotations={"a": "x" * 250_000}), export("m2", 2))
    assert len(found.message) < 200


@given(any_exports())
def test_a_reason_is_one_that_the_api_takes(exports: list[ClusterExportSpec]) -> None:
    found = verdict(*exports)
    assert re.fullmatch(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?", found.reason)
    assert len(found.reason) <= 1024
    told = found.reason.split(",")
    assert told == ["NoConflicts"] or told == [reason for reason in REASONS if reason in told]
    assert len(found.message.splitlines()) == len(told)
