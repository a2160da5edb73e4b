"""What is said of locality, on ServiceExports and on the host: services.md 4.1 (5), 1.12."""

from __future__ import annotations

import pytest

from mcs.api.service import Locality
from mcs.exporting import exported
from mcs.merge import merged
from mcs.names import LOCALITY, MIN_LOCAL, MODE
from mcs.outage import last_known
from mcs.preference import annotations_of, locality_of, normalized, preferred, text_of
from tests.mcs.exports import export as export_of
from tests.mcs.imports import service_set
from tests.mcs.test_exporting import SERVICE, export, service
from tests.mcs.test_importing import plan
from tests.mcs.test_policy import together

SAME, THREE = Locality(mode="PreferSameCluster"), Locality(mode="PreferSameCluster", min_local=3)
SPREAD = Locality(mode="Spread")


@pytest.mark.parametrize(
    ("annotations", "locality"),
    [
        ({}, None),
        ({LOCALITY: "Spread"}, None),
        ({LOCALITY: "prefersamecluster"}, None),
        ({LOCALITY: "PreferSameCluster"}, SAME),
        ({LOCALITY: "PreferSameCluster", MIN_LOCAL: "3"}, THREE),
        ({LOCALITY: "PreferSameCluster", MIN_LOCAL: "0"}, SAME),
        ({LOCALITY: "PreferSameCluster", MIN_LOCAL: "-1"}, SAME),
        ({LOCALITY: "PreferSameCluster", MIN_LOCAL: "1000000000"}, SAME),
        ({MIN_LOCAL: "3"}, None),
    ],
)
def test_annotations_of_the_export_say_whom_callers_prefer(
    annotations: dict[str, str], locality: Locality | None
) -> None:
    found = exported("m1", SERVICE, export(metadata={"annotations": annotations}), service(), {}).spec
    assert found is not None
    assert found.service.locality == locality


def test_what_can_not_be_followed_is_said_with_the_remedy() -> None:
    annotations = {MODE: "native", LOCALITY: "Near", MIN_LOCAL: "many"}
    valid = exported("m1", SERVICE, export(metadata={"annotations": annotations}), service(), {}).valid
    assert valid is not None
    lines = valid.message.splitlines()
    assert [line.split(" says ")[0] for line in lines] == [
        f"the annotation {each}" for each in (MODE, LOCALITY, MIN_LOCAL)
    ]
    assert "one of Spread, PreferSameCluster" in lines[1]
    assert "counts as 1" in lines[2]


@pytest.mark.parametrize("locality", [None, SAME, THREE])
def test_a_member_finds_it_on_its_import_while_the_host_is_away(locality: Locality | None) -> None:
    assert locality_of(annotations_of(locality)) == locality
    said = locality.dump() if locality else None
    live = plan("m2", locality=said, trafficDistribution="PreferSameZone").service_import
    live["metadata"] |= {"creationTimestamp": "2026-01-01T00:00:00Z"}
    live = {**live, "status": {"clusters": [{"cluster": "m2"}]}}
    live["spec"] |= {"ips": ["10.0.0.1"]}
    found = last_known("m2", live, {"spec": {"ports": [{"name": "http", "port": 80}]}})
    assert found is not None
    assert found.service.locality == locality
    assert found.service.traffic_distribution == "PreferSameZone"


def test_callers_of_a_headless_service_choose_themselves() -> None:
    found = service_set("m1", type="Headless", locality=SAME.dump())
    assert preferred(found.service) is None
    assert preferred(service_set("m1", locality=SAME.dump()).service) == SAME
    assert (
        LOCALITY
        not in plan("m1", type="Headless", locality=SAME.dump()).service_import["metadata"]["annotations"]
    )


def test_the_oldest_export_decides_and_the_others_are_told() -> None:
    found = together(export_of("m1", 1, locality=THREE), export_of("m2", 2), locality=THREE)
    assert found.conflicts == []
    alone = merged([export_of("m1", 1, locality=THREE), export_of("m2", 2)], None)
    assert alone is not None
    assert alone.service.locality == THREE
    (conflict,) = alone.conflicts
    assert conflict.reason == "LocalityConflict"
    assert "PreferSameCluster (minLocal 3) from oldest ServiceExport in cluster m1" in conflict.message


def test_the_host_decides_whatever_exports_say() -> None:
    assert together(export_of("m1", 1, locality=THREE)).service.locality is None
    assert together(export_of("m1", 1), locality=SAME).service.locality == SAME


@pytest.mark.parametrize(("said", "means"), [(None, None), (SPREAD, None), (SAME, SAME), (THREE, THREE)])
def test_to_spread_is_what_is_done_anyway(said: Locality | None, means: Locality | None) -> None:
    assert normalized(said) == means
    assert text_of(means).startswith("PreferSameCluster" if means else "Spread")
