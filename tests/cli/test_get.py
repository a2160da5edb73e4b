"""atoll get: objects of all members in one table, as kubectl shows those of one."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from copy import deepcopy

import pytest
import yaml

from federation.members.join import Address, Traits, join
from federation.resources import CLUSTER
from tests.apiserver.clients import serve_widgets
from tests.cli.joined import Joined, joined
from tests.federated import DEPLOYMENTS, USER, deployment, eventually
from tests.servers import Fleet


@pytest.fixture
async def shop(fleet: Fleet, namespace: str) -> AsyncIterator[Joined]:
    async with joined(fleet, namespace) as found:
        yield found


def cells(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines()]


async def test_there_is_a_row_for_each_object_of_each_cluster_in_the_columns_of_kubectl(shop: Joined) -> None:
    for member in (shop.two, shop.one):
        await member.cluster.apply(DEPLOYMENTS, deployment("web", shop.namespace))
    said = await shop.get("deploy")
    header, *rows = cells(said.out)
    assert header == ["CLUSTER", "NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert [row[:5] for row in rows] == [[each.name, "web", "0/2", "0", "0"] for each in (shop.one, shop.two)]
    assert (said.code, said.err) == (0, "")
    assert "IMAGES" in cells((await shop.get("deployments.apps", "web", "-o", "wide")).out)[0]


async def test_labels_and_fields_select_and_all_namespaces_are_a_column(shop: Joined) -> None:
    await shop.config(shop.one, "a", "b", team="red")
    await shop.config(shop.two, "a", team="blue")
    red = await shop.get("cm", "-l", "team=red")
    assert [row[:2] for row in cells(red.out)[1:]] == [[shop.one.name, "a"], [shop.one.name, "b"]]
    named = await shop.get(
        "cm", "-A", "--field-selector", f"metadata.name=a,metadata.namespace={shop.namespace}"
    )
    assert [row[:3] for row in cells(named.out)] == [
        ["CLUSTER", "NAMESPACE", "NAME"],
        [shop.one.name, shop.namespace, "a"],
        [shop.two.name, shop.namespace, "a"],
    ]


async def test_a_name_is_shown_where_it_is_and_an_error_when_it_is_nowhere(shop: Joined) -> None:
    await shop.config(shop.two, "settings")
    said = await shop.get("configmap", "settings")
    assert [row[:2] for row in cells(said.out)[1:]] == [[shop.two.name, "settings"]]
    assert said.code == 0
    said = await shop.get("configmap", "settings", "nothing")
    assert said.code == 1
    assert said.err == f"error: configmap/nothing is not found in clusters {shop.one.name}, {shop.two.name}\n"
    assert "settings" in said.out


@pytest.mark.parametrize("words", [["deploy,cm"], ["deploy/web", "cm/settings"]])
async def test_several_kinds_are_a_table_each_with_the_kind_in_the_name(
    shop: Joined, words: list[str]
) -> None:
    await shop.config(shop.one, "settings")
    await shop.one.cluster.apply(DEPLOYMENTS, deployment("web", shop.namespace))
    tables = (await shop.get(*words)).out.split("\n\n")
    assert [cells(table)[1][1] for table in tables] == ["deployment.apps/web", "configmap/settings"]


async def test_programs_get_a_list_that_says_the_cluster_of_each_object(shop: Joined) -> None:
    for member in (shop.one, shop.two):
        await shop.config(member, "settings")
    found = json.loads((await shop.get("cm", "-o", "json")).out)
    assert (found["apiVersion"], found["kind"]) == ("v1", "List")
    assert [item["metadata"]["annotations"] for item in found["items"]] == [
        {"federation.atoll.dev/cluster": each.name} for each in (shop.one, shop.two)
    ]
    assert [(item["kind"], item["data"]) for item in found["items"]] == [("ConfigMap", {"key": "value"})] * 2
    assert "managedFields" not in found["items"][0]["metadata"]
    assert yaml.safe_load((await shop.get("cm", "-o", "yaml")).out) == found
    assert (await shop.get("cm", "-o", "name")).out.splitlines() == [
        f"{each.name} configmap/settings" for each in (shop.one, shop.two)
    ]


async def test_a_kind_that_one_cluster_serves_is_shown_and_of_the_others_it_is_noted(shop: Joined) -> None:
    group = f"{shop.namespace}.example"
    widgets = await serve_widgets(shop.two.cluster.api, group)
    metadata = {"name": "gear", "namespace": shop.namespace}
    manifest = {"apiVersion": widgets.api_version, "kind": "Widget", "metadata": metadata}
    await shop.two.cluster.apply(widgets, manifest)
    said = await shop.get(f"widget.{group}")
    assert [row[:2] for row in cells(said.out)] == [["CLUSTER", "NAME"], [shop.two.name, "gear"]]
    assert (said.code, said.err) == (0, f"note: widget.{group} is no kind of cluster {shop.one.name}\n")


async def test_a_kind_that_no_cluster_serves_is_an_error(shop: Joined) -> None:
    said = await shop.get("gadgets")
    assert (said.code, said.out) == (1, "")
    assert "gadgets is no kind of clusters" in said.err
    assert "`kubectl api-resources`" in said.err


async def test_where_nothing_is_found_standard_error_says_so(shop: Joined) -> None:
    said = await shop.get("cm")
    assert (said.code, said.out) == (0, "")
    assert f"none found in namespace {shop.namespace}" in said.err


async def test_who_does_not_answer_is_named_and_the_others_are_shown(shop: Joined, fleet: Fleet) -> None:
    """A server that takes the connection and says nothing, which only a time-out tells from a slow one."""
    await shop.config(shop.two, "settings")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        kubeconfig = deepcopy(fleet.members["m1"].kubeconfig)
        kubeconfig["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
        await shop.reach(shop.one, kubeconfig)
        said = await shop.get("cm", "settings", "--timeout", "2")
    assert (said.code, [row[0] for row in cells(said.out)[1:]]) == (3, [shop.two.name])
    assert f"error: cluster {shop.one.name} can't be reached from here: " in said.err
    assert f"waiting for {shop.one.name}" in said.err
    said = await shop.get("cm", "settings", "-o", "name")  # nobody listens there any more
    assert (said.code, said.out) == (3, f"{shop.two.name} configmap/settings\n")


async def test_what_atoll_may_not_read_is_said_and_the_rest_is_shown(shop: Joined, fleet: Fleet) -> None:
    one = shop.one
    await shop.config(one, "settings")
    entry = fleet.members["m1"].kubeconfig["clusters"][0]["cluster"]
    address = Address(entry["server"], entry["certificate-authority-data"])
    await join(shop.host.api, one.cluster.api, one.name, address, Traits())
    line = ("get", "cm,events", "-n", shop.namespace, "--cluster", one.name)
    said = await shop.atoll(*line)

    async def look() -> bool:  # a role holds a moment after it is bound
        nonlocal said
        said = await shop.atoll(*line)
        return "configmap/settings" in said.out

    await eventually(look, lambda: str(said))
    assert said.code == 3
    assert f"error: cluster {one.name} refuses: events is forbidden" in said.err
    assert f"`atoll join {one.name} --cluster-admin`" in said.err
    assert "not found" not in said.err


async def test_a_cluster_that_is_another_than_the_one_that_joined_is_not_shown(shop: Joined) -> None:
    await shop.config(shop.one, "settings")
    status = {"status": {"clusterUid": "of-another"}}
    await shop.host.api.patch(CLUSTER, shop.one.name, None, status, manager=USER, subresource="status")
    said = await shop.get("cm")
    assert (said.code, said.out) == (3, "")
    assert "at its address is another cluster than the one that joined" in said.err


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["cm", "--cluster", "nowhere"], "cluster nowhere is no member"),
        (["cm/a", "b"], "KIND/NAME"),
        (["cm", "-w", "-o", "json"], "goes with -o table or wide"),
        (["cm", "a", "-l", "team=red"], "either names or selectors"),
    ],
)
async def test_what_can_not_be_asked_is_refused(shop: Joined, words: list[str], remedy: str) -> None:
    said = await shop.atoll("get", *words)
    assert said.code in (1, 2)
    assert remedy in " ".join(said.err.split())
