"""The controller speaks for its members: also for one whose API server does not answer any more."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

import pytest

from federation.install import install
from federation.kube.api import Api
from federation.kube.events import EVENTS
from federation.members.join import detach
from federation.resources import NAMESPACES
from federation.settings import Staleness
from mcs.app import Services
from mcs.names import MANAGED_BY, SERVICE_NAME, slice_name
from mcs.resources import ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICES
from tests.apiserver.clients import api_of
from tests.federated import Cluster, eventually, join_member
from tests.federation.kube.scripted import until
from tests.mcs.apiserver.exporters import counted, serve_service_kinds
from tests.mcs.imports import content
from tests.servers import Fleet

SHORT = Staleness(renew=0.15, silent=0.5, frozen=1.6, grace=0.3)
LEASE = "leases.coordination.k8s.io"


class Pair:
    """Two members under names of their own, carried by the controller's Services, which a test may halt."""

    def __init__(
        self, host: Api, members: list[tuple[str, Api]], namespace: str, writes: Counter[str]
    ) -> None:
        self.writes = writes
        """How often what was written on the host, by the test, too."""
        self.host, self.namespace = Cluster(host), namespace
        (self.exporting, self._source), (self.importing, member) = members
        self.source, self.member = Cluster(self._source), Cluster(member)
        self.services = Services(host, staleness=SHORT)
        self._tasks = [
            asyncio.create_task(self.services.run()),
            asyncio.create_task(self.services.accompany(self.importing, member)),
        ]

    def answers(self) -> None:
        """The exporting member's API server does, from now on."""
        self._carried = asyncio.create_task(self.services.accompany(self.exporting, self._source))

    async def is_away(self) -> None:
        """It does not: nobody runs for it any more."""
        self._carried.cancel()
        with suppress(asyncio.CancelledError):
            await self._carried

    async def end(self) -> None:
        await self.is_away()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def export(self) -> None:
        metadata = {"namespace": self.namespace, "name": "web"}
        ports = [{"name": "http", "port": 80}]
        service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": ports}}
        await self.source.apply(SERVICES, service)
        labels = {SERVICE_NAME: "web", MANAGED_BY: "endpointslice-controller.k8s.io"}
        piece = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata | {
            "name": "web-1", "labels": labels}}  # fmt: skip
        await self.source.apply(ENDPOINT_SLICES, piece | content("10.1.0.1"))
        export = {"apiVersion": SERVICE_EXPORTS.api_version, "kind": "ServiceExport", "metadata": metadata}
        await self.source.apply(SERVICE_EXPORTS, export)

    async def until_imported(self, imported: bool = True) -> None:
        name = slice_name(self.exporting, (self.namespace, "web"), "web-1")
        await self.member.until(
            ENDPOINT_SLICES, name, self.namespace, lambda live: (live is not None) is imported
        )

    async def until_told(self, reasons: set[str]) -> None:
        """Wait for the Events on the exporting member's Cluster."""

        async def told() -> bool:
            selector = {"fieldSelector": f"involvedObject.kind=Cluster,involvedObject.name={self.exporting}"}
            pages = self.host.api.list(EVENTS, selector=selector)
            return {each["reason"] async for page, _ in pages for each in page} == reasons

        await eventually(told, lambda: f"not told: {reasons}")


@pytest.fixture
async def pair(fleet: Fleet, namespace: str) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        host, writes = await stack.enter_async_context(counted(fleet.host))
        await install(host)
        members = []
        for server in (fleet.members["m1"], fleet.members["m2"]):
            api = await stack.enter_async_context(api_of(server))
            await serve_service_kinds(api)
            await api.create(NAMESPACES, {"metadata": {"name": namespace}}, manager="test")
            name = f"m-{uuid.uuid4().hex[:6]}"
            await join_member(host, api, name, server.kubeconfig)
            members.append((name, api))
        made = Pair(host, members, namespace, writes)
        made.answers()
        yield made
        await made.source.delete(SERVICE_EXPORTS, "web", namespace)
        await made.end()
        for name, _ in members:
            await detach(host, name)


async def test_endpoints_of_a_member_that_does_not_answer_go_late_and_come_back_with_it(pair: Pair) -> None:
    """D7: the controller gives signs of life in its place, and says that it does not reach it."""
    await pair.export()
    await pair.until_imported()
    await pair.is_away()
    since = time.monotonic()
    await pair.until_imported(False)
    assert time.monotonic() - since > SHORT.frozen - SHORT.renew - SHORT.grace > SHORT.silent + SHORT.grace
    pair.answers()
    await pair.until_imported()
    await pair.until_told({"ClusterUnreachable", "ClusterReachable"})


@pytest.mark.soak
async def test_at_rest_a_sign_of_life_of_who_exports_is_all_that_is_written(pair: Pair) -> None:
    await pair.export()
    await pair.until_imported()
    await until(lambda: pair.writes[LEASE] > 2)
    pair.writes.clear()
    since = time.monotonic()
    await until(lambda: pair.writes[LEASE] == 10)
    assert time.monotonic() - since > 9 * SHORT.renew - SHORT.renew / 2
    assert pair.writes.keys() == {LEASE}
