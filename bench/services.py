"""Services across clusters: how soon endpoints and exports are everywhere, and what a start costs.

No controller of Kubernetes runs on these servers: the bench writes each Service's EndpointSlice itself, as
the built-in one would.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.stage import Stage
from bench.writes import without_leases
from federation.kube.api import Api
from federation.kube.resources import Manifest, Resource
from mcs.names import SERVICE_NAME, slice_name
from mcs.resources import ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICE_IMPORTS, SERVICES

NAMESPACE = "atoll-services"
ENDPOINTS = 20
_DEADLINE = 300.0
_PAUSE = (0.05, 0.15)
"""Seconds between two samples, so that no rhythm is hit."""
Awaited = tuple[str, Resource, str]
"""Member, resource and name."""


@dataclass
class Measured:
    """What so many Services with ENDPOINTS endpoints in each member took. Seconds, one for each sample."""

    services: int
    members: int
    cold: float = 0.0
    """From the start of the controller until everything is imported everywhere."""
    flips: list[float] = field(default_factory=list)
    """From the server's answer to an endpoint's change until all other members have it."""
    exports: list[float] = field(default_factory=list)
    """From the answer to a ServiceExport until a ServiceImport with an IP is in all members."""
    restart: dict[str, int] = field(default_factory=dict)
    """Writes to all members in a restart, by kind."""


@dataclass
class _Arrivals:
    """What the members' watches show, and who waits for it."""

    seen: dict[Awaited, Manifest] = field(default_factory=dict)
    waiting: dict[Awaited, tuple[Callable[[Manifest], bool], asyncio.Future[float]]] = field(
        default_factory=dict
    )

    def take(self, member: str, resource: Resource, manifest: Manifest) -> None:
        key = member, resource, manifest["metadata"]["name"]
        self.seen[key] = manifest
        if key in self.waiting:
            holds, arrived = self.waiting[key]
            if not arrived.done() and holds(manifest):
                arrived.set_result(time.monotonic())

    async def moment(self, keys: list[Awaited], holds: Callable[[Manifest], bool]) -> float:
        """Wait until all of them hold; return when the last one did."""
        now, moments = time.monotonic(), []
        for key in keys:
            arrived: asyncio.Future[float] = asyncio.get_running_loop().create_future()
            self.waiting[key] = holds, arrived
            if key in self.seen and holds(self.seen[key]):
                arrived.set_result(now)
            moments.append(arrived)
        async with asyncio.timeout(_DEADLINE):
            return max(await asyncio.gather(*moments))


async def run(stage: Stage, services: int) -> Measured:
    """Measure a cold start, single changes, and a restart; no controller runs before."""
    measured = Measured(services, len(stage.fleet.members))
    members = {name: stage.fleet.apis[name] for name in stage.fleet.members}
    await stage.fleet.make_namespace(NAMESPACE)
    names = [f"web-{index:04}" for index in range(services)]
    for member, api in members.items():
        await _make(member, api, names)
    async with _watched(members) as arrivals:
        began = time.monotonic()
        async with stage.leading():
            measured.cold = await arrivals.moment(_copies(members, names), bool) - began
            await stage.ledger.settle(stage.scale.quiet)
            for _ in range(stage.scale.samples):
                measured.flips.append(await _flip(members, names, arrivals))
            for index in range(max(1, stage.scale.samples // 8)):
                measured.exports.append(await _export(members, f"late-{index:04}", arrivals))
            await stage.ledger.settle(stage.scale.quiet)
        await stage.ledger.open()
        async with stage.leading():
            await stage.ledger.settle(stage.scale.quiet)
            written = await stage.ledger.close()
    for member in members:
        for write, count in without_leases(written[member]).items():
            measured.restart[str(write)] = measured.restart.get(str(write), 0) + count
    return measured


def _copies(members: dict[str, Api], names: list[str]) -> list[Awaited]:
    """Every imported slice: of each Service, from each member, in each member."""
    return [
        (member, ENDPOINT_SLICES, _imported(source, name))
        for member in members
        for source in members
        for name in names
    ]


def _imported(source: str, name: str) -> str:
    return slice_name(source, (NAMESPACE, name), f"{name}-abcde")


async def _flip(members: dict[str, Api], names: list[str], arrivals: _Arrivals) -> float:
    """Change the readiness of one endpoint in one member."""
    await asyncio.sleep(random.uniform(*_PAUSE))
    source, name, index = random.choice(list(members)), random.choice(names), random.randrange(ENDPOINTS)
    home = source, ENDPOINT_SLICES, f"{name}-abcde"
    endpoints = arrivals.seen[home]["endpoints"]
    ready = not endpoints[index]["conditions"]["ready"]
    endpoints[index]["conditions"] = {"ready": ready, "serving": ready}
    await members[source].patch(
        ENDPOINT_SLICES, home[2], NAMESPACE, {"endpoints": endpoints}, manager="endpointslice-controller"
    )
    answered = time.monotonic()
    others = [(member, ENDPOINT_SLICES, _imported(source, name)) for member in members if member != source]
    return (
        await arrivals.moment(others, lambda live: live["endpoints"][index]["conditions"]["ready"] is ready)
        - answered
    )


async def _export(members: dict[str, Api], name: str, arrivals: _Arrivals) -> float:
    """Export a new Service from one member."""
    await asyncio.sleep(random.uniform(*_PAUSE))
    source = next(iter(members))
    await members[source].create(SERVICES, _service(name), manager="bench")
    await members[source].create(ENDPOINT_SLICES, _slice(source, name), manager="bench")
    await members[source].create(SERVICE_EXPORTS, _service_export(name), manager="bench")
    answered = time.monotonic()
    everywhere = [(member, SERVICE_IMPORTS, name) for member in members]
    return await arrivals.moment(everywhere, lambda live: bool(live["spec"].get("ips"))) - answered


async def _make(member: str, api: Api, names: list[str]) -> None:
    """Make the Services, their endpoints and exports in one member."""
    wanted: list[Coroutine[Any, Any, Manifest]] = []
    for name in names:
        wanted += [
            api.create(SERVICES, _service(name), manager="bench"),
            api.create(ENDPOINT_SLICES, _slice(member, name), manager="bench"),
            api.create(SERVICE_EXPORTS, _service_export(name), manager="bench"),
        ]
    await asyncio.gather(*wanted)


def _service(name: str) -> Manifest:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    spec = {"selector": {"app": name}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(name), "spec": spec}


def _slice(member: str, name: str) -> Manifest:
    cluster, service = (sum(text.encode()) % 250 for text in (member, name))
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": _metadata(f"{name}-abcde") | {"labels": {SERVICE_NAME: name}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [
            {
                "addresses": [f"10.{cluster}.{service}.{number + 1}"],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": f"node-{number % 3}",
                "zone": f"zone-{number % 3}",
            }
            for number in range(ENDPOINTS)
        ],
    }


def _service_export(name: str) -> Manifest:
    return {
        "apiVersion": SERVICE_EXPORTS.api_version,
        "kind": SERVICE_EXPORTS.kind,
        "metadata": _metadata(name),
    }


def _metadata(name: str) -> Manifest:
    return {"name": name, "namespace": NAMESPACE}


@asynccontextmanager
async def _watched(members: dict[str, Api]) -> AsyncIterator[_Arrivals]:
    """Watch slices and imports in all members for the time of a block."""
    arrivals = _Arrivals()
    async with asyncio.TaskGroup() as group:
        following = []
        for member, api in members.items():
            for resource in (ENDPOINT_SLICES, SERVICE_IMPORTS):
                version = await api.latest(resource)
                async for page in api.list(resource, namespace=NAMESPACE):
                    for manifest in page.items:
                        arrivals.take(member, resource, manifest)
                following.append(group.create_task(_follow(member, api, resource, version, arrivals)))
        yield arrivals
        for task in following:
            task.cancel()


async def _follow(member: str, api: Api, resource: Resource, version: str, arrivals: _Arrivals) -> None:
    while True:
        async with api.watch(resource, version, namespace=NAMESPACE) as events:
            async for event in events:
                version = event.manifest["metadata"]["resourceVersion"]
                if event.type in ("ADDED", "MODIFIED"):
                    arrivals.take(member, resource, event.manifest)
