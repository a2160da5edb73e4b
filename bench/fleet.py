"""A host and members for the bench: API servers with their stores in a temporary folder, joined."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.manifests import NAMESPACES, namespace
from federation.install import install
from federation.kube.api import Api
from federation.kube.config import from_dict
from federation.members.join import Address, Traits, join
from federation.sandbox import binaries, process
from federation.sandbox.controlplane import ControlPlane
from federation.sandbox.plane import Role, new_plane
from federation.setup import host_id_of
from mcs.install import install as install_services

_FOLDERS = Path(tempfile.gettempdir()) / "atoll-bench"
HOST = "host"


@dataclass(frozen=True)
class Fleet:
    """Running clusters. `apis` are a cluster administrator's connections, the host's under its name."""

    folder: Path
    planes: dict[str, ControlPlane]
    apis: dict[str, Api]

    @property
    def host(self) -> Api:
        return self.apis[HOST]

    @property
    def members(self) -> list[str]:
        return [name for name in self.apis if name != HOST]

    def kubeconfigs(self) -> dict[str, str]:
        """Return the path of the kubeconfig of each cluster."""
        return {name: str(plane.kubeconfig_path) for name, plane in self.planes.items()}

    async def make_namespace(self, name: str) -> None:
        """Create it everywhere, so that neither side pays for it."""
        for api in self.apis.values():
            await api.create(NAMESPACES, namespace(name), manager="bench")


@asynccontextmanager
async def running(members: int) -> AsyncIterator[Fleet]:
    """Start a host and members, and leave no process and no file behind."""
    _remove_left_behind()
    names = [HOST, *(f"m{number}" for number in range(1, members + 1))]
    folder = _FOLDERS / str(os.getpid())
    folder.mkdir(parents=True)
    planes = {
        name: ControlPlane(new_plane(name, Role.API_ONLY, i), folder / name) for i, name in enumerate(names)
    }
    try:
        await asyncio.to_thread(_start, list(planes.values()))
        async with AsyncExitStack() as stack:
            apis = {
                name: await stack.enter_async_context(Api(await from_dict(plane.kubeconfig)))
                for name, plane in planes.items()
            }
            fleet = Fleet(folder, planes, apis)
            await _federate(fleet)
            yield fleet
    finally:
        _stop(list(planes.values()))
        process.end(process.strays(folder), deadline=0)
        shutil.rmtree(folder)


async def _federate(fleet: Fleet) -> None:
    """Install on the host and join the members, as `atoll install` and `atoll join` do."""
    await install(fleet.host)
    for name in fleet.members:
        cluster = fleet.planes[name].kubeconfig["clusters"][0]["cluster"]
        address = Address(cluster["server"], cluster["certificate-authority-data"])
        await join(fleet.host, fleet.apis[name], name, address, Traits())
        await install_services(fleet.apis[name], name, await host_id_of(fleet.host))


def _start(planes: list[ControlPlane]) -> None:
    programs = binaries.find(binaries.API_ONLY_PROGRAMS, print)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda plane: plane.start(programs), planes))


def _stop(planes: list[ControlPlane]) -> None:
    with ThreadPoolExecutor(len(planes)) as pool:
        list(pool.map(ControlPlane.stop, planes))


def _remove_left_behind() -> None:
    """Remove what a bench that was killed could not."""
    for left in _FOLDERS.glob("*"):
        if not psutil.pid_exists(int(left.name)):
            process.end(process.strays(left), deadline=0)
            shutil.rmtree(left, ignore_errors=True)
