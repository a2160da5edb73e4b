"""What is imported of a cluster's own endpoints while the host is away: services.md 4.5, M7."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcs.api.cluster_export import ClusterExportSpec
from mcs.importing import imported
from mcs.merge import merged
from mcs.outage import last_known
from mcs.slices import Slice
from policies.api.meta import Manifest
from tests.mcs.exports import any_exports, export
from tests.mcs.imports import content, piece

DUAL = ("IPv4", "IPv6")
OWN = {"web-4": piece("10.2.0.1"), "web-6": piece("fd00::1"), "dns": piece("10.2.0.9", name="dns")}


def here(exports: list[ClusterExportSpec], families: tuple[str, ...] = DUAL) -> Manifest:
    """The ServiceImport in m2, as the server has it."""
    found = merged(exports, None)
    assert found is not None
    live = imported("m2", found, families, {}, {}).service_import
    live["metadata"]["creationTimestamp"] = "2026-11-21T02:01:00Z"
    if live["spec"]["type"] == "ClusterSetIP" and live["spec"].get("ipFamilies"):
        live["spec"]["ips"] = ["172.19.0.1"]
    return live | {"status": {"clusters": [{"cluster": each.name} for each in found.clusters]}}


def service(exported: ClusterExportSpec) -> Manifest:
    """The Service in m2 that is exported so."""
    ports = [
        {"name": each.name, "port": each.port, "protocol": each.protocol} for each in exported.service.ports
    ]
    return {"spec": {"ports": ports}}


def tracked(live: Manifest, own_service: Manifest | None, own: dict[str, Slice] = OWN) -> dict[str, Any]:
    found = last_known("m2", live, own_service)
    if found is None:
        return {}
    return imported("m2", found, tuple(found.service.ip_families), {}, own).slices


@given(any_exports(), st.sampled_from([("IPv4",), ("IPv6",), DUAL, tuple(reversed(DUAL))]))
def test_it_is_what_the_host_would_have_imported(
    exports: list[ClusterExportSpec], families: tuple[str, ...]
) -> None:
    """I6, I7: neither the outage nor its end writes anything by itself."""
    exported = next((each for each in exports if each.cluster == "m2"), None)
    found = merged(exports, None)
    assert found is not None
    live = here(exports, families)
    plan = imported("m2", found, families, {}, OWN)
    usable = plan.derived is not None or found.service.type == "Headless"
    assert tracked(live, service(exported) if exported else None) == (plan.slices if usable else {})


def test_endpoints_that_come_are_imported() -> None:
    exported = export("m2")
    own = {"web-new": piece("10.2.0.77")}
    (found,) = tracked(here([exported]), service(exported), own).values()
    assert found["endpoints"] == content("10.2.0.77")["endpoints"]


def test_a_port_that_changes_meanwhile_is_not_used_for_callers_of_the_imported_one() -> None:
    """I14."""
    changed = service(export("m2", ports="http:8080"))
    assert tracked(here([export("m2")]), changed, {"web-4": OWN["web-4"]}) == {}


def test_a_cluster_that_did_not_export_imports_nothing_of_its_own() -> None:
    assert tracked(here([export("m1")]), service(export("m2"))) == {}


def test_without_its_service_it_is_not_known_what_the_ports_are() -> None:
    assert last_known("m2", here([export("m2")]), None) is None


def test_an_import_that_has_no_ip_has_no_endpoints() -> None:
    live = here([export("m2")])
    del live["spec"]["ips"]
    assert last_known("m2", live, service(export("m2"))) is None


def test_an_import_that_nobody_put_its_exporters_on_yet_says_nothing() -> None:
    live = here([export("m2")])
    del live["status"]
    assert last_known("m2", live, service(export("m2"))) is None
