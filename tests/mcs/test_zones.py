"""In which zones a member has nodes, as far as somebody wants to know: services.md 4.7 (48)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from federation.kube.resources import Manifest
from mcs.zones import Zones
from tests.federation.kube.scripted import Script, event, failure, listing, scripted, until
from tests.mcs.imports import WEB


def node(name: str, version: int, zone: str = "") -> Manifest:
    labels = {"topology.kubernetes.io/zone": zone} if zone else {}
    metadata = {"name": name, "uid": name, "resourceVersion": str(version), "labels": labels}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata}


@asynccontextmanager
async def zones_of(script: Script, grace: float = 60.0) -> AsyncIterator[tuple[Zones, list[object]]]:
    """Run them; also yield for which Services they told of a change."""
    told: list[object] = []
    async with scripted(script.handle) as api:
        zones = Zones(api, told.append, grace)
        task = asyncio.create_task(zones.run())
        try:
            yield zones, told
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.mark.parametrize(
    ("nodes", "zones"),
    [
        ([], None),
        ([node("n1", 1, "z1"), node("n2", 2, "z2"), node("n3", 3, "z1")], {"z1", "z2"}),
        ([node("n1", 1, "z1"), node("n2", 2)], None),
    ],
)
async def test_zones_are_known_if_every_node_has_one(nodes: list[Manifest], zones: set[str] | None) -> None:
    script = Script()
    script.lists = [listing(9, *nodes)]
    async with zones_of(script) as (found, _):
        found.want(WEB)
        await until(lambda: found.known)
        assert found.all() == zones


async def test_nodes_are_watched_while_somebody_wants_to_know() -> None:
    script = Script()
    script.lists = [listing(9, node("n1", 1, "z1")), listing(12, node("n1", 1, "z1"), node("n2", 11, "z2"))]
    async with zones_of(script) as (zones, told):
        assert (zones.known, script.requests) == (False, [])
        zones.want(WEB)
        await until(lambda: zones.known and told == [WEB])
        zones.forget(WEB)
        await until(lambda: not zones.known)
        zones.want(WEB)
        await until(lambda: zones.known and zones.all() == {"z1", "z2"})


async def test_who_wants_to_know_is_told_of_changes_alone() -> None:
    script = Script()
    script.lists = [listing(9, node("n1", 1, "z1"))]
    async with zones_of(script) as (zones, told):
        zones.want(WEB)
        await until(lambda: told == [WEB] and bool(script.watch_count))
        script.send(event("ADDED", node("n2", 10, "z1")), event("ADDED", node("n3", 11, "z2")))
        await until(lambda: zones.all() == {"z1", "z2"} and told == [WEB, WEB])
        script.send(event("DELETED", node("n3", 12, "z2")))
        await until(lambda: zones.all() == {"z1"} and told == [WEB, WEB, WEB])


@pytest.mark.parametrize("grace", [60.0, 0.05])
async def test_a_node_that_joins_has_a_while_to_get_its_zone(grace: float) -> None:
    script = Script()
    script.lists = [listing(9, node("n1", 1, "z1"))]
    async with zones_of(script, grace) as (zones, told):
        zones.want(WEB)
        await until(lambda: told == [WEB] and bool(script.watch_count))
        script.send(event("ADDED", node("n2", 10)), event("ADDED", node("n3", 11, "z3")))
        if grace < 1:
            await until(lambda: zones.all() is None and told[2:] == [WEB])
        else:
            await until(lambda: zones.all() == {"z1", "z3"})
        script.send(event("MODIFIED", node("n2", 12, "z2")))
        await until(lambda: zones.all() == {"z1", "z2", "z3"})


async def test_an_account_that_may_not_list_nodes_has_an_answer_too() -> None:
    """An agent whose role is older: then slices stand by, and nothing waits."""
    script = Script()
    script.lists = [failure(403, "Forbidden")]
    async with zones_of(script) as (zones, _):
        zones.want(WEB)
        await until(lambda: zones.known)
        assert zones.all() is None
