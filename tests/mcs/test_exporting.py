"""What a member exports: services.md 4.3, rules 6 to 17 of KEP-1645."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs.api.service import ServicePort
from mcs.exporting import Export, export_manifest, exported, slice_manifest
from mcs.names import (
    ADOPT_EXISTING,
    CONTROLLER,
    MANAGED_BY,
    MCS_SERVICE,
    MODE,
    SERVICE_NAMESPACE,
    SHADOW,
    SOURCE_CLUSTER,
    host_namespace,
)
from mcs.slices import Slice, content_of, projected
from policies.api.meta import TEMPLATE, Manifest

SERVICE = ("shop", "web")
PORT = {"name": "http", "port": 80}


def export(**more: Any) -> Manifest:
    metadata = {"namespace": "shop", "name": "web", "creationTimestamp": "2026-11-21T02:00:00Z"}
    return {"metadata": metadata | more.pop("metadata", {}), **more}


def service(*, metadata: Manifest | None = None, **spec: Any) -> Manifest:
    spec = {"type": "ClusterIP", "clusterIP": "10.0.0.1", "ports": [PORT], **spec}
    return {"metadata": {"namespace": "shop", "name": "web", **(metadata or {})}, "spec": spec}


def piece(*addresses: str, address_type: str = "IPv4", **labels: str) -> Slice:
    endpoints = [{"addresses": [each], "nodeName": "n1", "zone": "z1"} for each in addresses]
    content = {"addressType": address_type, "ports": [{"name": "http", "port": 8080}], "endpoints": endpoints}
    return Slice("uid", labels, content)


def of(live: Manifest | None = None, **slices: Slice) -> Export:
    return exported("m1", SERVICE, export(), live or service(), slices)


DELETED = {"deletionTimestamp": "2026-11-22T00:00:00Z"}


TEMPLATE_OF_OTHERS = {"annotations": {TEMPLATE: "true"}}


@pytest.mark.parametrize("given", [None, export(metadata=DELETED), export(metadata=TEMPLATE_OF_OTHERS)])
def test_nothing_is_exported_or_said_without_an_export(given: Manifest | None) -> None:
    assert exported("m1", SERVICE, given, service(), {"a": piece("10.1.0.1")}) == Export(None, None, {})


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        (None, "NoService"),
        (service(metadata=DELETED), "NoService"),
        (service(type="ExternalName"), "InvalidServiceType"),
    ],
)
def test_what_can_not_be_exported_is_said_and_nothing_of_it_is_exported(
    live: Manifest | None, reason: str
) -> None:
    found = exported("m1", SERVICE, export(), live, {"a": piece("10.1.0.1")})
    assert found.valid is not None
    assert found.valid.reason == reason
    assert "shop/web" in found.valid.message
    assert (found.spec, found.slices) == (None, {})


@pytest.mark.parametrize(("count", "is_exported"), [(250, True), (251, False)])
def test_more_ports_than_there_may_be_are_not_exported_and_it_is_said(count: int, is_exported: bool) -> None:
    ports = [{"name": f"p{number}", "port": number} for number in range(1, count + 1)]
    found = of(service(ports=ports), a=piece("10.1.0.1"))
    assert (found.spec is not None, bool(found.slices)) == (is_exported, is_exported)
    assert found.valid is not None
    assert found.valid.reason == "Valid"
    assert (found.obstacle is None) == is_exported
    assert is_exported or "251 spec.ports" in str(found.obstacle)


@pytest.mark.parametrize(
    ("spec", "type_"),
    [
        ({"type": "ClusterIP"}, "ClusterSetIP"),
        ({"type": "NodePort"}, "ClusterSetIP"),
        ({"type": "LoadBalancer"}, "ClusterSetIP"),
        ({"clusterIP": "None"}, "Headless"),
    ],
)
def test_types_are_mapped_as_the_standard_says(spec: Manifest, type_: str) -> None:
    found = of(service(**spec))
    assert found.valid is not None
    assert found.valid.reason == "Valid"
    assert found.spec is not None
    assert found.spec.service.type == type_


def traits(**spec: Any) -> Any:
    found = of(service(**spec)).spec
    assert found is not None
    return found.service


@pytest.mark.parametrize(
    ("spec", "field", "value"),
    [
        ({"ports": [{"port": 80}]}, "ports", [ServicePort(name="", protocol="TCP", port=80)]),
        (
            {"ports": [{"name": "x", "port": 1, "protocol": "UDP", "appProtocol": "h2c", "nodePort": 30001}]},
            "ports",
            [ServicePort(name="x", protocol="UDP", app_protocol="h2c", port=1)],
        ),
        ({"ports": None, "clusterIP": "None"}, "ports", []),
        ({}, "session_affinity", "None"),
        ({}, "session_affinity_seconds", None),
        ({"sessionAffinity": "ClientIP"}, "session_affinity_seconds", 10800),
        (
            {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 9}}},
            "session_affinity_seconds",
            9,
        ),
        (
            {"sessionAffinity": "None", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 9}}},
            "session_affinity_seconds",
            None,
        ),
        ({}, "internal_traffic_policy", "Cluster"),
        ({"internalTrafficPolicy": "Local"}, "internal_traffic_policy", "Local"),
        ({}, "traffic_distribution", ""),
        ({"trafficDistribution": "PreferSameZone"}, "traffic_distribution", "PreferSameZone"),
        ({"ipFamilies": ["IPv6", "IPv4"]}, "ip_families", ["IPv6", "IPv4"]),
    ],
)
def test_what_a_service_says_travels_with_the_defaults_filled_in(
    spec: Manifest, field: str, value: Any
) -> None:
    assert getattr(traits(**spec), field) == value


def test_only_labels_and_annotations_that_the_export_names_travel() -> None:
    live = service(metadata={"labels": {"app": "web"}, "annotations": {"x": "y"}})
    given = export(metadata={"labels": {"a": "b"}}, spec={"exportedLabels": {"tier": "front"}})
    found = exported("m1", SERVICE, given, live, {}).spec
    assert found is not None
    assert (found.service.labels, found.service.annotations) == ({"tier": "front"}, {})


@pytest.mark.parametrize(
    ("annotations", "mode", "adopts"),
    [
        ({}, "ClusterSet", False),
        ({MODE: "NativeName"}, "NativeName", False),
        ({MODE: "NativeName", ADOPT_EXISTING: "true"}, "NativeName", True),
        ({MODE: "NativeName", ADOPT_EXISTING: "yes"}, "NativeName", False),
        ({ADOPT_EXISTING: "true"}, "ClusterSet", False),
        ({MODE: "nativename"}, "ClusterSet", False),
    ],
)
def test_annotations_of_the_export_ask_for_the_plain_name(
    annotations: dict[str, str], mode: str, adopts: bool
) -> None:
    found = exported("m1", SERVICE, export(metadata={"annotations": annotations}), service(), {}).spec
    assert found is not None
    assert (found.service.mode, found.service.adopt_existing) == (mode, adopts)


def test_a_mode_that_there_is_not_is_told() -> None:
    given = export(metadata={"annotations": {MODE: "nativename"}})
    found = exported("m1", SERVICE, given, service(), {})
    assert found.valid is not None
    assert found.valid.reason == "Valid"
    assert "nativename" in found.valid.message
    assert "NativeName" in found.valid.message


def test_a_service_of_ours_under_the_plain_name_is_not_exported() -> None:
    """Else it would be there because it is there."""
    found = exported(
        "m1", SERVICE, export(), service(metadata={"labels": {SHADOW: "true"}}, selector=None), {}
    )
    assert (found.spec, found.valid and found.valid.reason) == (None, "NoService")


def test_the_age_of_an_export_is_that_of_the_service_export() -> None:
    found = of(service(metadata={"creationTimestamp": "2020-01-01T00:00:00Z"})).spec
    assert found is not None
    assert found.export_creation_timestamp == "2026-11-21T02:00:00Z"


def test_endpoints_travel_without_the_names_of_nodes() -> None:
    (content,) = of(a=piece("10.1.0.1")).slices.values()
    assert content["endpoints"] == [{"addresses": ["10.1.0.1"], "zone": "z1"}]
    assert content["ports"] == [{"name": "http", "port": 8080}]


@pytest.mark.parametrize(
    "copy",
    [
        piece("10.2.0.1", **{MANAGED_BY: CONTROLLER}),
        piece("10.2.0.1", **{SOURCE_CLUSTER: "m2"}),
        piece("web.example.com", address_type="FQDN"),
    ],
    ids=["ours", "of another implementation", "names"],
)
def test_copies_and_names_are_not_exported(copy: Slice) -> None:
    assert [
        each["endpoints"][0]["addresses"] for each in of(a=piece("10.1.0.1"), b=copy).slices.values()
    ] == [["10.1.0.1"]]


def test_both_families_of_a_service_are_exported_each_in_its_slice() -> None:
    found = of(a=piece("10.1.0.1"), b=piece("fd00::1", address_type="IPv6")).slices
    assert sorted(content["addressType"] for content in found.values()) == ["IPv4", "IPv6"]


def test_manifests_say_whose_they_are_and_lie_in_the_clusters_namespace() -> None:
    found = of(a=piece("10.1.0.1"))
    assert found.spec is not None
    ((name, content),) = found.slices.items()
    whose = {SOURCE_CLUSTER: "m1", SERVICE_NAMESPACE: "shop", MCS_SERVICE: "web"}
    record, copy = export_manifest(found.spec), slice_manifest("m1", SERVICE, name, content)
    assert record["metadata"]["labels"] == whose
    assert copy["metadata"]["labels"] == whose | {MANAGED_BY: CONTROLLER}
    assert {each["metadata"]["namespace"] for each in (record, copy)} == {host_namespace("m1")}
    assert content_of(copy) == content


names = st.text("abc-", min_size=1, max_size=12).map(lambda text: f"x{text}x")
addresses = st.lists(st.integers(1, 250).map(lambda n: f"10.0.0.{n}"), max_size=5)
slices = st.dictionaries(names, addresses.map(lambda found: piece(*found)), max_size=6)


@given(slices)
def test_every_endpoint_travels_once_whatever_the_slices_are(found: dict[str, Slice]) -> None:
    there = [each["addresses"][0] for content in of(**found).slices.values() for each in content["endpoints"]]
    here = [each["addresses"][0] for one in found.values() for each in one.content["endpoints"]]
    assert sorted(there) == sorted(here)


@given(slices)
def test_what_was_exported_is_never_exported_again(found: dict[str, Slice]) -> None:
    copies = {}
    for name, content in of(**found).slices.items():
        manifest = slice_manifest("m1", SERVICE, name, content)
        copies[name] = projected(manifest | {"metadata": manifest["metadata"] | {"uid": "u"}})
    assert exported("m2", SERVICE, export(), service(), copies).slices == {}


@given(slices, st.permutations(range(6)))
def test_the_order_of_slices_means_nothing(found: dict[str, Slice], order: list[int]) -> None:
    mixed = [list(found.items())[index] for index in order if index < len(found)]
    assert of(**dict(mixed)) == of(**found)


@given(slices)
def test_two_clusters_never_share_a_name(found: dict[str, Slice]) -> None:
    others = exported("m2", SERVICE, export(), service(), found)
    mine = of(**found)
    assert mine.slices.keys().isdisjoint(others.slices)
    assert mine.spec is not None
    assert others.spec is not None
    assert export_manifest(mine.spec)["metadata"]["name"] != export_manifest(others.spec)["metadata"]["name"]
