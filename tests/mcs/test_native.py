"""What is under the plain name of a Service in a cluster: services.md 4.8."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs.api.service_set import ServiceSetSpec
from mcs.importing import Import, imported
from mcs.names import ADOPT_EXISTING, HEADLESS, MCS_SERVICE, NATIVE, SERVICE_NAME, SHADOW, SOURCE_CLUSTER
from mcs.native import Native, kept, native
from mcs.shadows import handed_over, is_shadow, is_taken_over
from mcs.slices import Slice, service_at_home
from policies.api.meta import Manifest
from tests.mcs.imports import PORTS, WEB, addresses, piece, service_set

HTTP = [{"name": "http", "port": 80}]
REMOTE = {"m1": {"web-m1-x": piece("10.1.0.1", "m1")}, "m3": {"web-m3-x": piece("10.3.0.1", "m3")}}
OWN = {"web-abc": piece("10.2.0.1")}
OF_THE_IMPORT = [{"kind": "ServiceImport", "name": "web", "uid": "u"}]


def plan(found: ServiceSetSpec) -> Import:
    return imported("m2", found, ("IPv4",), REMOTE, OWN)


def of(live: Manifest | None, *clusters: str, mode: str = "NativeName", **service: Any) -> Native:
    """What is under shop/web in m2, by default exported by m1 and m3."""
    found = service_set(*(clusters or ("m1", "m3")), mode=mode, **service)
    return native("m2", found, plan(found), live)


def service(metadata: Manifest | None = None, **spec: Any) -> Manifest:
    """A Service shop/web that a user made."""
    named = {"namespace": "shop", "name": "web", "resourceVersion": "7", **(metadata or {})}
    return {"metadata": named, "spec": {"ports": HTTP, "selector": {"app": "web"}, **spec}}


def shadow(**spec: Any) -> Manifest:
    return service({"labels": {SHADOW: "true"}, "ownerReferences": OF_THE_IMPORT}, selector=None, **spec)


def reason(found: Native) -> str:
    assert found.verdict is not None
    return found.verdict.reason


# Where there is no Service


def test_where_there_is_none_a_service_without_selector_is_made() -> None:
    found = of(None)
    assert found.shadow is not None
    assert found.shadow["metadata"] == {"namespace": "shop", "name": "web", "labels": {SHADOW: "true"}}
    assert "selector" not in found.shadow["spec"]
    assert [port["port"] for port in found.shadow["spec"]["ports"]] == [80]
    assert reason(found) == "Attached"


def test_that_of_a_headless_service_has_no_ip() -> None:
    found = of(None, type="Headless")
    assert found.shadow is not None
    assert found.shadow["spec"]["clusterIP"] == "None"
    assert all(each["metadata"]["labels"][HEADLESS] == "" for each in found.slices.values())


def test_what_we_made_is_what_we_want() -> None:
    assert of(shadow()) == of(None)


def test_who_replaces_an_exported_service_does_not_find_ours_in_its_place() -> None:
    found = of(None, "m1", "m2")
    assert (found.shadow, reason(found)) == (None, "Pending")
    assert found.slices


# Slices


def test_endpoints_of_other_clusters_are_attached_and_own_ones_never() -> None:
    found = of(service(), "m1", "m2", adoptExisting=True)
    assert {name: addresses(each) for name, each in found.slices.items()} == {"web-m1-x-n": ["10.1.0.1"]}


def test_what_is_attached_is_found_by_the_plain_name_and_not_by_the_import() -> None:
    labels = of(None).slices["web-m1-x-n"]["metadata"]["labels"]
    assert (labels[SERVICE_NAME], labels[NATIVE], labels[SOURCE_CLUSTER]) == ("web", "true", "m1")
    assert MCS_SERVICE not in labels


def test_what_is_attached_is_neither_the_members_own_nor_lost() -> None:
    """I16: what is not at home is not exported."""
    mirrored = Slice("u", of(None).slices["web-m1-x-n"]["metadata"]["labels"], {})
    assert mirrored.ours
    assert service_at_home("shop", mirrored) == WEB


# Where a user made one


@pytest.mark.parametrize(
    ("live", "traits"),
    [
        (service(), {"adoptExisting": True}),
        (service({"annotations": {ADOPT_EXISTING: "true"}}), {}),
        (service(ports=[{"name": "http", "port": 80, "protocol": "TCP"}]), {"adoptExisting": True}),
        (
            service(),
            {"adoptExisting": True, "ports": [*PORTS, {"name": "dns", "protocol": "UDP", "port": 53}]},
        ),
        (service(clusterIP="None"), {"adoptExisting": True, "type": "Headless"}),
        (service({"labels": {SHADOW: "true"}}), {}),
        (service({"ownerReferences": OF_THE_IMPORT}, selector=None), {}),
    ],
    ids=["allowed", "allowed here", "same port", "fewer ports", "headless", "labeled", "owned"],
)
def test_it_is_attached_to_where_that_is_allowed_and_both_are_the_same(
    live: Manifest, traits: Manifest
) -> None:
    found = of(live, **traits)
    assert (found.shadow, reason(found), len(found.slices)) == (None, "Attached", 2)


@pytest.mark.parametrize(
    ("live", "traits", "says"),
    [
        (service(), {"adoptExisting": False}, ADOPT_EXISTING),
        (service({"annotations": {ADOPT_EXISTING: "no"}}), {}, ADOPT_EXISTING),
        (service(ports=[{"name": "http", "port": 81}]), {"adoptExisting": True}, "http 81/TCP"),
        (service(ports=[{"name": "web", "port": 80}]), {"adoptExisting": True}, "web 80/TCP"),
        (
            service(ports=[{"name": "http", "port": 80, "protocol": "UDP"}]),
            {"adoptExisting": True},
            "http 80/UDP",
        ),
        (service(clusterIP="None"), {"adoptExisting": True}, "it is headless"),
        (service(), {"adoptExisting": True, "type": "Headless"}, "it is not headless"),
        (service(type="ExternalName", ports=None), {"adoptExisting": True}, "ExternalName"),
        (
            service({"labels": {SHADOW: "true"}}, ports=[{"name": "http", "port": 81}]),
            {},
            "http 81/TCP",
        ),
    ],
)
def test_else_nothing_is_attached_and_it_is_said_why(live: Manifest, traits: Manifest, says: str) -> None:
    found = of(live, **traits)
    assert (found.shadow, dict(found.slices), reason(found)) == (None, {}, "ServiceMismatch")
    assert says in str(found.verdict)


def test_without_a_common_family_there_is_nothing() -> None:
    found = of(None, ipFamilies=["IPv6"])
    assert (found.shadow, dict(found.slices), reason(found)) == (None, {}, "IPFamilyNotSupported")


# Whose a Service is (N4)


@pytest.mark.parametrize(
    ("live", "is_ours", "was_ours"),
    [
        (shadow(), True, False),
        (service(), False, False),
        (service(selector=None), False, False),
        (shadow() | {"spec": {"selector": {"app": "web"}}}, False, True),
        (service({"ownerReferences": OF_THE_IMPORT}, selector=None), False, True),
        (service({"ownerReferences": [{"kind": "ServiceImport", "name": "another"}]}), False, False),
        (service({"ownerReferences": [{"kind": "Shop", "name": "web"}]}), False, False),
    ],
)
def test_who_adds_a_selector_or_takes_the_label_off_takes_it_over(
    live: Manifest, is_ours: bool, was_ours: bool
) -> None:
    assert (is_shadow(live), is_taken_over(live)) == (is_ours, was_ours)


def test_what_is_handed_over_goes_with_no_import_and_stays_attached() -> None:
    others = [{"kind": "Shop", "name": "web"}]
    live = service({"labels": {SHADOW: "true", "a": "b"}, "ownerReferences": OF_THE_IMPORT + others})
    patch = handed_over(live)
    after = service({"annotations": patch["annotations"], "ownerReferences": patch["ownerReferences"]})
    assert (patch["labels"], patch["ownerReferences"]) == ({SHADOW: None}, others)
    assert not is_taken_over(after)
    assert reason(of(after)) == "Attached"


# When it ends


LIVES = st.sampled_from([None, service(), shadow(), service(selector=None, clusterIP="None")])
CLUSTERS = st.lists(st.sampled_from(["m1", "m2", "m3"]), unique=True, min_size=1)


@given(LIVES, CLUSTERS, st.sampled_from(["ClusterSetIP", "Headless"]), st.booleans())
def test_without_it_there_is_nothing_of_ours(
    live: Manifest | None, clusters: list[str], type_: str, adopt: bool
) -> None:
    """I25."""
    assert of(live, *clusters, mode="ClusterSet", type=type_, adoptExisting=adopt) == Native()


@given(LIVES, CLUSTERS, st.sampled_from(["ClusterSetIP", "Headless"]), st.booleans())
def test_a_users_service_is_never_written_and_own_endpoints_never_attached(
    live: Manifest | None, clusters: list[str], type_: str, adopt: bool
) -> None:
    found = of(live, *clusters, type=type_, adoptExisting=adopt)
    assert found.shadow is None or live is None or is_shadow(live)
    sources = {each["metadata"]["labels"][SOURCE_CLUSTER] for each in found.slices.values()}
    assert sources <= set(clusters) - {"m2"}


ATTACHED = {"web-m3-x-n": Slice("u", of(None).slices["web-m3-x-n"]["metadata"]["labels"], {})}


@pytest.mark.parametrize(
    ("exporting", "certain", "stays"),
    [
        ("m3", [], False),
        ("m1", ["m3"], False),
        ("m1", ["m1"], True),
    ],
)
def test_what_is_attached_stays_while_its_cluster_was_not_heard_of(
    exporting: str, certain: list[str], stays: bool
) -> None:
    """The opt-in may have been that cluster's."""
    ended = service_set(exporting)
    assert kept("m2", ended, Native(), ATTACHED, certain) == ({"web-m3-x-n"} if stays else set())
    assert not kept("m2", ended, of(None), ATTACHED, certain)
