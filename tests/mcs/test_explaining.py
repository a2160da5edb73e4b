"""Whose each property of a Service of several clusters is, where its endpoints are, what a cluster adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.service_set import ServiceSetSpec, SetPolicy
from mcs.explaining import (
    HOST,
    Change,
    Departure,
    Endpoint,
    Explanation,
    Opinion,
    Property,
    Turnover,
    explained,
    without,
)
from mcs.merge import merged
from mcs.slices import Slice
from tests.mcs.exports import export

NO_SLICES: dict[str, dict[str, Slice]] = {}


def found_of(*exports: ClusterExportSpec, before: ServiceSetSpec | None = None) -> ServiceSetSpec:
    found = merged(exports, before)
    assert found is not None
    return found


def explanation(*exports: ClusterExportSpec) -> Explanation:
    return explained(found_of(*exports), exports, NO_SLICES)


def property_of(field: str, *exports: ClusterExportSpec) -> Property:
    return next(each for each in explanation(*exports).properties if each.field == field)


def piece(*addresses: str, ready: bool | None = True, family: str = "IPv4", port: str = "http") -> Slice:
    conditions = {} if ready is None else {"ready": ready}
    endpoints = [{"addresses": [address], "conditions": conditions} for address in addresses]
    ports = [{"name": port, "port": 8080, "protocol": "TCP"}]
    return Slice("uid", {}, {"addressType": family, "ports": ports, "endpoints": endpoints})


def test_what_is_decided_on_the_host_is_its_own() -> None:
    exports = [export("m1", 1, ports="http:80 admin:9000", mode="NativeName"), export("m2", 2)]
    found = merged(exports, None, SetPolicy(ports=["http"]))
    assert found is not None
    told = explained(found, exports, NO_SLICES)
    assert [each for each in told.properties if each.field == "mode"] == [
        Property("mode", "ClusterSet", [HOST], [Opinion("NativeName", ["m1"])])
    ]
    assert told.excluded == {"m1": [f"admin 9000/TCP: the {HOST} does not name it"]}


@pytest.mark.parametrize(
    ("field", "older", "newer", "used", "otherwise"),
    [
        ("type", {"type": "Headless"}, {}, "Headless", "ClusterSetIP"),
        ("ports[http]", {"ports": "http:80"}, {"ports": "http:8080"}, "80/TCP", "8080/TCP"),
        ("ports[http]", {"ports": "http:80/TCP/h2c"}, {}, "80/TCP h2c", "80/TCP"),
        ("ports[http]", {"ports": "http:80 a:1"}, {"ports": "a:1"}, "80/TCP", ""),
        ("ports[]", {"ports": ":80"}, {"ports": ":81"}, "80/TCP", "81/TCP"),
        ("sessionAffinity", {}, {"session_affinity": "ClientIP"}, "None", "ClientIP"),
        (
            "sessionAffinityConfig.clientIP.timeoutSeconds",
            {"session_affinity": "ClientIP", "session_affinity_seconds": 10},
            {"session_affinity": "ClientIP", "session_affinity_seconds": 20},
            "10",
            "20",
        ),
        ("exportedLabels", {"labels": {"b": "2", "a": "1"}}, {}, "a=1,b=2", ""),
        ("exportedAnnotations", {}, {"annotations": {"a": "1"}}, "", "a=1"),
        ("internalTrafficPolicy", {}, {"internal_traffic_policy": "Local"}, "Cluster", "Local"),
        ("trafficDistribution", {"traffic_distribution": "PreferSameZone"}, {}, "PreferSameZone", ""),
    ],
)
def test_what_the_oldest_export_says_is_used_and_others_are_named(
    field: str, older: dict[str, Any], newer: dict[str, Any], used: str, otherwise: str
) -> None:
    told = property_of(field, export("m1", 2, **newer), export("m2", 1, **older))
    assert told == Property(field, used, ["m2"], [Opinion(otherwise, ["m1"])])


def test_nobody_says_otherwise_where_all_agree() -> None:
    assert all(not each.otherwise for each in explanation(export("m1"), export("m2", 1)).properties)


def test_clusters_that_say_the_same_are_named_together() -> None:
    exports = [export("m1"), *(export(name, 1, ports="http:81") for name in ("m2", "m3"))]
    assert property_of("ports[http]", *exports).otherwise == [Opinion("81/TCP", ["m2", "m3"])]


def test_what_several_say_is_the_oldest_ones() -> None:
    assert property_of("type", export("m2", 1), export("m1", 2), export("m3", 0)).owners == ["m3"]


def test_a_port_that_only_a_newer_export_has_is_its_own() -> None:
    told = property_of("ports[admin]", export("m1"), export("m2", 1, ports="http:80 admin:90"))
    assert told == Property("ports[admin]", "90/TCP", ["m2"], [Opinion("", ["m1"])])


def test_a_type_that_stayed_belongs_to_who_still_exports_it() -> None:
    exports = [export("m1", 1), export("m0", 0, type="Headless")]
    found = found_of(*exports, before=found_of(exports[0]))
    told = explained(found, exports, NO_SLICES).properties[0]
    assert told == Property("type", "ClusterSetIP", ["m1"], [Opinion("Headless", ["m0"])])


def test_ip_families_belong_to_all_that_have_them() -> None:
    told = property_of(
        "ipFamilies", export("m1", ip_families=["IPv4", "IPv6"]), export("m2", 1, ip_families=["IPv4"])
    )
    assert told == Property("ipFamilies", "IPv4", ["m1", "m2"], [Opinion("IPv4, IPv6", ["m1"])])


def test_another_order_of_ip_families_is_no_disagreement() -> None:
    both = [export("m1", ip_families=["IPv4", "IPv6"]), export("m2", 1, ip_families=["IPv6", "IPv4"])]
    assert property_of("ipFamilies", *both).otherwise == []


@pytest.mark.parametrize(
    ("older", "newer", "reason"),
    [
        ("http:80", "http:8080", "http 8080/TCP: the name is used for 80/TCP"),
        ("http:80", "web:80", "web 80/TCP: the number is used for http"),
        (":80", "http:80", "http 80/TCP: the number is used for the port without a name"),
        (":80", "http:81", "http 81/TCP: there is no room for it beside the others"),
    ],
)
def test_a_port_that_is_not_used_has_a_reason(older: str, newer: str, reason: str) -> None:
    assert explanation(export("m1", ports=older), export("m2", 1, ports=newer)).excluded == {"m2": [reason]}


def test_a_cluster_whose_export_is_not_on_the_host_has_no_opinion() -> None:
    m1, m2 = export("m1"), export("m2", 1, ports="http:8080")
    told = explained(found_of(m1, m2), [m1], NO_SLICES)
    assert all(not each.otherwise for each in told.properties)
    assert told.excluded == {"m2": ["http: the name is used for 80/TCP"]}


def test_endpoints_are_told_with_where_they_come_from() -> None:
    exports = [export("m1"), export("m2", 1)]
    slices = {"m2": {"b": piece("10.2.0.1", ready=False)}, "m1": {"a": piece("10.1.0.1", "10.1.0.2")}}
    assert explained(found_of(*exports), exports, slices).endpoints == [
        Endpoint("m1", "a", ["10.1.0.1"], True, ""),
        Endpoint("m1", "a", ["10.1.0.2"], True, ""),
        Endpoint("m2", "b", ["10.2.0.1"], False, ""),
    ]


def test_an_endpoint_that_says_nothing_of_it_is_ready() -> None:
    found = found_of(export("m1"))
    assert explained(found, [], {"m1": {"a": piece("10.1.0.1", ready=None)}}).endpoints[0].ready


@pytest.mark.parametrize(
    ("mine", "why"),
    [
        (piece("::1", family="IPv6"), "IPv6 is not used"),
        (piece("10.2.0.1"), "none of its ports is used"),
        (piece("10.2.0.1", port="other"), ""),
    ],
)
def test_endpoints_that_no_cluster_imports_have_a_reason(mine: Slice, why: str) -> None:
    exports = [export("m1"), export("m2", 1, ports="http:8080 other:90")]
    assert explained(found_of(*exports), exports, {"m2": {"a": mine}}).endpoints[0].unused == why


@pytest.mark.parametrize(
    ("exports", "leaves", "departure"),
    [
        (
            [export("m1"), export("m2", 1)],
            "m2",
            Departure(True, [], Turnover(2, 1, 0), ([], [])),
        ),
        ([export("m1")], "m1", Departure(False, [], Turnover(1, 1, 0), ([], []))),
        (
            [export("m1"), export("m2", 1, ports="http:8080")],
            "m1",
            Departure(
                True, [Change("ports[http]", "80/TCP", "8080/TCP")], Turnover(1, 1, 1), (["PortConflict"], [])
            ),
        ),
        (
            [export("m1", ports="http:80 admin:90"), export("m2", 1)],
            "m1",
            Departure(
                True, [Change("ports[admin]", "90/TCP", "")], Turnover(2, 1, 0), (["PortConflict"], [])
            ),
        ),
        (
            [export("m1", type="Headless"), export("m2", 1)],
            "m1",
            Departure(
                True, [Change("type", "Headless", "ClusterSetIP")], Turnover(2, 1, 0), (["TypeConflict"], [])
            ),
        ),
        (
            [export("m1", type="Headless"), export("m2", 1), export("m3", 2, type="Headless")],
            "m1",
            Departure(True, [], Turnover(3, 1, 0), (["TypeConflict"], ["TypeConflict"])),
        ),
        (
            [export("m1", labels={"tier": "a"}), export("m2", 1, labels={"tier": "b"})],
            "m1",
            Departure(
                True,
                [Change("exportedLabels", "tier=a", "tier=b")],
                Turnover(2, 1, 0),
                (["LabelsConflict"], []),
            ),
        ),
    ],
)
def test_what_would_differ_without_a_cluster(
    exports: Sequence[ClusterExportSpec], leaves: str, departure: Departure
) -> None:
    slices = {each.cluster: {f"web-{each.cluster}": piece("10.0.0.1")} for each in exports}
    assert without(leaves, found_of(*exports), exports, slices) == departure
