"""The checks of MultiClusterServices on the host: for each, what passes and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from mcs.api import MultiClusterService
from mcs.checks.facts import Facts
from mcs.checks.findings import Finding
from mcs.checks.multi_cluster import Places, losing, stated, withdrawn
from mcs.names import ADOPT_EXISTING, SHADOW
from policies.api.meta import API_VERSION, Manifest
from tests.mcs.exports import export

CLUSTERS: dict[str, dict[str, str]] = {"c1": {}, "c2": {"tier": "edge"}, "c3": {}}
FACTS = Facts(("shop", "web"), (export("c1"),))
PLACES = Places(CLUSTERS)
EDGE = {"labelSelector": {"matchLabels": {"tier": "edge"}}}


def wanted(**spec: Any) -> MultiClusterService:
    return MultiClusterService.model_validate(
        {
            "apiVersion": API_VERSION,
            "kind": "MultiClusterService",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": spec,
        }
    )


def service(*, shadow: bool = False, **annotations: str) -> Manifest:
    labels = {SHADOW: "true"} if shadow else {}
    ports = [{"name": "http", "port": 80}]
    return {
        "metadata": {"name": "web", "labels": labels, "annotations": annotations},
        "spec": {"ports": ports} | ({} if shadow else {"selector": {"app": "web"}}),
    }


def texts(found: Any) -> list[str]:
    return [_text(each) for each in found]


def _text(found: Finding) -> str:
    kind = ("deny (F)" if found.forcible else "deny") if found.denies else "warn"
    return f"{kind} {found.check} {found}"


@pytest.mark.parametrize("field", ["exportFrom", "importTo"])
def test_v33_clusters_are_registered(field: str) -> None:
    said = wanted(**{field: {"clusterNames": ["c1", "c9"], "exclude": ["c8"]}})
    assert texts(stated(FACTS, PLACES, None, said)) == [
        f'warn V33 spec.{field}.clusterNames[1]: cluster "c9" is not registered',
        f'warn V33 spec.{field}.exclude[0]: cluster "c8" is not registered',
    ]
    assert texts(stated(FACTS, PLACES, None, wanted(**{field: EDGE}))) == []


def test_v34_ports_are_those_of_the_service() -> None:
    said = wanted(ports=[{"name": "http"}, {"name": "grpc"}])
    refused = ['deny V34 spec.ports[1].name: "grpc" is not a port of Service "shop/web"']
    assert texts(stated(FACTS, PLACES, None, said)) == refused
    assert texts(stated(FACTS._replace(exports=()), PLACES, service(), said)) == refused
    assert texts(stated(Facts(("shop", "web")), PLACES, None, said)) == []
    both = FACTS._replace(exports=(export("c1", ports="http:80 grpc:90"),))
    assert texts(stated(both, PLACES, service(), said)) == []


def test_v35_a_service_of_a_users_is_in_the_way() -> None:
    places = Places(CLUSTERS, {"c1": service(), "c3": service()})
    assert texts(stated(FACTS, places, None, wanted(mode="NativeName"))) == [
        'deny V35 spec.adoptExisting: cluster c3 already has Service "shop/web" not managed by federation; '
        "set adoptExisting to merge remote endpoints into it"
    ]


@pytest.mark.parametrize(
    ("spec", "there"),
    [
        pytest.param({"mode": "ClusterSet"}, service(), id="plain names are left alone"),
        pytest.param({"mode": "NativeName", "adoptExisting": True}, service(), id="it may be adopted"),
        pytest.param({"mode": "NativeName", "importTo": EDGE}, service(), id="the cluster does not import"),
        pytest.param({"mode": "NativeName"}, service(shadow=True), id="it is ours"),
        pytest.param({"mode": "NativeName"}, service(**{ADOPT_EXISTING: "true"}), id="it says so itself"),
    ],
)
def test_v35_is_silent_otherwise(spec: dict[str, Any], there: Manifest) -> None:
    assert texts(stated(FACTS, Places(CLUSTERS, {"c3": there}), None, wanted(**spec))) == []


def test_v36_names_of_pods_are_of_one_cluster() -> None:
    facts = Facts(("shop", "web"), (export("c1", type="Headless"), export("c2", type="Headless")))
    places = Places(CLUSTERS, hostnames={"c1": {"web-0", "web-1"}, "c2": {"web-1", "web-0"}})
    native = wanted(mode="NativeName")
    assert texts(stated(facts, places, None, native)) == [
        "warn V36 headless pod names web-0.. exist in several clusters; use "
        "<host>.<cluster>.web.shop.svc.clusterset.local"
    ]
    apart = places._replace(hostnames={"c1": {"web-0"}, "c2": {"web-1"}})
    assert texts(stated(facts, apart, None, native)) == []
    assert texts(stated(facts, places, None, wanted())) == []
    assert texts(stated(FACTS, places, None, native)) == []


GONE = (
    'V32 Service "shop/web" created by federation in [c3] will be deleted; callers of '
    "web.shop.svc.cluster.local there will fail"
)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(None, id="deleted"),
        pytest.param(wanted(), id="turned off"),
        pytest.param(wanted(mode="NativeName", importTo=EDGE), id="for others only"),
    ],
)
def test_v32_callers_of_the_plain_name_lose_it(after: MultiClusterService | None) -> None:
    places = Places(CLUSTERS, {"c1": service(), "c3": service(shadow=True)})
    assert losing(FACTS, places, after) == ["c3"]


def test_v32_is_refused_where_the_namespace_is_strict() -> None:
    found = [withdrawn(("shop", "web"), ["c3"], strict=strict) for strict in (False, True)]
    assert texts(found) == [f"warn {GONE}", f"deny (F) {GONE}"]


def test_v32_is_silent_where_the_exports_themselves_ask_for_it() -> None:
    places = Places(CLUSTERS, {"c3": service(shadow=True)})
    native = FACTS._replace(exports=(export("c1", mode="NativeName"),))
    assert losing(native, places, None) == []
    assert losing(FACTS, places, wanted(mode="NativeName")) == []
    assert losing(FACTS, Places(CLUSTERS, {"c3": service()}), None) == []


def test_v32_exports_that_go_with_it_do_not_count() -> None:
    places = Places(CLUSTERS, {"c3": service(shadow=True)})
    ours = export("c1", mode="NativeName").model_copy(update={"requested": True})
    assert losing(FACTS._replace(exports=(ours,)), places, None) == ["c3"]
