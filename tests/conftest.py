"""Real API servers for tests. They start when the first test asks for one and stop after the last.

The fixtures are synchronous: they give addresses and credentials; a test makes a client in its own loop.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from federation.sandbox import binaries, process
from federation.sandbox.controlplane import ControlPlane
from federation.sandbox.errors import SandboxError
from federation.sandbox.plane import Role, new_plane

_FOLDERS = Path(tempfile.gettempdir()) / "atoll-tests"
_STARTED = pytest.StashKey[list[ControlPlane]]()


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


@pytest.fixture(scope="session")
def clusters_folder() -> Iterator[Path]:
    """A folder for clusters; what a killed test run has left behind is removed first."""
    for left in _FOLDERS.glob("*"):
        if not psutil.pid_exists(int(left.name)):
            process.end(process.strays(left), deadline=0)
            shutil.rmtree(left, ignore_errors=True)
    folder = _FOLDERS / str(os.getpid())
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def control_plane_binaries() -> Path:
    """The folder of etcd and kube-apiserver."""
    return binaries.find(binaries.API_ONLY_PROGRAMS, lambda line: None)


@pytest.fixture(scope="session")
def sandbox_binaries() -> Path:
    """The folder of all programs of a sandbox."""
    return binaries.find(binaries.PROGRAMS, lambda line: None)


@pytest.fixture(scope="session")
def apiserver(
    clusters_folder: Path, control_plane_binaries: Path, request: pytest.FixtureRequest
) -> Iterator[ApiServer]:
    """One cluster for all tests that need an API server; keep to your `namespace` in it."""
    plane = ControlPlane(new_plane("test", Role.API_ONLY, 0), clusters_folder / "apiserver")
    with _running([ApiServer(plane, control_plane_binaries)], request.config) as (server,):
        yield server


@pytest.fixture(scope="session")
def fleet(
    clusters_folder: Path, control_plane_binaries: Path, request: pytest.FixtureRequest
) -> Iterator[Fleet]:
    """A host and the members m1 and m2."""
    with running_fleet(clusters_folder / "fleet", control_plane_binaries, request.config) as started:
        yield started


@contextmanager
def running_fleet(folder: Path, binaries_folder: Path, config: pytest.Config) -> Iterator[Fleet]:
    """Run a host and the members m1 and m2."""
    names = ("host", "m1", "m2")
    planes = [new_plane(name, Role.API_ONLY, index) for index, name in enumerate(names)]
    servers = [ApiServer(ControlPlane(plane, folder / plane.name), binaries_folder) for plane in planes]
    with _running(servers, config) as (host, *members):
        yield Fleet(host, dict(zip(names[1:], members, strict=True)))


@pytest.fixture
def namespace() -> str:
    """A namespace name that no other test uses; creating it is up to the test."""
    return f"test-{uuid.uuid4().hex[:10]}"


@contextmanager
def _running(servers: list[ApiServer], config: pytest.Config) -> Iterator[list[ApiServer]]:
    """Start all, and stop all at the end, also when a start fails."""
    config.stash.setdefault(_STARTED, []).extend(server.plane for server in servers)
    with ThreadPoolExecutor(len(servers)) as pool:
        try:
            list(pool.map(ApiServer.start, servers))
            yield servers
        finally:
            list(pool.map(ApiServer.stop, servers))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Make the programs before the first test: a build takes minutes, more than a test may."""
    used = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if session.config.option.collectonly or not used & {"control_plane_binaries", "sandbox_binaries"}:
        return
    wanted = binaries.PROGRAMS if "sandbox_binaries" in used else binaries.API_ONLY_PROGRAMS
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    try:
        binaries.find(wanted, terminal.write_line if terminal else print)
    except SandboxError as failure:
        pytest.exit(f"the tests need control-plane programs: {failure}", returncode=2)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the API servers' logs with a failed test that used them."""
    report = yield
    if report.failed and {"apiserver", "fleet"} & set(getattr(item, "fixturenames", ())):
        for plane in item.config.stash.get(_STARTED, []):
            for program in plane.processes:
                report.sections.append((f"{plane.plane.name}/{program.name}", program.tail()))
    return report
