"""A sandbox as its users and its accidents meet it: clusters by name, commands, processes, stores."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from federation.kube.api import Api
from federation.kube.config import from_file
from federation.kube.lease import LEASES
from federation.kube.resources import Manifest, Resource
from federation.sandbox import binaries, state
from federation.sandbox.fleet_steps import traits_of
from federation.sandbox.process import Process
from federation.sandbox.sandbox import CONTROLLER, HOST, Sandbox
from federation.settings import LEASE, NAMESPACE
from federation.setup import host_id_of
from policies.copies import HOST_LABEL, binding_name
from tests.federated import (
    BINDINGS,
    CLUSTERS,
    CONFIGMAPS,
    DAEMONSETS,
    DEPLOYMENTS,
    NAMESPACES,
    Cluster,
    condition,
    eventually,
)

ATOLL = Path(sys.executable).with_name("atoll")
SETTLE = 30.0
"""Seconds in which what was begun is done, on a busy machine too."""
CLEANED = 90.0
"""Seconds in which hundreds of objects of a namespace are gone everywhere."""
OURS = HOST_LABEL
"""Selects the copies in a member."""
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
CRON_JOBS = Resource("batch", "v1", "cronjobs", "CronJob")
JOBS = Resource("batch", "v1", "jobs", "Job")
TEMPLATES = (DEPLOYMENTS, DAEMONSETS, STATEFUL_SETS, CRON_JOBS, JOBS, CONFIGMAPS)
"""The kinds that scenarios leave in their namespaces."""


@dataclass(frozen=True)
class Fleet:
    """A sandbox that runs, with an administrator's connection to each of its clusters."""

    sandbox: Sandbox
    host: Cluster
    members: dict[str, Cluster]

    # Commands

    async def kubectl(self, context: str, *words: str, stdin: str = "") -> str:
        """Run kubectl; what it prints. A failure shows what it said."""
        program = binaries.find(("kubectl",), silent) / "kubectl"
        return await run(program, f"--kubeconfig={self.sandbox.kubeconfig}", f"--context={context}", *words,
                         stdin=stdin)  # fmt: skip

    async def atoll(self, *words: str) -> str:
        """Run an atoll command against the host; what it prints."""
        return await run(ATOLL, *words, f"--kubeconfig={self.sandbox.kubeconfig}", f"--context={HOST}")

    async def join(self, name: str) -> None:
        """Join a member with the command a person would use, and wait until it is Ready."""
        saved = state.load(self.sandbox.folder)
        assert saved is not None
        path, traits = self.sandbox.kubeconfig, traits_of(saved.plane(name))
        zones = [f"--zone={zone}" for zone in traits.zones]
        await run(ATOLL, "join", name, f"--kubeconfig={path}", f"--context={name}",
                  f"--host-kubeconfig={path}", f"--host-context={HOST}",
                  f"--provider={traits.provider}", f"--region={traits.region}", *zones)  # fmt: skip
        await self.ready([name])

    async def unjoin(self, name: str, *options: str) -> None:
        """Let a member leave, with the command a person would use."""
        path = self.sandbox.kubeconfig
        await run(ATOLL, "unjoin", name, *options, f"--host-kubeconfig={path}", f"--host-context={HOST}")

    # Processes

    async def stop(self, name: str) -> None:
        """Stop a cluster or the controller."""
        await asyncio.to_thread(self.sandbox.stop, name)

    async def start(self, name: str) -> None:
        """Start a cluster or the controller and wait until it serves, or leads."""
        await asyncio.to_thread(self.sandbox.start, name)

    @asynccontextmanager
    async def outage(self, name: str) -> AsyncIterator[None]:
        """Stop a cluster for the time of a block."""
        await self.stop(name)
        try:
            yield
        finally:
            await self.start(name)

    def kill_controller(self) -> None:
        """kill -9, as a machine that loses its power does."""
        self.sandbox.controller.stop(deadline=0)

    async def crash_controller(self) -> None:
        """kill -9, and start anew with the options that it had; its Lease goes with it, else nobody leads for
        a while.
        """
        command = self.controller_command()
        self.kill_controller()
        await self.host.delete(LEASES, LEASE, NAMESPACE)
        self.sandbox.controller.start(command)
        await self.start(CONTROLLER)

    def program(self, cluster: str, name: str) -> Process:
        """One program of a cluster."""
        return Process(self.folder(cluster), name)

    def controller_command(self) -> list[str]:
        """The command line of the controller that runs."""
        running = self.sandbox.controller.running()
        assert running is not None, "the controller does not run"
        return running.cmdline()

    async def restart_controller(self, *options: str, without: Sequence[str] = ()) -> None:
        """Start the controller anew, with other options; wait until it leads."""
        command = [word for word in self.controller_command() if not word.startswith(tuple(without))]
        await self.stop(CONTROLLER)
        self.sandbox.controller.start([*command, *options])
        await self.start(CONTROLLER)

    # The host's store

    def folder(self, cluster: str) -> Path:
        return self.sandbox.folder / "clusters" / cluster

    def store(self) -> Path:
        """The folder that holds everything the host knows."""
        return self.folder(HOST) / "etcd"

    def lose_store(self) -> None:
        shutil.rmtree(self.store())

    def copy_store(self, to: Path) -> None:
        shutil.copytree(self.store(), to)

    def restore_store(self, copy: Path) -> None:
        self.lose_store()
        shutil.copytree(copy, self.store())

    # What is so

    async def host_id(self) -> str:
        return await host_id_of(self.host.api)

    async def ready(self, names: Iterable[str] | None = None, seconds: float = SETTLE) -> None:
        """Wait until Clusters are Ready."""
        for name in self.members if names is None else names:
            await self.host.until(CLUSTERS, name, None, is_ready, seconds=seconds)

    async def is_whole(self) -> bool:
        """Whether every program runs and every Cluster is Ready."""
        components = await asyncio.to_thread(self.sandbox.status)
        if any(component.state != "Running" for component in components):
            return False
        return all([is_ready(await self.host.get(CLUSTERS, name)) for name in self.members])

    async def everywhere(
        self, resource: Resource, name: str, namespace: str, holds: Callable[[Manifest | None], Any],
        *, seconds: float = SETTLE,
    ) -> None:  # fmt: skip
        for member in self.members.values():
            await member.until(resource, name, namespace, holds, seconds=seconds)

    async def binding(
        self, resource: Resource, name: str, namespace: str, holds: Callable[[Manifest | None], Any],
        *, seconds: float = SETTLE,
    ) -> Manifest:  # fmt: skip
        """Wait until the binding of a template holds."""
        return await self.host.until(BINDINGS, binding_of(resource, name), namespace, holds, seconds=seconds)


def silent(line: str) -> None:
    """Report to nobody."""


async def run(program: Path, *words: str, stdin: str = "", seconds: float = 120.0) -> str:
    """Run a program to its end; what it prints. A failure shows what it said."""
    process = await asyncio.create_subprocess_exec(
        program, *words,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds):
            printed, said = await process.communicate(stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    command = f"{program.name} {' '.join(words)}"
    assert process.returncode == 0, f"{command}: exit code {process.returncode}: {said.decode()}"
    return printed.decode()


async def fetch(port: int, path: str) -> str:
    """GET from the probes of a controller on this machine; empty while it does not listen."""
    with suppress(aiohttp.ClientError):
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}{path}") as answer,
        ):
            return await answer.text()
    return ""


def metrics_port(command: Sequence[str]) -> int:
    option = "--metrics-port="
    return int(next(word for word in command if word.startswith(option)).removeprefix(option))


@asynccontextmanager
async def connected(sandbox: Sandbox) -> AsyncIterator[Fleet]:
    """Connect to every cluster of a sandbox that runs."""
    saved = state.load(sandbox.folder)
    assert saved is not None, "the sandbox is not there"
    async with AsyncExitStack() as stack:
        clusters = {}
        for plane in saved.planes:
            api = Api(await from_file(sandbox.kubeconfig, plane.name))
            clusters[plane.name] = Cluster(await stack.enter_async_context(api))
        yield Fleet(sandbox, clusters.pop(HOST), clusters)


@asynccontextmanager
async def namespace_on(fleet: Fleet, name: str) -> AsyncIterator[str]:
    """A namespace on the host; in the end it goes, and with it all that was propagated from it.

    Its templates go first: a namespace that is deleted deletes what is in it five seconds later.
    """
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await fleet.host.apply(NAMESPACES, manifest)
    try:
        yield name
    finally:
        for resource in TEMPLATES:
            await fleet.host.api.request("DELETE", resource.path(name))
        await fleet.host.delete(NAMESPACES, name)
        await _nothing_left(fleet, name)
        for member in fleet.members.values():
            await member.delete(NAMESPACES, name)


async def _nothing_left(fleet: Fleet, namespace: str) -> None:
    """Wait until no copy is in any member and no binding on the host."""
    left: dict[str, list[str]] = {}

    async def none_left() -> bool:
        left["host"] = await names(fleet.host, BINDINGS, namespace)
        for name, member in fleet.members.items():
            copies = [await names(member, resource, namespace, OURS) for resource in TEMPLATES]
            left[name] = [copy for kind in copies for copy in kind]
        return not any(left.values())

    await eventually(none_left, lambda: f"in {namespace}: {left}", CLEANED)


async def names(cluster: Cluster, resource: Resource, namespace: str, labels: str = "") -> list[str]:
    """Name the objects of a kind in a namespace."""
    selector = {"labelSelector": labels} if labels else None
    pages = cluster.api.list(resource, namespace=namespace, selector=selector, metadata_only=True)
    return [item["metadata"]["name"] async for page in pages for item in page.items]


def binding_of(resource: Resource, name: str) -> str:
    return binding_name(resource.plural, resource.group, name)


def is_ready(cluster: Manifest | None) -> bool:
    return cluster is not None and condition(cluster, "Ready") == "True"


def reason(manifest: Manifest | None, type_: str) -> str:
    """The reason of a condition; empty when there is none."""
    return explained(manifest, type_)[0]


def explained(manifest: Manifest | None, type_: str) -> tuple[str, str]:
    """Reason and message of a condition; empty when there is none."""
    conditions = (manifest or {}).get("status", {}).get("conditions", [])
    found = [(c["reason"], c["message"]) for c in conditions if c["type"] == type_]
    return found[0] if found else ("", "")


def result(binding: Manifest | None, cluster: str) -> Manifest:
    """What a binding says of one cluster; empty when it says nothing."""
    results = (binding or {}).get("status", {}).get("clusters", [])
    found: list[Manifest] = [entry for entry in results if entry["name"] == cluster]
    return found[0] if found else {}


def applied(binding: Manifest | None) -> bool:
    """Whether every cluster of a binding holds what it should."""
    return binding is not None and condition(binding, "Applied") == "True"
