"""The conflict policy of KEP-1645 by property, and the laws of what clusters come to together."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.service_set import ServiceSetSpec
from mcs.merge import merged
from tests.mcs.exports import any_exports, export, text_of


def merge(*exports: ClusterExportSpec, before: ServiceSetSpec | None = None) -> ServiceSetSpec:
    found = merged(exports, before)
    assert found is not None
    return found


def reasons(found: ServiceSetSpec) -> list[str]:
    return [each.reason for each in found.conflicts]


def names(found: ServiceSetSpec) -> list[str]:
    return [cluster.name for cluster in found.clusters]


def test_without_exports_there_is_nothing() -> None:
    assert merged([], None) is None
    assert merged([], merge(export("m1"))) is None


def test_one_export_is_taken_as_it_is() -> None:
    alone = export(
        "m1",
        7,
        type="Headless",
        ports="http:80 dns:53/UDP",
        session_affinity="ClientIP",
        session_affinity_seconds=10,
        internal_traffic_policy="Local",
        traffic_distribution="PreferSameZone",
        ip_families=["IPv6", "IPv4"],
        labels={"tier": "front"},
        annotations={"team": "shop"},
    )
    found = merge(alone)
    assert (found.namespace, found.name, found.revision) == ("shop", "web", 1)
    assert found.service == alone.service
    assert found.conflicts == []
    assert [cluster.model_dump() for cluster in found.clusters] == [
        {"name": "m1", "export_creation_timestamp": "2026-11-21T02:00:07Z", "excluded_ports": []}
    ]


def test_everything_that_is_known_is_written_down() -> None:
    assert set(merge(export("m1")).service.dump()) == {
        "type",
        "ports",
        "sessionAffinity",
        "internalTrafficPolicy",
        "trafficDistribution",
        "ipFamilies",
        "labels",
        "annotations",
        "mode",
        "adoptExisting",
    }


def test_the_oldest_export_comes_first_and_of_equal_age_the_first_name() -> None:
    assert names(merge(export("m1", 9), export("m3", 5), export("m2", 5))) == ["m2", "m3", "m1"]


@pytest.mark.parametrize(
    ("field", "oldest", "other", "conflicts"),
    [
        ("session_affinity", "ClientIP", "None", ["SessionAffinityConflict"]),
        ("session_affinity", "None", "ClientIP", ["SessionAffinityConflict"]),
        ("session_affinity_seconds", 10, 10800, ["SessionAffinityConfigConflict"]),
        ("session_affinity_seconds", None, 10, ["SessionAffinityConfigConflict"]),
        ("internal_traffic_policy", "Local", "Cluster", ["InternalTrafficPolicyConflict"]),
        ("internal_traffic_policy", "Cluster", "Local", ["InternalTrafficPolicyConflict"]),
        ("traffic_distribution", "PreferSameZone", "", ["TrafficDistributionConflict"]),
        ("traffic_distribution", "", "PreferSameNode", ["TrafficDistributionConflict"]),
        ("labels", {"a": "1"}, {"a": "2"}, ["LabelsConflict"]),
        ("labels", {}, {"a": "1"}, ["LabelsConflict"]),
        ("labels", {"a": "1"}, {"a": "1", "b": "2"}, ["LabelsConflict"]),
        ("annotations", {"a": "1"}, {"b": "1"}, ["AnnotationsConflict"]),
        ("annotations", {"a": "1"}, {}, ["AnnotationsConflict"]),
        ("type", "Headless", "ClusterSetIP", ["TypeConflict"]),
        ("type", "ClusterSetIP", "Headless", ["TypeConflict"]),
    ],
)
def test_the_oldest_export_decides(field: str, oldest: Any, other: Any, conflicts: list[str]) -> None:
    found = merge(export("m1", 9, **{field: other}), export("m2", 1, **{field: oldest}))
    assert getattr(found.service, field) == oldest
    assert reasons(found) == conflicts


@pytest.mark.parametrize(
    ("exports", "used", "excluded", "conflict"),
    [
        pytest.param(["http:80", "http:80"], "http:80", [[], []], False, id="the same"),
        pytest.param(["a:1 b:2", "b:2 a:1"], "a:1 b:2", [[], []], False, id="in another order"),
        pytest.param(["a:1", "a:1 b:2"], "a:1 b:2", [[], []], True, id="one more"),
        pytest.param(["a:1 b:2", "a:1"], "a:1 b:2", [[], []], True, id="one less"),
        pytest.param(["a:1", "b:2"], "a:1 b:2", [[], []], True, id="nothing in common"),
        pytest.param(["a:80", "a:8080"], "a:80", [[], ["a"]], True, id="a name, two numbers"),
        pytest.param(["a:53/UDP", "a:53"], "a:53/UDP", [[], ["a"]], True, id="a name, two protocols"),
        pytest.param(["a:53/UDP", "b:53"], "a:53/UDP b:53", [[], []], True, id="a number by protocol"),
        pytest.param(["a:80", "b:80"], "a:80", [[], ["b"]], True, id="a number, two names"),
        pytest.param(["a:80 b:90", "b:80 a:90"], "a:80 b:90", [[], ["b", "a"]], True, id="crossed"),
        pytest.param(
            ["a:80", "b:80", "b:90"], "a:80 b:90", [[], ["b"], []], True, id="a name that lost is free"
        ),
        pytest.param(
            ["a:80", "a:90", "b:90"], "a:80 b:90", [[], ["a"], []], True, id="a number that lost is free"
        ),
        pytest.param([":80", ":80"], ":80", [[], []], False, id="no name"),
        pytest.param([":80", ":90"], ":80", [[], [""]], True, id="no name, two numbers"),
        pytest.param([":80", "a:90"], ":80", [[], ["a"]], True, id="one without a name stays alone"),
        pytest.param(["a:90", ":80"], "a:90", [[], [""]], True, id="one without a name is not added"),
        pytest.param(["a:80/TCP/h2c", "a:80"], "a:80/TCP/h2c", [[], []], True, id="application protocol"),
        pytest.param(["", "a:80"], "a:80", [[], []], True, id="none at all"),
    ],
)
def test_ports(exports: list[str], used: str, excluded: list[list[str]], conflict: bool) -> None:
    found = merge(*(export(f"m{i}", i, ports=text) for i, text in enumerate(exports)))
    assert text_of(found.service.ports) == used
    assert [cluster.excluded_ports for cluster in found.clusters] == excluded
    assert reasons(found) == (["PortConflict"] if conflict else [])


def test_ports_of_losing_types_are_used_too() -> None:
    found = merge(export("m1", 1, ports="a:1"), export("m2", 2, ports="b:2", type="Headless"))
    assert text_of(found.service.ports) == "a:1 b:2"


def test_there_are_never_more_ports_than_a_set_holds() -> None:
    first, second = (
        " ".join(f"{name}{i}:{n + i}" for i in range(200)) for name, n in (("a", 1), ("b", 1000))
    )
    found = merge(export("m1", 1, ports=first), export("m2", 2, ports=second))
    assert len(found.service.ports) == 250
    assert found.clusters[1].excluded_ports == [f"b{i}" for i in range(50, 200)]


@pytest.mark.parametrize(
    ("exports", "used", "conflict"),
    [
        ([["IPv4"], ["IPv4"]], ["IPv4"], False),
        ([["IPv4", "IPv6"], ["IPv6", "IPv4"]], ["IPv4", "IPv6"], False),
        ([["IPv4"], ["IPv4", "IPv6"]], ["IPv4"], False),
        ([["IPv6"], ["IPv4", "IPv6"]], ["IPv6"], False),
        ([["IPv4", "IPv6"], ["IPv6"]], ["IPv6"], True),
        ([["IPv4"], ["IPv6"]], ["IPv4"], True),
        ([["IPv4", "IPv6"], ["IPv4"], ["IPv6"]], ["IPv4"], True),
        ([["IPv6"], ["IPv4"], ["IPv6", "IPv4"]], ["IPv6"], True),
    ],
)
def test_ip_families_are_those_that_all_have_unless_that_leaves_none(
    exports: list[list[str]], used: list[str], conflict: bool
) -> None:
    found = merge(*(export(f"m{i}", i, ip_families=families) for i, families in enumerate(exports)))
    assert found.service.ip_families == used
    assert reasons(found) == (["IPFamilyConflict"] if conflict else [])


def test_an_older_export_of_another_type_does_not_change_the_type() -> None:
    before = merge(export("m1", 5))
    found = merge(export("m1", 5), export("m2", 1, type="Headless"), before=before)
    assert found.service.type == "ClusterSetIP"
    assert names(found) == ["m2", "m1"]
    assert reasons(found) == ["TypeConflict"]


def test_the_type_changes_when_nobody_exports_it_any_more() -> None:
    before = merge(export("m1", 1), export("m2", 5, type="Headless"))
    assert merge(export("m2", 5, type="Headless"), before=before).service.type == "Headless"


def test_a_later_revision_is_a_greater_one() -> None:
    first = merge(export("m1", 1))
    second = merge(export("m1", 1), export("m2", 2), before=first)
    third = merge(export("m1", 1), export("m2", 2, labels={"a": "b"}), before=second)
    assert [first.revision, second.revision, third.revision] == [1, 2, 3]


def test_a_change_that_only_the_exports_tell_is_a_change() -> None:
    before = merge(export("m1", 1))
    assert merge(export("m1", 2), before=before).revision == 2


def test_what_the_host_gives_back_is_no_change() -> None:
    exports = [export("m1", 1, ports="a:80/TCP/h2c"), export("m2", 2, ports="a:90")]
    stored = ServiceSetSpec.model_validate(merge(*exports).dump())
    assert merged(exports, stored) is stored


@given(any_exports(), st.data())
def test_neither_order_nor_repetition_matters(exports: list[ClusterExportSpec], data: st.DataObject) -> None:
    again = data.draw(st.permutations([*exports, *data.draw(st.lists(st.sampled_from(exports)))]))
    before = data.draw(st.sampled_from([None, *(merge(each) for each in exports)]))
    assert merged(again, before) == merged(exports, before)


@given(any_exports())
def test_nothing_changes_when_nothing_changed(exports: list[ClusterExportSpec]) -> None:
    before = merge(*exports)
    assert merged(reversed(exports), before) is before


@given(any_exports(), any_exports())
def test_the_revision_grows_by_one_with_a_change_and_only_then(
    earlier: list[ClusterExportSpec], later: list[ClusterExportSpec]
) -> None:
    before = merge(*earlier)
    after = merge(*later, before=before)
    changed = after.model_copy(update={"revision": before.revision}) != before
    assert after.revision == before.revision + changed


@given(any_exports(), any_exports())
def test_only_the_type_depends_on_what_was_before(
    earlier: list[ClusterExportSpec], later: list[ClusterExportSpec]
) -> None:
    fresh, after = merge(*later), merge(*later, before=merge(*earlier))
    assert after.service.model_copy(update={"type": fresh.service.type}) == fresh.service
    assert after.clusters == fresh.clusters
    assert reasons(after) == reasons(fresh)


@given(any_exports())
def test_ports_are_those_of_a_service(exports: list[ClusterExportSpec]) -> None:
    ports = merge(*exports).service.ports
    assert ports
    for one, two in combinations(ports, 2):
        assert one.name != two.name
        assert (one.protocol, one.port) != (two.protocol, two.port)
    assert len(ports) == 1 or all(port.name for port in ports)


@given(any_exports())
def test_a_port_is_only_used_of_clusters_that_mean_the_same_by_it(exports: list[ClusterExportSpec]) -> None:
    found = merge(*exports)
    used = {port.name: (port.protocol, port.port) for port in found.service.ports}
    excluded = {cluster.name: cluster.excluded_ports for cluster in found.clusters}
    for each in exports:
        for port in each.service.ports:
            the_same = used.get(port.name) == (port.protocol, port.port)
            assert (port.name in excluded[each.cluster]) != the_same


@given(any_exports())
def test_no_port_of_the_oldest_export_is_lost(exports: list[ClusterExportSpec]) -> None:
    found = merge(*exports)
    oldest = next(each for each in exports if each.cluster == found.clusters[0].name)
    assert found.service.ports[: len(oldest.service.ports)] == oldest.service.ports


@given(any_exports())
def test_clusters_that_say_the_same_have_no_conflict(exports: list[ClusterExportSpec]) -> None:
    first = exports[0].service
    found = merge(*(each.model_copy(update={"service": first}) for each in exports))
    assert found.conflicts == []
    assert found.service == first


@given(any_exports())
def test_who_does_not_say_what_is_used_is_in_conflict(exports: list[ClusterExportSpec]) -> None:
    found = merge(*exports)
    for each in exports:
        if each.service.model_copy(update={"ip_families": found.service.ip_families}) != found.service:
            assert found.conflicts


@given(any_exports())
def test_an_ip_family_that_does_not_reach_all_is_a_conflict(exports: list[ClusterExportSpec]) -> None:
    found = merge(*exports)
    used = set(found.service.ip_families)
    assert used
    assert all(used <= set(each.service.ip_families) for each in exports) or "IPFamilyConflict" in reasons(
        found
    )


@given(any_exports(), st.data())
def test_clusters_that_leave_do_not_change_the_type_while_one_of_it_remains(
    exports: list[ClusterExportSpec], data: st.DataObject
) -> None:
    before = merge(*exports)
    left = data.draw(st.lists(st.sampled_from(exports), min_size=1, unique_by=lambda each: each.cluster))
    after = merge(*left, before=before)
    if any(each.service.type == before.service.type for each in left):
        assert after.service.type == before.service.type
    else:
        assert after.service.type != before.service.type
