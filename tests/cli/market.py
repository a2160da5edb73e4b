"""Services of several clusters as people see and share them through atoll."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import pty
import sys
import uuid
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from kinds import install_kinds
from typer.testing import CliRunner

from federation.cli.main import app
from federation.install import install
from federation.kube.api import Api
from federation.kube.errors import NotServed, TooManyRequests
from federation.members.join import detach
from federation.resources import NAMESPACES, SECRETS
from federation.settings import NAMESPACE
from mcs.api import ServiceSet
from mcs.api.cluster_export import ClusterExportSpec
from mcs.app import Services
from mcs.exporting import export_manifest, slice_manifest
from mcs.merge import merged
from mcs.names import (
    FRESH_TIME,
    SOURCE_CLUSTER,
    SOURCE_LEASE,
    Service,
    host_namespace,
    set_name,
    slice_name,
)
from mcs.resources import CLUSTER_EXPORTS, ENDPOINT_SLICES, LEASES, SERVICE_EXPORTS, SERVICE_SETS, SERVICES
from policies.api.meta import API_VERSION, Manifest
from tests.apiserver.clients import api_of
from tests.cli.shop import Said
from tests.federated import USER, Cluster, join_member
from tests.mcs.apiserver.exporters import serve_service_kinds
from tests.servers import ApiServer, Fleet


async def atoll(kubeconfig: Path, *words: str) -> Said:
    """Run a command against a host."""
    line = [*words, "--kubeconfig", str(kubeconfig)]
    result = await asyncio.to_thread(CliRunner().invoke, app, line)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


class Records:
    """A host with the records of what clusters export, put there as controllers do."""

    def __init__(self, server: ApiServer, api: Api, namespace: str) -> None:
        self.server, self.api, self.namespace = server, api, namespace

    async def atoll(self, *words: str) -> Said:
        return await atoll(self.server.path, *words)

    async def exported(self, *exports: ClusterExportSpec) -> None:
        """Store exports of the Service web, and what they come to."""
        own = [each.model_copy(update={"namespace": self.namespace, "name": "web"}) for each in exports]
        for each in own:
            await self._space(host_namespace(each.cluster))
            await self.api.apply(CLUSTER_EXPORTS, export_manifest(each), manager=USER)
        found = merged(own, None)
        assert found is not None
        metadata = {"namespace": NAMESPACE, "name": set_name((self.namespace, "web"))}
        manifest = {"apiVersion": API_VERSION, "kind": ServiceSet.__name__, "metadata": metadata}
        await self._space(NAMESPACE)
        await self.api.create(SERVICE_SETS, manifest | {"spec": found.dump()}, manager=USER)

    async def endpoints(self, cluster: str, at: str = "", **addresses: bool) -> None:
        """Store a slice of a cluster, or `at` another's place; `a1=True` is the ready address 10.0.0.1."""
        listed = [
            {"addresses": [f"10.0.0.{each[1:]}"], "conditions": {"ready": ready}}
            for each, ready in addresses.items()
        ]
        ports = [{"name": "http", "port": 8080, "protocol": "TCP"}]
        content = {"addressType": "IPv4", "ports": ports, "endpoints": listed}
        service = (self.namespace, "web")
        manifest = slice_manifest(cluster, service, slice_name(cluster, service, "s"), content)
        manifest["metadata"]["namespace"] = host_namespace(at or cluster)
        await self.api.apply(ENDPOINT_SLICES, manifest, manager=USER)

    async def _space(self, name: str) -> None:
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await self.api.apply(NAMESPACES, manifest, manager=USER)


def lease(cluster: str, *, renewed: int, fresh: int) -> Manifest:
    """Return a cluster's Lease, renewed so many seconds ago, when it was reached so many seconds ago."""
    then = [datetime.now(UTC) - timedelta(seconds=ago) for ago in (renewed, fresh)]
    stamps = [each.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for each in then]
    metadata = {
        "namespace": host_namespace(cluster),
        "name": SOURCE_LEASE,
        "labels": {SOURCE_CLUSTER: cluster},
        "annotations": {FRESH_TIME: stamps[1]},
    }
    manifest = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata}
    return manifest | {"spec": {"renewTime": stamps[0]}}


@asynccontextmanager
async def records(server: ApiServer, namespace: str) -> AsyncIterator[Records]:
    async with api_of(server) as api:
        if not await _serves_sets(api):
            await install_kinds(api)
        yield Records(server, api, namespace)


async def _serves_sets(api: Api) -> bool:
    """Whether another test has installed our kinds, which takes long."""
    try:
        await api.latest(SERVICE_SETS)
    except (NotServed, TooManyRequests):
        return False
    return True


class Member(NamedTuple):
    """A member as its users have it."""

    name: str
    cluster: Cluster


class Market:
    """A host and two members in which Services are shared, carried by the controller of a test."""

    def __init__(
        self,
        server: ApiServer,
        host: Cluster,
        members: Sequence[Member],
        namespace: str,
        tasks: Sequence[asyncio.Task[None]],
    ) -> None:
        self.server, self.host, self.namespace, self._tasks = server, host, namespace, tasks
        self.one, self.two = members

    async def atoll(self, *words: str) -> Said:
        return await atoll(self.server.path, *words)

    @property
    def service(self) -> Service:
        return self.namespace, "web"

    @property
    def title(self) -> str:
        return "/".join(self.service)

    async def make_service(self, *members: Member, port: int = 80, **spec: Any) -> None:
        """Make the Service web."""
        ports = [{"name": "http", "port": port}]
        for each in members:
            await each.cluster.apply(
                SERVICES, self._named("v1", "Service", "web") | {"spec": {"ports": ports} | spec}
            )

    async def export(self, member: Member) -> Manifest | None:
        return await member.cluster.get(SERVICE_EXPORTS, "web", self.namespace)

    async def exporting(self) -> set[str]:
        """Return who exports the Service as the host has it."""
        found = await self.host.get(SERVICE_SETS, set_name(self.service), NAMESPACE)
        return {each["name"] for each in found["spec"]["clusters"]} if found else set()

    async def on_a_terminal(self, answer: str, *words: str) -> int:
        """Run a command by somebody at a terminal who answers a question; return the exit code."""
        keyboard, terminal = pty.openpty()
        try:
            os.write(keyboard, f"{answer}\n".encode())
            line = [
                str(Path(sys.executable).with_name("atoll")),
                *words,
                "--kubeconfig",
                str(self.server.path),
            ]
            process = await asyncio.create_subprocess_exec(
                *line, stdin=terminal, stderr=DEVNULL, stdout=DEVNULL
            )
            return await process.wait()
        finally:
            os.close(keyboard)
            os.close(terminal)

    async def stop(self) -> None:
        """End the controller."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def mislead(self, member: Member, kubeconfig: Manifest) -> None:
        """Put another kubeconfig into the Secret of a member."""
        text = base64.b64encode(json.dumps(kubeconfig).encode()).decode()
        body = {"data": {"kubeconfig": text}}
        await self.host.api.patch(SECRETS, f"cluster-{member.name}", NAMESPACE, body, manager=USER)

    def _named(self, api_version: str, kind: str, name: str) -> Manifest:
        return {
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {"namespace": self.namespace, "name": name},
        }


@asynccontextmanager
async def market(fleet: Fleet, namespace: str) -> AsyncIterator[Market]:
    """Join members under names of their own: the records of no other test are in the way."""
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(api_of(fleet.host))
        if not await _serves_sets(host):
            await install(host)
        services, members = Services(host), []
        tasks = [asyncio.create_task(services.run())]
        for server in fleet.members.values():
            api = await stack.enter_async_context(api_of(server))
            await serve_service_kinds(api)
            await api.create(NAMESPACES, {"metadata": {"name": namespace}}, manager=USER)
            name = f"m-{uuid.uuid4().hex[:6]}"
            await join_member(host, api, name, server.kubeconfig)
            tasks.append(asyncio.create_task(services.accompany(name, api)))
            members.append(Member(name, Cluster(api)))
        found = Market(fleet.host, Cluster(host), members, namespace, tasks)
        yield found
        for member in members:
            await member.cluster.delete(SERVICE_EXPORTS, "web", namespace)
        await found.stop()
        for member in members:
            await detach(host, member.name)
