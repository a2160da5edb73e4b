"""A host with what clusters export, written by the test, and the importer of the member m2."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from federation.install import install
from federation.kube.api import Api
from federation.kube.config import from_dict
from federation.kube.controller import Controller
from federation.kube.events import EVENTS
from federation.kube.resources import Manifest
from federation.resources import NAMESPACES
from federation.settings import LOSSES, NAMESPACE, STALENESS, Losses, Staleness
from mcs.importer import Importer
from mcs.locals import Locals
from mcs.names import (
    CONTROLLER,
    MANAGED_BY,
    MCS_SERVICE,
    SERVICE_NAME,
    SERVICE_NAMESPACE,
    SOURCE_CLUSTER,
    Service,
    derived_service,
    export_name,
    host_namespace,
    set_name,
)
from mcs.records import Records
from mcs.resources import (
    CLUSTER_EXPORTS,
    ENDPOINT_SLICES,
    SERVICE_IMPORTS,
    SERVICE_SETS,
    SERVICES,
    SOURCE_STATES,
)
from policies.api.meta import API_VERSION
from tests.federated import CRDS, Cluster, eventually
from tests.federation.kube.scripted import until
from tests.mcs.imports import content, service_set
from tests.servers import ApiServer, Fleet

_DEFINITIONS = Path(__file__).parents[3] / "mcs" / "crds"


class Importing:
    """The importer of m2, run by a Controller as the wiring does, for the Services of one namespace."""

    def __init__(
        self,
        host: Api,
        member: Api,
        namespace: str,
        staleness: Staleness = STALENESS,
        losses: Losses = LOSSES,
    ) -> None:
        self.records = Records(host, staleness)
        self.locals = Locals(member, self)
        self.importer = Importer("m2", self.records, self.locals, losses)
        self._namespace = namespace
        self._controller: Controller[Service] = Controller("import", self.importer)
        self.records.listeners.add(self)

    def set_changed(self, service: Service) -> None:
        if service[0] == self._namespace:
            self._controller.queue.add(service)

    exports_changed = export_changed = import_changed = set_changed

    def slices_changed(self, source: str, service: Service) -> None:
        self.set_changed(service)

    def source_changed(self, cluster: str) -> None:
        for service in self.locals.imported_services():
            self.set_changed(service)

    def namespace_changed(self, namespace: str) -> None:
        for service in self.records.services():
            if service[0] == namespace:
                self.set_changed(service)

    async def at_rest(self) -> None:
        """Wait until all is done that is to be done: a write is seen by others before its answer is here."""
        await until(self._controller.queue.idle)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for each in (self.records, self.locals, self._controller):
                group.create_task(each.run())


class World:
    """What a test writes on the host and in m2, and the importer between them, while it runs."""

    def __init__(self, host: Api, member: Api, namespace: str) -> None:
        self.host, self.member, self.namespace = Cluster(host), Cluster(member), namespace
        self.web = (namespace, "web")
        self.derived = derived_service(self.web)
        self.writes: Counter[str] = Counter()
        """How often the importer wrote what in m2: `PATCH services`."""

    @asynccontextmanager
    async def importing(
        self,
        fleet: Fleet,
        host: Api | None = None,
        watched: Api | None = None,
        staleness: Staleness = STALENESS,
        losses: Losses = LOSSES,
    ) -> AsyncIterator[Importing]:
        """Run an importer, from when it saw everything; `writes` counts anew.

        :param host: its way to the host, if it is another than the test's
        :param watched: by which way it watches m2, if that is another than the one by which it writes
        """
        async with Api(await from_dict(fleet.members["m2"].kubeconfig), observe=self._note) as member:
            running = Importing(host or self.host.api, watched or member, self.namespace, staleness, losses)
            running.locals.api = member
            self.writes.clear()
            task = asyncio.create_task(running.run())
            try:
                await until(lambda: running.records.connected and running.locals.connected)
                yield running
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _note(self, method: str, what: str, code: int, seconds: float) -> None:
        if method not in ("GET", "WATCH"):
            self.writes[f"{method} {what.partition('.')[0]}"] += 1

    async def make_namespace(self) -> None:
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        await self.member.apply(NAMESPACES, manifest)

    async def export(self, *clusters: str | Manifest, revision: int = 1, **service: Any) -> Manifest:
        """Write the ServiceSet of the Service web."""
        spec = service_set(*clusters, namespace=self.namespace, **service).dump() | {"revision": revision}
        metadata = {"namespace": NAMESPACE, "name": set_name(self.web)}
        manifest = {"apiVersion": API_VERSION, "kind": "ServiceSet", "metadata": metadata, "spec": spec}
        return await self.host.apply(SERVICE_SETS, manifest)

    async def cluster_export(self, cluster: str) -> None:
        """Write the ClusterExport of the Service web, as the cluster's exporter does."""
        found = service_set(namespace=self.namespace).service
        metadata = {"namespace": host_namespace(cluster), "name": export_name(cluster, self.web)}
        spec = {
            "cluster": cluster,
            "namespace": self.namespace,
            "name": "web",
            "exportCreationTimestamp": "2026-01-01T00:00:00Z",
            "service": found.dump(),
        }
        manifest = {"apiVersion": API_VERSION, "kind": "ClusterExport", "metadata": metadata, "spec": spec}
        await self.host.apply(CLUSTER_EXPORTS, manifest)

    async def unexport(self) -> None:
        await self.host.delete(SERVICE_SETS, set_name(self.web), NAMESPACE)

    async def copy(self, cluster: str, address: str, *, of: str = "x", **fields: Any) -> str:
        """Write a slice of a cluster to the host, as its exporter does; return its name."""
        name = f"{self.namespace}-{cluster}-{of}"
        labels = {
            MANAGED_BY: CONTROLLER,
            MCS_SERVICE: "web",
            SOURCE_CLUSTER: cluster,
            SERVICE_NAMESPACE: self.namespace,
        }
        await self.host.apply(
            ENDPOINT_SLICES, _slice(host_namespace(cluster), name, labels, content(address, **fields))
        )
        return name

    async def local_slice(self, name: str, address: str, **fields: Any) -> None:
        """Write a slice of the Service web in m2, as kube-controller-manager does."""
        labels = {SERVICE_NAME: "web", MANAGED_BY: "endpointslice-controller.k8s.io"}
        await self.member.apply(
            ENDPOINT_SLICES, _slice(self.namespace, name, labels, content(address, **fields))
        )

    async def state(self, cluster: str, **said: bool) -> None:
        metadata = {"namespace": NAMESPACE, "name": cluster}
        spec = {"cluster": cluster, **said}
        manifest = {"apiVersion": API_VERSION, "kind": "SourceState", "metadata": metadata, "spec": spec}
        await self.host.apply(SOURCE_STATES, manifest)

    async def word(self, cluster: str) -> None:
        """Have a cluster say anew that all it exports is on the host."""
        await self.state(cluster, synced=False)
        await self.state(cluster, synced=True)

    async def forget_states(self) -> None:
        async for page in self.host.api.list(SOURCE_STATES, namespace=NAMESPACE):
            for each in page.items:
                await self.host.delete(SOURCE_STATES, each["metadata"]["name"], NAMESPACE)

    # What is in m2

    async def ready(self, reason: str = "Ready") -> Manifest:
        """Wait until the ServiceImport says why it is ready or not; return it."""
        return await self.member.until(
            SERVICE_IMPORTS, "web", self.namespace, lambda live: reason_of(live) == reason
        )

    async def slice(self, name: str) -> Manifest | None:
        return await self.member.get(ENDPOINT_SLICES, name, self.namespace)

    async def slice_with(self, name: str, address: str) -> Manifest:
        return await self.member.until(
            ENDPOINT_SLICES,
            name,
            self.namespace,
            lambda live: live is not None and live["endpoints"][0]["addresses"] == [address],
        )

    async def service(self) -> Manifest | None:
        """The derived Service."""
        return await self.member.get(SERVICES, self.derived, self.namespace)

    async def until_told(self, *told: str) -> None:
        """Wait until these Events, and no others, are there of the ServiceImport: `Warning Pending`."""
        last: list[str] = []

        async def look() -> bool:
            pages = self.member.api.list(EVENTS, namespace=self.namespace)
            found = [each async for page in pages for each in page.items]
            last[:] = [
                f"{each['type']} {each['reason']}"
                for each in found
                if each["involvedObject"]["kind"] == "ServiceImport" and each["involvedObject"]["uid"]
            ]
            return last == list(told)

        await eventually(look, lambda: str(last))

    async def gone(self, name: str) -> None:
        await self.member.until(ENDPOINT_SLICES, name, self.namespace, lambda live: live is None)


def reason_of(live: Manifest | None) -> str:
    conditions = ((live or {}).get("status") or {}).get("conditions") or [{"reason": ""}]
    return str(conditions[0]["reason"])


def _slice(namespace: str, name: str, labels: dict[str, str], found: Manifest) -> Manifest:
    metadata = {"namespace": namespace, "name": name, "labels": labels}
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata, **found}


async def prepare(fleet: Fleet) -> None:
    """Serve the kinds on the host and in m2, and give each cluster its namespace on the host."""
    async with _api(fleet.host) as host, _api(fleet.members["m2"]) as member:
        await install(host)
        for cluster in ("m1", "m2", "m3"):
            metadata = {"name": host_namespace(cluster)}
            await host.apply(
                NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, manager="test"
            )
        for path in sorted(_DEFINITIONS.glob("multicluster.*.yaml")):
            await member.apply(CRDS, yaml.safe_load(path.read_text()), manager="test")


@asynccontextmanager
async def world_of(fleet: Fleet, namespace: str) -> AsyncIterator[World]:
    async with _api(fleet.host) as host, _api(fleet.members["m2"]) as member:
        world = World(host, member, namespace)
        await world.forget_states()
        yield world


@asynccontextmanager
async def _api(server: ApiServer) -> AsyncIterator[Api]:
    async with Api(await from_dict(server.kubeconfig)) as api:
        yield api
