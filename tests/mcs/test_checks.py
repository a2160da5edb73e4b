"""The checks of Services and ServiceExports on the host: for each, what passes and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from mcs.checks import exports as export_checks
from mcs.checks import removals, services
from mcs.checks.agreement import agreement
from mcs.checks.facts import Facts, prospect
from mcs.checks.findings import Finding, Verdict, hold, judged, newly, warn
from policies.api.meta import FORCE, Manifest
from tests.mcs.exports import export

NOW = "2026-11-22T00:00:00Z"
SHOP = ("shop", "web")
BOTH = frozenset({"c1", "c2"})
EXPORTED = Facts(SHOP, (export("c1"), export("c2")), BOTH, BOTH, ("c1", "c2", "c3"))


def service(**spec: Any) -> Manifest:
    ports = [{"name": "http", "protocol": "TCP", "port": 80}]
    spec = {"clusterIP": "10.0.0.1", "ports": ports, "selector": {"app": "web"}, **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}


def service_export(**spec: Any) -> Manifest:
    return {"kind": "ServiceExport", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}


def update(facts: Facts, old: Manifest, new: Manifest) -> list[Finding]:
    after = prospect(facts, dict.fromkeys(facts.served, new), NOW)
    return list(services.updated(facts, old, new, after))


def texts(found: list[Finding]) -> list[tuple[str, str]]:
    """Return (`deny`, `deny (F)` or `warn`, what it says) of each finding."""
    return [
        (("deny (F)" if each.forcible else "deny") if each.denies else "warn", f"{each.check} {each}")
        for each in found
    ]


# ServiceExport


def test_v01_a_name_elsewhere_is_not_exported() -> None:
    found = list(export_checks.created(EXPORTED, service(type="ExternalName")))
    assert texts(found) == [
        (
            "deny",
            'V01 Service "shop/web" has type ExternalName and cannot be exported; create an ExternalName '
            "Service in each cluster instead",
        )
    ]
    assert list(export_checks.created(EXPORTED, service(type="LoadBalancer"))) == []


def test_v02_an_export_may_come_before_its_service() -> None:
    found = list(export_checks.created(EXPORTED, None))
    assert texts(found) == [
        (
            "warn",
            'V02 Service "shop/web" not found; the export stays Valid=False (NoService) until it exists',
        )
    ]


def test_v04_an_export_that_stays_on_the_host_exports_nothing() -> None:
    found = list(export_checks.created(EXPORTED._replace(exporting=frozenset()), service()))
    assert texts(found) == [
        (
            "warn",
            'V04 no policy propagates ServiceExport "shop/web", so that it exports nothing; have a '
            "PropagationPolicy select it, or apply it in the clusters themselves",
        )
    ]


def test_v07_annotations_are_bounded() -> None:
    assert list(export_checks.sized(service_export(exportedAnnotations={"a": "b" * 65535}))) == []
    found = list(export_checks.sized(service_export(exportedAnnotations={"a": "é" * 40000, "b": "c"})))
    assert texts(found) == [("deny", "V07 spec.exportedAnnotations: total size 80003 exceeds 65536 bytes")]


def test_v24_the_last_export_takes_the_imports_along() -> None:
    assert texts(list(export_checks.deleted(EXPORTED))) == [
        ("warn", 'V24 last export of "shop/web": ServiceImports in [c1 c2 c3] will be deleted')
    ]


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(EXPORTED._replace(exporting=frozenset({"c1"})), id="one goes on to export"),
        pytest.param(EXPORTED._replace(importers=()), id="nobody imports it"),
        pytest.param(Facts(SHOP), id="nobody exports it"),
    ],
)
def test_v24_is_silent_otherwise(facts: Facts) -> None:
    assert list(export_checks.deleted(facts)) == []


def test_v39_names_of_endpoints_have_an_end() -> None:
    long = Facts(("n" * 63, "s" * 63), exporting=frozenset({"c" * 41}))
    found = list(export_checks.created(long, service(clusterIP="None")))
    assert texts(found) == [("warn", "V39 longest DNS name for this service would be 254 characters")]
    assert list(export_checks.created(long, service())) == []
    short = long._replace(exporting=frozenset({"c" * 40}))
    assert list(export_checks.created(short, service(clusterIP="None"))) == []


# Service


def test_v08_an_exported_service_does_not_become_a_name() -> None:
    found = update(EXPORTED, service(), service(type="ExternalName"))
    assert texts(found) == [
        (
            "deny (F)",
            'V08 spec.type: Service "shop/web" is exported by [c1 c2]; changing type to ExternalName would '
            "remove it from the clusterset",
        )
    ]
    assert update(EXPORTED, service(), service(type="NodePort")) == []


def test_v09_an_exported_service_keeps_its_ip() -> None:
    found = update(EXPORTED, service(), service(clusterIP="None"))
    assert texts(found) == [
        (
            "deny (F)",
            'V09 spec.clusterIP: changing headlessness of exported Service "shop/web" would release the '
            "clusterset IP in [c1 c2 c3]",
        )
    ]
    assert update(EXPORTED, service(), service(clusterIP="10.0.0.2")) == []


def test_v21_the_selector_of_an_exported_service_stays() -> None:
    found = update(EXPORTED, service(), service(selector={}))
    assert texts(found) == [
        (
            "deny (F)",
            'V21 spec.selector: selector removed from exported Service "shop/web": existing EndpointSlices '
            "are not cleaned up and would stay exported",
        )
    ]
    assert update(EXPORTED, service(selector={}), service(selector={})) == []


def test_v22_other_pods_are_other_endpoints() -> None:
    found = update(EXPORTED, service(), service(selector={"app": "web2"}))
    assert texts(found) == [
        (
            "warn",
            'V22 spec.selector: selector of exported Service "shop/web" changed; endpoints in all importing '
            "clusters will be replaced",
        )
    ]
    assert update(EXPORTED, service(), service(selector={"app": "web", "tier": "a"})) == []


def test_v40_many_endpoints_are_slow() -> None:
    found = update(EXPORTED._replace(endpoints=5001), service(), service())
    assert [each.check for each in found] == ["V40"]
    assert update(EXPORTED._replace(endpoints=5000), service(), service()) == []


def test_a_service_that_no_cluster_has_from_the_host_may_change() -> None:
    alone = EXPORTED._replace(served=frozenset({"c3"}))
    assert update(alone, service(), service(type="ExternalName", selector={})) == []
    assert list(services.deleted(alone)) == []


def test_v23_an_exported_service_is_not_deleted() -> None:
    assert texts(list(services.deleted(EXPORTED._replace(importers=("c3",))))) == [
        (
            "deny (F)",
            'V23 Service "shop/web" is exported by [c1 c2] and imported by [c3]; delete ServiceExport '
            '"shop/web" first',
        )
    ]
    assert list(services.deleted(EXPORTED._replace(exports=()))) == []


# What takes several along


def test_v27_a_namespace_with_exports_is_not_deleted() -> None:
    exported = [EXPORTED._replace(service=("shop", name)) for name in ("web", "db", "auth", "pay")]
    assert texts(list(removals.namespace_deleted("shop", exported))) == [
        ("deny (F)", 'V27 namespace "shop" contains 4 exported services: auth, db, pay, ...')
    ]
    assert list(removals.namespace_deleted("shop", [EXPORTED._replace(exports=())])) == []


@pytest.mark.parametrize(
    ("exporters", "removed", "says"),
    [
        (["c1"], {"c2"}, []),
        (
            ["c1"],
            {"c1"},
            [
                (
                    "deny (F)",
                    "V28 spec.placement: placement change removes the only exporting cluster c1 of Service "
                    '"shop/web"',
                )
            ],
        ),
        (
            ["c1", "c2"],
            {"c1", "c2", "c3"},
            [
                (
                    "deny (F)",
                    "V28 spec.placement: placement change removes all exporting clusters [c1 c2] of Service "
                    '"shop/web"',
                )
            ],
        ),
        (
            ["c1", "c2"],
            {"c1"},
            [
                (
                    "warn",
                    "V28 spec.placement: placement change removes exporting clusters [c1] of Service "
                    '"shop/web"',
                )
            ],
        ),
    ],
)
def test_v28_a_placement_leaves_an_exporter(
    exporters: list[str], removed: set[str], says: list[tuple[str, str]]
) -> None:
    facts = EXPORTED._replace(exports=tuple(export(name) for name in exporters))
    assert texts(list(removals.placement_changed(facts, removed))) == says


def test_v31_a_cluster_that_alone_exports_does_not_leave() -> None:
    sole = [f"shop/web{i}" for i in range(12)]
    assert texts(list(removals.cluster_deleted("c1", sole))) == [
        (
            "deny (F)",
            "V31 cluster c1 is the only exporter of 12 services (shop/web0, shop/web1, shop/web10, ...)",
        )
    ]
    assert list(removals.cluster_deleted("c1", [])) == []


# What clusters would export


def test_who_exports_goes_on_to_and_who_gets_an_export_joins() -> None:
    facts = Facts(SHOP, (export("c1", 5),), frozenset({"c1", "c2"}), frozenset({"c2", "c3"}))
    found = prospect(facts, {"c1": service(), "c2": service()}, NOW)
    assert [(each.cluster, each.export_creation_timestamp) for each in found] == [
        ("c1", "2026-11-21T02:00:05Z"),
        ("c2", NOW),
    ]


def test_what_only_the_cluster_can_say_is_taken_to_stay() -> None:
    present = export("c1", ip_families=["IPv6"], labels={"tier": "a"})
    (found,) = prospect(Facts(SHOP, (present,), BOTH, BOTH), {"c1": service()}, NOW)
    assert found.service == present.service


def test_a_service_that_cannot_be_rendered_is_taken_to_stay() -> None:
    assert prospect(EXPORTED, {"c1": None, "c2": service()}, NOW)[0] == export("c1")


def test_one_that_cannot_be_exported_is_not() -> None:
    found = prospect(EXPORTED, {"c1": service(type="ExternalName")}, NOW)
    assert [each.cluster for each in found] == ["c2"]


# Force, and what was so before


def test_a_reason_turns_what_may_be_forced_into_a_warning() -> None:
    forced = {"metadata": {"annotations": {FORCE: "moving to v2"}}}
    found = [hold("V21", "selector removed"), warn("V40", "many")]
    assert judged(found, None, forced) == Verdict((), ("selector removed (forced: moving to v2)", "many"))
    assert judged(found, forced, None) == judged(found, None, forced)


def test_without_a_reason_nothing_is_forced() -> None:
    empty = {"metadata": {"annotations": {FORCE: ""}}}
    assert judged([hold("V21", "selector removed")], empty).denials == (
        "selector removed; to do it nevertheless, annotate the object with "
        'mcs.federation.atoll.dev/force: "<reason>"',
    )


def test_what_can_never_be_right_is_not_forced() -> None:
    forced = {"metadata": {"annotations": {FORCE: "why not"}}}
    external = list(export_checks.created(EXPORTED, service(type="ExternalName")))
    assert len(judged(external, forced).denials) == 1


def test_a_change_is_not_held_up_for_what_was_so_before() -> None:
    before = agreement([export("c1", 1), export("c2", 2, ports="http:90")])
    after = agreement(
        [export("c1", 1), export("c2", 2, ports="http:91 grpc:70"), export("c3", ports="grpc:7")]
    )
    found = list(newly(before, after))
    assert [(each.field, each.denies) for each in found] == [
        ('spec.ports["http"]', False),
        ('spec.ports["grpc"]', True),
    ]


def test_of_many_clusters_the_first_are_named() -> None:
    many = EXPORTED._replace(
        exports=tuple(export(f"c{i}") for i in range(1, 9)), served=frozenset(f"c{i}" for i in range(1, 9))
    )
    assert "[c1 c2 c3 c4 c5 and 3 more]" in str(next(services.deleted(many)))
