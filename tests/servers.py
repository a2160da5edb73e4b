"""Real API servers for tests, and the folders they live in."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from federation.sandbox import process
from federation.sandbox.controlplane import ControlPlane
from federation.sandbox.plane import Plane, Role, new_plane

STARTED = pytest.StashKey[list[ControlPlane]]()
"""In a run's `config.stash`: the clusters whose logs are shown with a failure."""


@dataclass(frozen=True)
class ApiServer:
    """A cluster with a store and an API server; no controller runs: a namespace never ends its deletion."""

    plane: ControlPlane
    binaries: Path

    @property
    def path(self) -> Path:
        """The kubeconfig file of a cluster administrator."""
        return self.plane.kubeconfig_path

    @property
    def kubeconfig(self) -> dict[str, Any]:
        """The same as a value; its only context has the name of the cluster."""
        return self.plane.kubeconfig

    @property
    def url(self) -> str:
        return self.plane.plane.url

    def stop(self) -> None:
        """An outage on purpose; `start` ends it. The address stays the same."""
        self.plane.stop()

    def start(self) -> None:
        self.plane.start(self.binaries)


@dataclass(frozen=True)
class Fleet:
    """A host and members, all without controllers."""

    host: ApiServer
    members: dict[str, ApiServer]


@contextmanager
def own_folder(kind: str) -> Iterator[Path]:
    """Make a temporary folder for the clusters of this run; what a killed run left behind is removed first.

    Paths are short on purpose (they hold sockets), and named by the process, so that a dead one is known.
    """
    folders = Path(tempfile.gettempdir()) / kind
    for left in folders.glob("*"):
        if not psutil.pid_exists(int(left.name)):
            process.end(process.strays(left), deadline=0)
            shutil.rmtree(left, ignore_errors=True)
    folder = folders / str(os.getpid())
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_apiserver(folder: Path, binaries_folder: Path, config: pytest.Config) -> Iterator[ApiServer]:
    """Run one cluster, in a folder of its own."""
    plane = ControlPlane(new_plane("test", Role.API_ONLY, 0), _anew(folder))
    with _running([ApiServer(plane, binaries_folder)], config) as (server,):
        yield server


@contextmanager
def running_dual_stack(folder: Path, binaries_folder: Path, config: pytest.Config) -> Iterator[ApiServer]:
    """Run one cluster whose Services can have IPs of both families, IPv4 first."""
    plane = ControlPlane(_DualStack(**vars(new_plane("m2", Role.API_ONLY, 2))), _anew(folder))
    with _running([ApiServer(plane, binaries_folder)], config) as (server,):
        yield server


class _DualStack(Plane):
    @property
    def service_cidr(self) -> str:
        return f"{super().service_cidr},fd00:{self.index}::/112"


@contextmanager
def running_fleet(folder: Path, binaries_folder: Path, config: pytest.Config) -> Iterator[Fleet]:
    """Run a host and the members m1 and m2, in a folder of their own."""
    names, home = ("host", "m1", "m2"), _anew(folder)
    planes = [new_plane(name, Role.API_ONLY, index) for index, name in enumerate(names)]
    servers = [ApiServer(ControlPlane(plane, home / plane.name), binaries_folder) for plane in planes]
    with _running(servers, config) as (host, *members):
        yield Fleet(host, dict(zip(names[1:], members, strict=True)))


def _anew(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=folder))


@contextmanager
def _running(servers: list[ApiServer], config: pytest.Config) -> Iterator[list[ApiServer]]:
    """Start all, and stop all at the end, also when a start fails."""
    started = config.stash.setdefault(STARTED, [])
    started.extend(server.plane for server in servers)
    with ThreadPoolExecutor(len(servers)) as pool:
        try:
            list(pool.map(ApiServer.start, servers))
            yield servers
        finally:
            list(pool.map(ApiServer.stop, servers))
            for server in servers:
                started.remove(server.plane)
