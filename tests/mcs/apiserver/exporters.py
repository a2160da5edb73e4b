"""An exporter over real API servers, and what tests write in the member and read on the host."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

import mcs
from federation.install import install
from federation.kube import config
from federation.kube.api import Api
from federation.kube.controller import Controller
from federation.kube.errors import NotServed, TooManyRequests
from federation.kube.events import EVENTS
from federation.kube.resources import Manifest, Resource
from federation.resources import NAMESPACES
from mcs.exporter import Exporter
from mcs.locals import Locals
from mcs.names import SERVICE_NAME, Service, export_name, host_namespace, slice_name
from mcs.records import Records
from mcs.resources import (
    CLUSTER_EXPORTS,
    ENDPOINT_SLICES,
    SERVICE_EXPORTS,
    SERVICE_IMPORTS,
    SERVICES,
    SOURCE_STATES,
)
from tests.apiserver.clients import CRDS, api_of
from tests.federated import Cluster, eventually
from tests.federation.kube.scripted import until
from tests.servers import ApiServer, Fleet

_CRDS = Path(mcs.__file__).parent / "crds"


class Exporting:
    """One member's exporter with its mirrors: what `mcs.app` does for all."""

    def __init__(self, host: Api, member: Api, cluster: str) -> None:
        self.records, self.locals = Records(host), Locals(member, self)
        self.exporter = Exporter(cluster, self.locals, self.records, shortest_epoch=0)
        self.controller: Controller[Service] = Controller("export", self.exporter, workers=4)
        self.records.listeners.add(self)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            self.watching_host = group.create_task(self.records.run())
            self.watching_member = group.create_task(self.locals.run())
            group.create_task(self.controller.run())
            group.create_task(self.exporter.begin(self.controller.queue))

    def export_changed(self, service: Service) -> None:
        self.controller.queue.add(service)

    exports_changed = set_changed = export_changed

    def slices_changed(self, source: str, service: Service) -> None:
        self.controller.queue.add(service)

    def import_changed(self, service: Service) -> None: ...
    def namespace_changed(self, namespace: str) -> None: ...

    def source_changed(self, cluster: str) -> None:
        self.exporter.source_changed(cluster)


@asynccontextmanager
async def exporting(host: Api, member: Api, cluster: str) -> AsyncIterator[Exporting]:
    """Run an exporter for as long as the block takes."""
    found = Exporting(host, member, cluster)
    task = asyncio.create_task(found.run())
    try:
        yield found
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.wait([task])


class Writes:
    """Counts what was written through an Api, by resource."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __call__(self, method: str, what: str, code: int, seconds: float) -> None:
        if method not in ("GET", "WATCH") and 200 <= code < 300:
            self.counts[what] += 1


@asynccontextmanager
async def counted(server: ApiServer) -> AsyncIterator[tuple[Api, Counter[str]]]:
    writes = Writes()
    async with Api(await config.from_dict(server.kubeconfig), observe=writes) as api:
        yield api, writes.counts


async def serve_service_kinds(api: Api) -> None:
    """Install the CRDs of the Multi-Cluster Services API and wait until they are served."""
    for path in sorted(_CRDS.glob("multicluster.x-k8s.io_*.yaml")):
        await api.apply(CRDS, yaml.safe_load(path.read_text()), manager="test")
    for resource in (SERVICE_EXPORTS, SERVICE_IMPORTS):
        await until_served(api, resource, served=True)


async def until_served(api: Api, resource: Resource, *, served: bool) -> None:
    seen = not served

    async def look() -> None:
        nonlocal seen
        try:  # from its watch cache, which is there a little later than the type
            await api.request("GET", resource.path(), query={"resourceVersion": "0"})
            seen = True
        except NotServed:
            seen = False
        except TooManyRequests:
            return

    await until(lambda: seen is served, poll=look)


class World:
    """The namespace of a test in a member, the place of its cluster on the host, and hands in both."""

    def __init__(self, host: Api, member: Api, cluster: str, namespace: str) -> None:
        self.host, self.member = Cluster(host), Cluster(member)
        self.cluster, self.namespace = cluster, namespace
        self.place = host_namespace(cluster)

    # What people and Kubernetes do in the member

    async def make_service(self, name: str, **spec: Any) -> None:
        spec = {"ports": [{"name": "http", "port": 80}], "selector": {"app": name}, **spec}
        await self.member.apply(SERVICES, self._named("v1", "Service", name) | {"spec": spec})

    async def make_export(self, name: str, **spec: Any) -> Manifest:
        manifest = self._named(SERVICE_EXPORTS.api_version, "ServiceExport", name) | {"spec": spec}
        return await self.member.apply(SERVICE_EXPORTS, manifest)

    async def make_slice(self, name: str, service: str, *addresses: str, type_: str = "IPv4") -> None:
        manifest = self._named("discovery.k8s.io/v1", "EndpointSlice", name)
        manifest["metadata"]["labels"] = {SERVICE_NAME: service}
        endpoints = [{"addresses": [each], "nodeName": "n1"} for each in addresses]
        content = {"addressType": type_, "endpoints": endpoints, "ports": [{"name": "http", "port": 8080}]}
        await self.member.apply(ENDPOINT_SLICES, manifest | content)

    async def delete(self, resource: Resource, name: str) -> None:
        await self.member.delete(resource, name, self.namespace)

    def _named(self, api_version: str, kind: str, name: str) -> Manifest:
        metadata = {"namespace": self.namespace, "name": name}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata}

    # What is there on the host, and said in the member

    async def until_exported(self, name: str, holds: Callable[[Manifest | None], Any] = bool) -> Manifest:
        record = export_name(self.cluster, (self.namespace, name))
        return await self.host.until(CLUSTER_EXPORTS, record, self.place, holds)

    async def exported(self, name: str) -> Manifest | None:
        return await self.host.get(CLUSTER_EXPORTS, self.record(name), self.place)

    def record(self, name: str) -> str:
        return export_name(self.cluster, (self.namespace, name))

    def copy_of(self, service: str, name: str) -> str:
        return slice_name(self.cluster, (self.namespace, service), name)

    async def until_copied(self, service: str, name: str, *addresses: str) -> Manifest:
        """Wait for the copy of a slice to have just these addresses; for none of it, if there are none."""
        copy, wanted = self.copy_of(service, name), list(addresses)
        return await self.host.until(ENDPOINT_SLICES, copy, self.place, lambda m: _addresses(m) == wanted)

    async def copied(self, service: str, name: str) -> Manifest | None:
        return await self.host.get(ENDPOINT_SLICES, self.copy_of(service, name), self.place)

    async def until_told(self, name: str, **reasons: str) -> Manifest:
        """Wait for conditions of a ServiceExport to have these reasons."""
        return await self.member.until(
            SERVICE_EXPORTS, name, self.namespace, lambda m: m and reasons.items() <= _reasons(m).items()
        )

    async def until_events(self, name: str, *told: str) -> None:
        """Wait until these Events, and no others, are there of a ServiceExport: `Warning NoService`."""
        last: list[str] = []

        async def look() -> bool:
            pages = self.member.api.list(EVENTS, namespace=self.namespace)
            found = [each async for page in pages for each in page.items]
            last[:] = [
                f"{each['type']} {each['reason']}"
                for each in found
                if each["involvedObject"]["name"] == name and each["involvedObject"]["uid"]
            ]
            return Counter(last) == Counter(told)

        await eventually(look, lambda: str(last))

    async def until_synced(self, but: str = "") -> str:
        """Wait for the SourceState to say that all is there, in another epoch than `but`; return which."""
        found = await self.host.until(
            SOURCE_STATES,
            self.cluster,
            "atoll-system",
            lambda m: m and m["spec"]["synced"] and m["spec"]["epoch"] != but,
        )
        return str(found["spec"]["epoch"])


def _addresses(manifest: Manifest | None) -> list[str]:
    return [each["addresses"][0] for each in (manifest or {}).get("endpoints") or ()]


def _reasons(manifest: Manifest) -> dict[str, str]:
    conditions = manifest.get("status", {}).get("conditions", ())
    return {each["type"]: each["reason"] for each in conditions}


async def a_web_service(world: World) -> None:
    """A Service with endpoints and an export, exported."""
    await world.make_service("web")
    await world.make_slice("web-1", "web", "10.1.0.1", "10.1.0.2")
    await world.make_export("web")


async def eventually_idle(running: Exporting) -> None:
    queue = running.controller.queue

    async def look() -> bool:
        return bool(queue.idle())

    await eventually(look, lambda: f"{queue!r} is busy")


@asynccontextmanager
async def a_world(fleet: Fleet, namespace: str) -> AsyncIterator[World]:
    """A cluster of a name of its own: the records of no other test are in its way."""
    async with api_of(fleet.host) as host, api_of(fleet.members["m1"]) as member:
        await install(host)
        await serve_service_kinds(member)
        await member.create(NAMESPACES, {"metadata": {"name": namespace}}, manager="test")
        world = World(host, member, f"m-{uuid.uuid4().hex[:10]}", namespace)
        yield world
        async for page in member.list(SERVICE_EXPORTS, namespace=namespace):
            for export in page.items:
                await world.delete(SERVICE_EXPORTS, export["metadata"]["name"])
