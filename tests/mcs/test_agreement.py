"""What the validator says of Services as clusters would have them is what the merge makes of them (I24)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs.api.cluster_export import ClusterExportSpec
from mcs.checks.agreement import agreement
from mcs.checks.facts import Facts, prospect
from mcs.checks.findings import Finding
from mcs.merge import merged
from policies.api.meta import Manifest
from tests.mcs.exports import any_exports, export, exports_of

DENY, WARN = True, False
NOW = "2026-11-22T00:00:00Z"


def two(first: dict[str, Any], second: dict[str, Any]) -> list[ClusterExportSpec]:
    return [export("c1", 1, **first), export("c2", 2, **second)]


def said(findings: list[Finding]) -> list[tuple[str, bool, str]]:
    return [(each.check, each.denies, each.message) for each in findings]


@pytest.mark.parametrize(
    ("check", "denies", "first", "second", "message"),
    [
        pytest.param(
            "V10", DENY, {}, {"type": "Headless"},
            "headlessness conflict: cluster c1 exports ClusterIP, cluster c2 exports Headless",
            id="headlessness",
        ),
        pytest.param(
            "V11", DENY, {"ports": "http:80"}, {"ports": "http:8080"},
            'port conflict: port "http" is 80/TCP in c1 and 8080/TCP in c2',
            id="a name, two numbers",
        ),
        pytest.param(
            "V12", DENY, {"ports": "dns:53/UDP"}, {"ports": "dns:53"},
            'protocol conflict: port "dns" is 53/UDP in c1 and 53/TCP in c2',
            id="a name, two protocols",
        ),
        pytest.param(
            "V13", WARN, {"ports": "a:1"}, {"ports": "a:1 b:2"},
            "ports differ between clusters; the union will be exposed and PortConflict reported",
            id="one port more",
        ),
        pytest.param(
            "V14", DENY, {"ports": "http:80"}, {"ports": "web:80"},
            'merged ports are invalid: "http" (c1) and "web" (c2) both use 80/TCP',
            id="a number, two names",
        ),
        pytest.param(
            "V14", DENY, {"ports": "http:80"}, {"ports": ":90"},
            'merged ports are invalid: "http" (c1) leaves no room for "" (c2)',
            id="no name beside others",
        ),
        pytest.param(
            "V15", WARN, {"ports": "http:80/TCP/h2c"}, {"ports": "http:80"},
            'appProtocol of port "http" differs: "h2c" (c1) vs "" (c2)',
            id="application protocol",
        ),
        pytest.param(
            "V16", WARN,
            {"session_affinity": "ClientIP", "session_affinity_seconds": 10}, {},
            "session affinity conflict: ClientIP (c1, oldest, wins) vs None (c2)",
            id="affinity",
        ),
        pytest.param(
            "V17", WARN,
            {"session_affinity": "ClientIP", "session_affinity_seconds": 10},
            {"session_affinity": "ClientIP", "session_affinity_seconds": 10800},
            "session affinity timeout conflict: 10 (c1) vs 10800 (c2)",
            id="affinity timeout",
        ),
        pytest.param(
            "V18", WARN, {}, {"internal_traffic_policy": "Local"},
            "internalTrafficPolicy conflict: Cluster (c1) vs Local (c2)",
            id="traffic policy",
        ),
        pytest.param(
            "V18", WARN, {"internal_traffic_policy": "Local"}, {"internal_traffic_policy": "Local"},
            "internalTrafficPolicy Local: endpoints of other clusters are never used",
            id="traffic policy of all",
        ),
        pytest.param(
            "V19", WARN, {"traffic_distribution": "PreferClose"}, {"traffic_distribution": "PreferSameZone"},
            "trafficDistribution conflict: PreferClose (c1) vs PreferSameZone (c2)",
            id="traffic distribution",
        ),
        pytest.param(
            "V19", WARN, {"traffic_distribution": "PreferFar"}, {"traffic_distribution": "PreferFar"},
            'trafficDistribution "PreferFar" (c1) is unknown; use one of PreferClose, PreferSameZone, '
            "PreferSameNode",
            id="traffic distribution nobody knows",
        ),
        pytest.param(
            "V20", DENY, {"ip_families": ["IPv4"]}, {"ip_families": ["IPv6"]},
            "ipFamilies conflict: [IPv4] (c1) and [IPv6] (c2) have no family in common",
            id="no family in common",
        ),
        pytest.param(
            "V20", WARN, {"ip_families": ["IPv4", "IPv6"]}, {"ip_families": ["IPv4"]},
            "ipFamilies conflict: [IPv4 IPv6] (c1), [IPv4] (c2); only IPv4 will be used",
            id="one family in common",
        ),
    ],
)  # fmt: skip
def test_what_clusters_would_not_agree_on(
    check: str, denies: bool, first: dict[str, Any], second: dict[str, Any], message: str
) -> None:
    assert (check, denies, message) in said(agreement(two(first, second)))
    assert agreement(two({}, {})) == []


def test_an_application_protocol_that_is_no_name_is_refused() -> None:
    wrong = {"ports": "http:80/TCP/h!"}
    assert said(agreement(two(wrong, wrong))) == [
        ("V15", DENY, 'appProtocol of port "http" is no qualified name: "h!" (c1)'),
        ("V15", DENY, 'appProtocol of port "http" is no qualified name: "h!" (c2)'),
    ]
    good = {"ports": "http:80/TCP/h2c"}
    assert agreement(two(good, good)) == []


def test_only_what_neither_kind_of_author_means_can_be_forced() -> None:
    by_hand = agreement(two({"ports": "http:80"}, {"ports": "http:90", "ip_families": ["IPv6"]}))
    assert {each.check: each.forcible for each in by_hand} == {"V11": True, "V20": False}


def service_of(found: ClusterExportSpec) -> Manifest:
    """Return a Service of which a cluster would export this."""
    traits = found.service
    ports = [
        {"name": port.name, "protocol": port.protocol, "port": port.port, "appProtocol": port.app_protocol}
        for port in traits.ports
    ]
    spec: dict[str, Any] = {
        "clusterIP": "None" if traits.type == "Headless" else "10.0.0.1",
        "ports": ports,
        "sessionAffinity": traits.session_affinity,
        "internalTrafficPolicy": traits.internal_traffic_policy,
        "trafficDistribution": traits.traffic_distribution,
        "ipFamilies": traits.ip_families,
    }
    if traits.session_affinity == "ClientIP":
        spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": traits.session_affinity_seconds}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}


_ANY_FAMILIES = st.sampled_from([["IPv4"], ["IPv6"], ["IPv4", "IPv6"]])


@given(exports_of("m1", _ANY_FAMILIES), exports_of("m2", _ANY_FAMILIES))
def test_a_pair_of_rendered_services_is_found_to_conflict_as_the_aggregator_would(
    one: ClusterExportSpec, two: ClusterExportSpec
) -> None:
    both = frozenset(("m1", "m2"))
    facts = Facts(("shop", "web"), served=both, exporting=both)
    exports = prospect(facts, {"m1": service_of(one), "m2": service_of(two)}, NOW)
    aggregated = merged(exports, None)
    assert aggregated is not None
    assert len(exports) == 2
    assert reported(agreement(exports)) == {each.reason for each in aggregated.conflicts}


@given(any_exports())
def test_so_is_any_number_of_exports(exports: list[ClusterExportSpec]) -> None:
    """What ServiceExports say is not the Services' matter."""
    aggregated = merged(exports, None)
    assert aggregated is not None
    beside = {"LabelsConflict", "AnnotationsConflict", "ModeConflict", "AdoptExistingConflict"}
    assert reported(agreement(exports)) == {each.reason for each in aggregated.conflicts} - beside


def reported(findings: list[Finding]) -> set[str]:
    return {each.conflict for each in findings if each.conflict}
