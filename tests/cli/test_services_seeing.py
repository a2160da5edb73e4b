"""atoll services: what is exported, and why it is as it is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import yaml

from federation.cli.services.signs import silent
from mcs.resources import LEASES
from tests.cli.market import Records, lease, records
from tests.federated import USER
from tests.mcs.exports import export
from tests.servers import ApiServer


@pytest.fixture
async def host(apiserver: ApiServer, namespace: str) -> AsyncIterator[Records]:
    async with records(apiserver, namespace) as found:
        yield found


async def two_that_disagree(host: Records) -> str:
    """web of m1 and m2, with different numbers of the port http; return its title."""
    await host.exported(export("m1"), export("m2", 1, ports="http:8080"))
    await host.endpoints("m1", a1=True, a2=False)
    await host.endpoints("m2", a3=True)
    return f"{host.namespace}/web"


async def test_the_list_has_a_row_for_each_service_with_its_endpoints_by_cluster(host: Records) -> None:
    await two_that_disagree(host)
    header, row = (await host.atoll("services", "-n", host.namespace)).out.splitlines()
    assert header.split() == ["NAMESPACE", "NAME", "TYPE", "PORTS", "READY", "CLUSTERS", "CONFLICTS"]
    assert row.split() == [
        host.namespace, "web", "ClusterSetIP", "80/TCP", "1/2", "m1:1/2,m2:0/0", "PortConflict",
    ]  # fmt: skip


async def test_the_wide_list_says_who_is_the_oldest_and_what_is_not_used(host: Records) -> None:
    await two_that_disagree(host)
    header, row = (await host.atoll("services", "-n", host.namespace, "-o", "wide")).out.splitlines()
    cells = dict(zip(header.split(), row.split(), strict=True))
    assert (cells["OLDEST"], cells["MODE"], cells["FAMILIES"]) == ("m1", "ClusterSet", "IPv4")
    assert cells["EXCLUDED"] == "m2:http"


async def test_many_clusters_are_counted_but_all_named_when_it_is_wide(host: Records) -> None:
    await host.exported(*(export(f"m{number}") for number in range(1, 8)))
    assert "m5:0/0,+2 " in (await host.atoll("services", "-n", host.namespace)).out
    assert "m7:0/0 " in (await host.atoll("services", "-n", host.namespace, "-o", "wide")).out


async def test_the_list_is_of_all_namespaces_unless_one_is_named(host: Records) -> None:
    title = await two_that_disagree(host)
    assert title in (await host.atoll("services", "-o", "name")).out.splitlines()
    assert (await host.atoll("services", "-n", "elsewhere", "-o", "name")).out == ""
    assert title in (await host.atoll("services", "-n", "elsewhere", "-A", "-o", "name")).out.splitlines()


async def test_the_list_prints_what_programs_read(host: Records) -> None:
    await two_that_disagree(host)
    (found,) = json.loads((await host.atoll("services", "-n", host.namespace, "-o", "json")).out)
    assert [(each["name"], each["ready"], each["endpoints"]) for each in found["clusters"]] == [
        ("m1", 1, 2),
        ("m2", 0, 0),
    ]
    assert found["conflicts"] == ["PortConflict"]
    assert yaml.safe_load((await host.atoll("services", "-n", host.namespace, "-o", "yaml")).out) == [found]


async def test_a_cluster_that_others_do_without_is_shown_as_stale(host: Records) -> None:
    """By the times that its Lease says: m1 is silent, m2 does not reach its cluster, m3 is there."""
    clusters = [f"{host.namespace}-{each}" for each in ("m1", "m2", "m3")]
    await host.exported(*(export(each) for each in clusters))
    for cluster in clusters:
        await host.endpoints(cluster, a1=True)
    for cluster, renewed, fresh in zip(clusters, (70, 1, 20), (70, 310, 200), strict=True):
        await host.api.apply(LEASES, lease(cluster, renewed=renewed, fresh=fresh), manager=USER)
    row = (await host.atoll("services", "-n", host.namespace)).out.splitlines()[1].split()
    m1, m2, m3 = clusters
    assert row[4:6] == ["1/1", f"{m1}:stale,{m2}:stale,{m3}:1/1"]
    told = (await host.atoll("services", "explain", f"{host.namespace}/web")).out
    assert f"cluster {m1} gives no sign of life since 1m: " in told
    assert f"cluster {m2} gives no sign of life since 5m: " in told
    assert f"cluster {m3} gives" not in told
    imported = [line.split(maxsplit=4)[4] for line in told.splitlines()[-3:]]
    assert imported == ["no: its cluster gives no sign of life"] * 2 + ["yes"]
    found = json.loads((await host.atoll("services", "explain", f"{host.namespace}/web", "-o", "json")).out)
    assert [each["stale"] for each in found["clusters"]] == [True, True, False]


def test_while_nobody_gives_signs_of_life_nobody_is_stale() -> None:
    """The controller does not run, and judges nobody."""
    assert silent([]) == {}
    assert silent([lease("m1", renewed=1000, fresh=1000), lease("m2", renewed=990, fresh=990)]) == {}


async def test_a_list_of_nothing_says_so(host: Records) -> None:
    assert (await host.atoll("services", "-n", "elsewhere")).out == "no Service in elsewhere is exported\n"


async def test_what_a_cluster_says_in_the_namespace_of_another_does_not_count(host: Records) -> None:
    title = await two_that_disagree(host)
    await host.endpoints("m1", at="m2", a9=True)
    assert "10.0.0.9" not in (await host.atoll("services", "explain", title)).out


async def test_an_explanation_names_who_says_otherwise_and_the_ports_that_are_not_used(host: Records) -> None:
    said = (await host.atoll("services", "explain", await two_that_disagree(host))).out
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line}
    assert rows["ports[http]"] == ["80/TCP", "m1", "8080/TCP", "(m2)"]
    assert rows["type"] == ["ClusterSetIP", "m1", "-"]
    assert "PortConflict: Conflicting ports." in said
    assert "not used of cluster m2: port http 8080/TCP: the name is used for 80/TCP" in said


async def test_an_explanation_lists_every_endpoint(host: Records) -> None:
    said = (await host.atoll("services", "explain", await two_that_disagree(host))).out
    rows = [line.split()[2:] for line in said.splitlines() if "10.0.0." in line]
    assert rows == [
        ["10.0.0.1", "yes", "yes"],
        ["10.0.0.2", "no", "yes"],
        ["10.0.0.3", "yes", "no:", "none", "of", "its", "ports", "is", "used"],
    ]


async def test_an_explanation_is_there_for_programs(host: Records) -> None:
    said = await host.atoll("services", "explain", await two_that_disagree(host), "-o", "json")
    found = json.loads(said.out)
    assert {
        "field": "ports[http]",
        "used": "80/TCP",
        "from": ["m1"],
        "otherwise": [{"value": "8080/TCP", "clusters": ["m2"]}],
    } in found["properties"]
    assert [each["addresses"] for each in found["endpoints"]] == [["10.0.0.1"], ["10.0.0.2"], ["10.0.0.3"]]


async def test_what_would_change_without_a_cluster_is_told(host: Records) -> None:
    title = await two_that_disagree(host)
    said = (await host.atoll("services", "explain", title, "--without", "m1")).out
    assert said.splitlines() == [
        f"if cluster m1 exported {title} no more:",
        "- ports[http] would be 8080/TCP instead of 80/TCP",
        "- endpoints: 2 would go, 1 not used now would come, 1 in all",
        "- PortConflict would be over",
    ]
    found = json.loads((await host.atoll("services", "explain", title, "--without", "m1", "-o", "json")).out)
    assert found["endpoints"] == {"now": 2, "gone": 2, "come": 1, "then": 1}
    assert found["changes"] == [{"field": "ports[http]", "now": "80/TCP", "then": "8080/TCP"}]


async def test_without_the_last_cluster_everything_goes(host: Records) -> None:
    await host.exported(export("m1"))
    said = await host.atoll("services", "explain", f"{host.namespace}/web", "--without", "m1")
    assert "it was the last: every cluster loses the ServiceImport" in said.out


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["web"], "NAMESPACE/NAME"),
        (["shop/nothing"], "`atoll export shop/nothing --cluster NAME`"),
    ],
)
async def test_what_can_not_be_explained_is_an_error_with_a_remedy(
    host: Records, words: list[str], remedy: str
) -> None:
    said = await host.atoll("services", "explain", *words)
    assert (said.code, said.err[:7]) == (1, "error: ")
    assert remedy in said.err


async def test_without_a_cluster_that_exports_nothing_is_an_error_that_names_those_that_do(
    host: Records,
) -> None:
    title = await two_that_disagree(host)
    said = await host.atoll("services", "explain", title, "--without", "m9")
    assert said.err == f"error: cluster m9 does not export {title}; m1, m2 do\n"


async def test_options_before_explain_are_refused_rather_than_ignored(host: Records) -> None:
    said = await host.atoll("services", "-n", "shop", "explain", "shop/web")
    assert said.code == 2
    assert "not before it" in said.err
