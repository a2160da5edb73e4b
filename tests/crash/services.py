"""The scenarios of Services across clusters: a user exports web in m1 and in m2, and both import it.

Addresses tell whose they are: those of m1 begin with 10.1, those of m2 with 10.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from federation.kube.errors import NotFound
from federation.kube.resources import Manifest
from federation.members.join import detach, leave
from federation.settings import NAMESPACE
from mcs.names import (
    MANAGED_BY,
    SERVICE_NAME,
    derived_service,
    host_namespace,
    slice_name,
)
from mcs.resources import (
    CLUSTER_EXPORTS,
    ENDPOINT_SLICES,
    SERVICE_EXPORTS,
    SERVICE_IMPORTS,
    SERVICE_SETS,
    SERVICES,
    SOURCE_STATES,
)
from tests.crash.harness import Scenario
from tests.crash.service_laws import MEMBERS, Places, endpoints_of, is_import, law, source_of
from tests.crash.state import Kinds, State
from tests.crash.world import World, finalize
from tests.federated import NAMESPACES, condition, join_member, reason

WEB = ("crash-services", "web")
DERIVED = derived_service(WEB)
KINDS = Kinds(
    payload=(SERVICES, SERVICE_EXPORTS, SERVICE_IMPORTS, ENDPOINT_SLICES),
    on_host=(),
    records=(
        (NAMESPACE, SERVICE_SETS),
        (NAMESPACE, SOURCE_STATES),
        *((host_namespace(each), kind) for each in MEMBERS for kind in (CLUSTER_EXPORTS, ENDPOINT_SLICES)),
    ),
)
Endpoints = dict[str, bool]
"""By address, whether it is ready."""


def imported(source: str, name: str) -> str:
    """Return what the import of a slice of a cluster is called, in all of them."""
    return f"endpointslices/{slice_name(source, WEB, name)}"


# What a user does


async def _namespaces(world: World, namespace: str) -> None:
    for member in world.members.values():
        await member.apply(NAMESPACES, _named("v1", "Namespace", namespace, ""))


async def _export(world: World, namespace: str) -> None:
    """Have web in both members, at two EndpointSlices in each, and export it; m1 is first."""
    for number, cluster in enumerate(MEMBERS, 1):
        ports = [{"name": "http", "port": 80}]
        service = _named("v1", "Service", "web", namespace) | {"spec": {"ports": ports}}
        await world.members[cluster].apply(SERVICES, service)
        one, two, three = (f"10.{number}.0.{host}" for host in (1, 2, 3))
        await _slice(world, cluster, "web-1", {one: True, two: True})
        await _slice(world, cluster, "web-2", {three: True})
    for cluster in MEMBERS:
        await _begin_export(cluster, world, namespace)


async def _exported(world: World, namespace: str) -> None:
    await _namespaces(world, namespace)
    await _export(world, namespace)
    for member in world.members.values():
        await member.until(SERVICE_IMPORTS, "web", namespace, _is_whole)


def _is_whole(live: Manifest | None) -> bool:
    return live is not None and len(live.get("status", {}).get("clusters", ())) == len(MEMBERS)


async def _begin_export(cluster: str, world: World, namespace: str) -> None:
    export = _named(SERVICE_EXPORTS.api_version, "ServiceExport", "web", namespace)
    await world.members[cluster].apply(SERVICE_EXPORTS, export)


async def _end_export(cluster: str, world: World, namespace: str) -> None:
    await world.members[cluster].delete(SERVICE_EXPORTS, "web", namespace)


async def _change_endpoints(world: World, namespace: str) -> None:
    """Move, add, take away: an endpoint that moves is in two slices for a moment, never in none."""
    await _slice(world, "m1", "web-1", {"10.1.0.1": True, "10.1.0.2": False, "10.1.0.3": True})
    await world.members["m1"].delete(ENDPOINT_SLICES, "web-2", namespace)
    await _slice(world, "m2", "web-2", {"10.2.0.1": True, "10.2.0.3": True, "10.2.0.4": True})
    await _slice(world, "m2", "web-1", {"10.2.0.2": True})


async def _leave(world: World, namespace: str) -> None:
    await leave(world.host.api, "m2", removal="Keep")


async def _join_again(world: World, namespace: str) -> None:
    await finalize(world.host, host_namespace("m2"))
    with suppress(NotFound):
        await detach(world.host.api, "m2")
    await join_member(world.host.api, world.members["m2"].api, "m2", world.kubeconfigs["m2"])


async def _slice(world: World, cluster: str, name: str, endpoints: Endpoints) -> None:
    """Write a slice of web, as Kubernetes' own controller does."""
    manifest = _named(ENDPOINT_SLICES.api_version, "EndpointSlice", name, WEB[0])
    manifest["metadata"]["labels"] = {
        SERVICE_NAME: "web",
        MANAGED_BY: "endpointslice-controller.k8s.io",
    }
    manifest |= {
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": [a], "conditions": {"ready": r}} for a, r in endpoints.items()],
    }
    await world.members[cluster].apply(ENDPOINT_SLICES, manifest)


def _named(api_version: str, kind: str, name: str, namespace: str) -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


# What must be in the end


def _expect(state: State, *, of: dict[str, Endpoints], importing: Sequence[str] = MEMBERS) -> None:
    """Members have the endpoints `of` each cluster that exports, each once, and nothing of another one."""
    for cluster in importing:
        live = state[cluster]["serviceimports/web"]
        assert [each["cluster"] for each in live["status"]["clusters"]] == list(of)
        assert live["spec"]["ips"] == state[cluster][f"services/{DERIVED}"]["spec"]["clusterIPs"]
        assert condition(live, "Ready") == "True"
        assert _imported_in(state[cluster]) == {source: sorted(each.items()) for source, each in of.items()}
    for cluster in of:
        export = state[cluster]["serviceexports/web"]
        reasons = [reason(export, type_) for type_ in ("Valid", "Ready", "Conflict")]
        assert reasons == ["Valid", "Exported", "NoConflicts"]


def _expect_nothing(state: State) -> None:
    for cluster in MEMBERS:
        assert set(state[cluster]) == {
            "endpointslices/web-1",
            "endpointslices/web-2",
            "services/web",
            "namespaces/NS",
        }
    assert {name.partition("/")[0] for name in state["host"]} == {"clusters", "namespaces", "sourcestates"}


def _imported_in(objects: dict[str, Manifest]) -> dict[str, list[tuple[str, bool]]]:
    found: dict[str, list[tuple[str, bool]]] = {}
    for live in objects.values():
        if is_import(live):
            found.setdefault(source_of(live), []).extend(endpoints_of(live))
    return {source: sorted(each) for source, each in found.items()}


# The scenarios


_FIRST = {
    "m1": {"10.1.0.1": True, "10.1.0.2": True, "10.1.0.3": True},
    "m2": {"10.2.0.1": True, "10.2.0.2": True, "10.2.0.3": True},
}
_CHANGED = {
    "m1": {"10.1.0.1": True, "10.1.0.2": False, "10.1.0.3": True},
    "m2": {"10.2.0.1": True, "10.2.0.2": True, "10.2.0.3": True, "10.2.0.4": True},
}
_SLICES = {source: {imported(source, name) for name in ("web-1", "web-2")} for source in MEMBERS}
_OF_M1: Places = frozenset((cluster, name) for cluster in MEMBERS for name in _SLICES["m1"])
_OF_M2: Places = frozenset((cluster, name) for cluster in MEMBERS for name in _SLICES["m2"])
_OURS: Places = (
    _OF_M1
    | _OF_M2
    | {(cluster, name) for cluster in MEMBERS for name in (f"services/{DERIVED}", "serviceimports/web")}
)


def _scenario(name: str, *, ended: Places = frozenset(), **fields: Any) -> Scenario:
    witnessed = partial(law, ended=ended)
    return Scenario(
        name,
        witnessed=witnessed,
        kinds=KINDS,
        services=True,
        namespace=WEB[0],
        **{"setup": _exported} | fields,
    )


EXPORTED = _scenario("two exports begin", setup=_namespaces, act=_export, expect=partial(_expect, of=_FIRST))
CHANGED = _scenario(
    "endpoints change",
    act=_change_endpoints,
    expect=partial(_expect, of=_CHANGED),
    ended=frozenset(
        {("m1", "endpointslices/web-2"), *((cluster, imported("m1", "web-2")) for cluster in MEMBERS)}
    ),
)
ONE_ENDS = _scenario(
    "one of two exports ends",
    act=partial(_end_export, "m1"),
    expect=partial(_expect, of={"m2": _FIRST["m2"]}),
    ended=_OF_M1 | {("m1", "serviceexports/web")},
)
ALL_END = _scenario(
    "the last export ends right after the harm",
    act=partial(_end_export, "m1"),
    meanwhile=partial(_end_export, "m2"),
    expect=_expect_nothing,
    ended=_OURS | {(cluster, "serviceexports/web") for cluster in MEMBERS},
)
LEAVES = _scenario(
    "a cluster that exports leaves",
    act=_leave,
    expect=partial(_expect, of={"m1": _FIRST["m1"]}, importing=["m1"]),
    ended=frozenset(("m1", name) for name in _SLICES["m2"]),
    restore=_join_again,
)
SCENARIOS = (EXPORTED, CHANGED, ONE_ENDS, ALL_END, LEAVES)
