"""What a cluster imports of a Service: services.md 4.5."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcs.api.source_state import SourceStateSpec
from mcs.importing import Import, imported, is_withdrawn, key_of, left_out, leftovers
from mcs.names import (
    CONTROLLER,
    DERIVED_SERVICE,
    HEADLESS,
    MANAGED_BY,
    MCS_SERVICE,
    SERVICE_NAME,
    SOURCE_CLUSTER,
    derived_service,
    slice_name,
)
from mcs.slices import Slice
from policies.api.meta import Manifest
from tests.mcs.imports import PORTS, WEB, addresses, content, piece, service_set

IPV4, DUAL = ("IPv4",), ("IPv4", "IPv6")


def plan(
    *clusters: str | Manifest,
    families: tuple[str, ...] = IPV4,
    remote: Mapping[str, Mapping[str, Slice]] | None = None,
    own: Mapping[str, Slice] | None = None,
    **service: object,
) -> Import:
    """What m2 imports of shop/web."""
    return imported("m2", service_set(*clusters, **service), families, remote or {}, own or {})


# ServiceImport and derived Service


def test_the_import_says_what_the_set_says() -> None:
    found = plan(
        "m1",
        sessionAffinity="ClientIP",
        sessionAffinitySeconds=60,
        internalTrafficPolicy="Local",
        trafficDistribution="PreferSameZone",
        ports=[{"name": "http", "port": 80, "appProtocol": "kubernetes.io/h2c"}],
    )
    assert found.service_import["spec"] == {
        "type": "ClusterSetIP",
        "ports": [{"name": "http", "protocol": "TCP", "port": 80, "appProtocol": "kubernetes.io/h2c"}],
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
        "internalTrafficPolicy": "Local",
        "trafficDistribution": "PreferSameZone",
        "ipFamilies": ["IPv4"],
    }


def test_the_import_is_named_like_the_service_and_names_the_derived_one() -> None:
    metadata = plan("m1").service_import["metadata"]
    assert (metadata["namespace"], metadata["name"]) == WEB
    assert metadata["annotations"][DERIVED_SERVICE] == derived_service(WEB)


def test_exported_labels_and_annotations_are_those_of_the_import_and_not_of_the_service() -> None:
    found = plan("m1", labels={"tier": "front", MCS_SERVICE: "another"}, annotations={"team": "shop"})
    assert found.service_import["metadata"]["labels"]["tier"] == "front"
    assert found.service_import["metadata"]["annotations"]["team"] == "shop"
    assert found.derived is not None
    assert "tier" not in found.derived["metadata"]["labels"]
    assert found.derived["metadata"]["labels"][MCS_SERVICE] == "web"


def test_exported_annotations_do_not_replace_ours() -> None:
    metadata = plan("m1", annotations={DERIVED_SERVICE: "stolen"}).service_import["metadata"]
    assert metadata["annotations"][DERIVED_SERVICE] == derived_service(WEB)


def test_the_derived_service_selects_nothing_and_has_the_ports_of_the_set() -> None:
    derived = plan("m1", ports=[*PORTS, {"name": "dns", "protocol": "UDP", "port": 53}]).derived
    assert derived is not None
    assert "selector" not in derived["spec"]
    assert [(port["name"], port["port"], port["protocol"]) for port in derived["spec"]["ports"]] == [
        ("http", 80, "TCP"),
        ("dns", 53, "UDP"),
    ]


def test_the_derived_service_treats_callers_as_the_import_says() -> None:
    found = plan("m1", sessionAffinity="ClientIP", internalTrafficPolicy="Local", trafficDistribution="X")
    assert found.derived is not None
    for field in ("sessionAffinity", "sessionAffinityConfig", "internalTrafficPolicy", "trafficDistribution"):
        assert found.derived["spec"][field] == found.service_import["spec"][field]


def test_a_port_without_a_name_has_none() -> None:
    assert plan("m1", ports=[{"port": 80}]).service_import["spec"]["ports"] == [
        {"port": 80, "protocol": "TCP"}
    ]


def test_headless_has_no_derived_service() -> None:
    found = plan("m1", type="Headless")
    assert found.derived is None
    assert DERIVED_SERVICE not in found.service_import["metadata"]["annotations"]


@pytest.mark.parametrize(
    ("exported", "here", "common", "policy"),
    [
        (["IPv4"], IPV4, ["IPv4"], "SingleStack"),
        (["IPv4", "IPv6"], IPV4, ["IPv4"], "SingleStack"),
        (["IPv6", "IPv4"], DUAL, ["IPv4", "IPv6"], "PreferDualStack"),
        (["IPv6"], DUAL, ["IPv6"], "SingleStack"),
    ],
)
def test_families_are_those_in_common_as_the_cluster_prefers_them(
    exported: list[str], here: tuple[str, ...], common: list[str], policy: str
) -> None:
    found = plan("m1", families=here, ipFamilies=exported)
    assert found.derived is not None
    assert found.service_import["spec"]["ipFamilies"] == found.derived["spec"]["ipFamilies"] == common
    assert found.derived["spec"]["ipFamilyPolicy"] == policy


def test_without_a_family_in_common_there_are_neither_service_nor_slices() -> None:
    found = plan("m1", ipFamilies=["IPv6"], remote={"m1": {"web-m1-x": piece("fd00::1", "m1")}})
    assert (found.families, found.derived, found.slices) == ((), None, {})
    assert "ipFamilies" not in found.service_import["spec"]


# Slices


def test_a_slice_of_another_cluster_keeps_its_name_and_gets_the_labels_of_an_import() -> None:
    slices = plan("m1", remote={"m1": {"web-m1-x": piece("10.1.0.1", "m1")}}).slices
    assert slices["web-m1-x"]["metadata"] == {
        "namespace": "shop",
        "name": "web-m1-x",
        "labels": {
            MANAGED_BY: CONTROLLER,
            MCS_SERVICE: "web",
            SOURCE_CLUSTER: "m1",
            SERVICE_NAME: derived_service(WEB),
        },
    }


def test_a_headless_slice_is_tied_to_no_service() -> None:
    slices = plan("m1", type="Headless", remote={"m1": {"web-m1-x": piece("10.1.0.1", "m1")}}).slices
    labels = slices["web-m1-x"]["metadata"]["labels"]
    assert labels[HEADLESS] == ""
    assert SERVICE_NAME not in labels


def test_names_of_nodes_come_with_own_slices_only() -> None:
    found = plan(
        "m1",
        "m2",
        remote={"m1": {"web-m1-x": piece("10.1.0.1", "m1", nodeName="a", zone="z")}},
        own={"web-abc": piece("10.2.0.1", nodeName="a", zone="z")},
    )
    own = found.slices[slice_name("m2", WEB, "web-abc")]
    assert [each["endpoints"][0].get("nodeName") for each in (own, found.slices["web-m1-x"])] == ["a", None]
    assert [each["endpoints"][0]["zone"] for each in (own, found.slices["web-m1-x"])] == ["z", "z"]


def test_own_slices_are_taken_from_home_and_not_from_the_host() -> None:
    found = plan("m2", remote={"m2": {"old": piece("10.2.0.9", "m2")}}, own={"web-abc": piece("10.2.0.1")})
    assert [addresses(each) for each in found.slices.values()] == [["10.2.0.1"]]


def test_a_cluster_that_does_not_export_takes_nothing_from_home() -> None:
    assert plan("m1", own={"web-abc": piece("10.2.0.1")}).slices == {}


def test_a_cluster_that_is_not_in_the_set_gives_nothing() -> None:
    assert plan("m1", remote={"m3": {"web-m3-x": piece("10.3.0.1", "m3")}}).slices == {}


@pytest.mark.parametrize("type_", ["ClusterSetIP", "Headless"])
@pytest.mark.parametrize("cluster", ["m1", "m2"])
def test_ports_that_mean_something_else_elsewhere_are_left_out(type_: str, cluster: str) -> None:
    both = piece("10.1.0.1")
    both.content["ports"].append({"name": "admin", "protocol": "TCP", "port": 9000})
    found = plan(
        {"name": cluster, "excludedPorts": ["http"]}, type=type_, remote={"m1": {"x": both}}, own={"x": both}
    )
    assert [port["name"] for each in found.slices.values() for port in each["ports"]] == ["admin"]


def test_a_slice_without_any_port_left_is_not_imported_behind_an_ip() -> None:
    assert (
        plan({"name": "m1", "excludedPorts": ["http"]}, remote={"m1": {"x": piece("10.1.0.1")}}).slices == {}
    )


def test_addresses_of_a_headless_service_are_imported_even_without_a_port() -> None:
    excluding = {"name": "m1", "excludedPorts": ["http"]}
    found = plan(excluding, type="Headless", remote={"m1": {"x": piece("10.1.0.1")}})
    assert (found.slices["x"]["ports"], addresses(found.slices["x"])) == ([], ["10.1.0.1"])


@pytest.mark.parametrize("address", ["fd00::1", "web.example.com"])
def test_addresses_that_are_not_of_the_imported_families_stay_out(address: str) -> None:
    other = piece(address)
    if "example" in address:
        other.content["addressType"] = "FQDN"
    assert plan("m1", "m2", remote={"m1": {"x": other}}, own={"y": other}).slices == {}


# Laws

NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
CLUSTERS = ("m1", "m2", "m3")
NUMBER = {name: number for number, name in enumerate(CLUSTERS, 1)}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Manifest], dict[str, dict[str, Slice]], dict[str, Slice]]:
    """Who exports, what is on the host, and what is in m2; an address tells whose it is."""
    exporting = [
        {"name": name, "excludedPorts": draw(st.lists(st.sampled_from(["http", "admin"]), unique=True))}
        for name in draw(st.lists(st.sampled_from(CLUSTERS), unique=True))
    ]
    counts = {name: draw(st.integers(0, 3)) for name in CLUSTERS}
    port = st.sampled_from(["http", "admin"])

    def made(name: str, source: str) -> dict[str, Slice]:
        return {
            slice_name(name, WEB, f"web-{i}") if source else f"web-{i}": piece(
                f"10.{NUMBER[name]}.0.{i}", source, name=draw(port)
            )
            for i in range(counts[name])
        }

    return exporting, {name: made(name, name) for name in CLUSTERS}, made("m2", "")


@settings(deadline=None)
@given(worlds(), st.sampled_from(["ClusterSetIP", "Headless"]))
def test_no_slice_mixes_clusters_or_has_a_port_that_its_cluster_lost(
    world: tuple[list[Manifest], dict[str, dict[str, Slice]], dict[str, Slice]], type_: str
) -> None:
    """I3, I14 and I16."""
    exporting, remote, own = world
    excluded = {each["name"]: each["excludedPorts"] for each in exporting}
    for each in plan(*exporting, type=type_, remote=remote, own=own).slices.values():
        source = each["metadata"]["labels"][SOURCE_CLUSTER]
        assert all(address.startswith(f"10.{NUMBER[source]}.") for address in addresses(each))
        assert not {port["name"] for port in each["ports"]} & set(excluded[source])


@settings(deadline=None)
@given(worlds())
def test_an_import_is_never_its_own_leftover(
    world: tuple[list[Manifest], dict[str, dict[str, Slice]], dict[str, Slice]],
) -> None:
    exporting, remote, own = world
    found = service_set(*exporting)
    wanted = imported("m2", found, IPV4, remote, own).slices
    here = {name: Slice("u", each["metadata"]["labels"], each) for name, each in wanted.items()}
    assert leftovers("m2", found, here, wanted, {}, set(CLUSTERS)) == []


@settings(deadline=None)
@given(NAMES, NAMES, NAMES, NAMES)
def test_names_are_valid_and_those_of_one_namespace_alone(
    namespace: str, other: str, service: str, cluster: str
) -> None:
    """I20; a slice is named as a DNS label here, which is stricter than needed."""
    names = [
        (derived_service((each, service)), slice_name(cluster, (each, service), f"{service}-abcde"))
        for each in (namespace, other)
    ]
    for name in names[0]:
        assert len(name) <= 63
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
    assert namespace == other or not set(names[0]) & set(names[1])


def test_the_same_service_of_two_namespaces_shares_no_slice() -> None:
    own = {"web-abc": piece("10.2.0.1")}
    shop, stage = (
        imported("m2", service_set("m2", namespace=name), IPV4, {}, own).slices for name in ("shop", "stage")
    )
    assert not set(shop) & set(stage)


# What is to go (M8)


HERE = {"web-m1-x": piece("10.1.0.1", "m1"), "web-m2-x": piece("10.2.0.1", "m2")}


@pytest.mark.parametrize(
    ("case", "exporting", "present", "certain", "gone"),
    [
        ("the own one is gone at home", ["m1", "m2"], {"m1": ["web-m1-x"]}, [], ["web-m2-x", "web-m1-x"]),
        ("another's is absent", ["m1", "m2"], {"m2": ["web-m2-x"]}, [], ["web-m2-x"]),
        ("and known to be", ["m1", "m2"], {"m2": ["web-m2-x"]}, ["m1"], ["web-m1-x", "web-m2-x"]),
        ("both left the set", [], {"m1": ["web-m1-x"], "m2": ["web-m2-x"]}, [], []),
        ("and both say so", [], {"m2": ["web-m2-x"]}, ["m1", "m2"], ["web-m1-x", "web-m2-x"]),
    ],
)
def test_what_is_wanted_no_more_goes_only_if_that_is_certain(
    case: str, exporting: list[str], present: dict[str, list[str]], certain: list[str], gone: list[str]
) -> None:
    found = service_set(*exporting)
    assert sorted(leftovers("m2", found, HERE, (), present, certain)) == sorted(gone), case


@pytest.mark.parametrize(
    ("stale", "unproven", "lacking", "without"),
    [
        ("m1 m2", "", False, "m1"),
        ("", "m1 m2 m3", False, ""),
        ("m1", "m2 m3", True, "m1 m3"),
        ("", "", True, ""),
    ],
    ids=[
        "a cluster is never gone from itself",
        "nothing goes before it is known",
        "nor comes back before that",
        "all are there",
    ],
)
def test_clusters_that_are_gone_are_done_without(
    stale: str, unproven: str, lacking: bool, without: str
) -> None:
    sources = ("m1", "m2", "m3")
    found = left_out("m2", sources, stale.split(), unproven.split(), lacking=lacking)
    assert found == frozenset(without.split())


def test_a_slice_of_ours_that_maps_to_nothing_goes() -> None:
    stray = {"stray": Slice("u", {MANAGED_BY: CONTROLLER, MCS_SERVICE: "web"}, content("10.9.0.1"))}
    assert leftovers("m2", service_set("m1"), stray, (), {}, ()) == ["stray"]


# The withdrawal of a whole import


def states(**said: str) -> dict[str, SourceStateSpec]:
    return {
        name: SourceStateSpec(cluster=name, synced=what == "synced", left=what == "left")
        for name, what in said.items()
    }


@pytest.mark.parametrize(
    ("exported_by", "sources", "withdrawn"),
    [
        (["m1"], states(m1="synced"), True),
        (["m1"], states(m1="left"), True),
        (["m1"], states(m1="starting"), False),
        (["m1"], states(m2="synced"), False),
        (["m1", "m2"], states(m1="synced", m2="starting"), False),
        (["m1", "m2"], states(m1="synced", m2="left"), True),
        (["m1"], {}, False),
        ([], {}, False),
        ([], states(m1="synced", m2="starting"), False),
        ([], states(m1="synced"), True),
    ],
)
def test_an_import_is_withdrawn_only_by_word_of_those_who_exported_it(
    exported_by: list[str], sources: dict[str, SourceStateSpec], withdrawn: bool
) -> None:
    assert is_withdrawn(exported_by, sources, given=("m1", "m2")) is withdrawn


def test_who_has_not_given_a_word_has_not_said_so_either() -> None:
    assert not is_withdrawn(["m1"], states(m1="synced"), given=())
    assert is_withdrawn(["m1"], states(m1="left"), given=()), "nobody gives a word for who left"


def test_an_import_that_was_just_begun_needs_no_word_of_those_who_never_exported() -> None:
    assert is_withdrawn([], states(m1="synced", m2="synced"), given=())


def test_a_set_is_keyed_by_namespace_and_name() -> None:
    assert key_of(service_set("m1")) == WEB
