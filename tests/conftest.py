"""Real API servers for tests. They start when the first test asks for one and stop after the last.

The fixtures are synchronous: they give addresses and credentials; a test makes a client in its own loop.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from federation.sandbox import binaries
from federation.sandbox.errors import SandboxError
from tests.servers import STARTED, ApiServer, Fleet, own_folder, running_apiserver, running_fleet


@pytest.fixture(scope="session")
def clusters_folder() -> Iterator[Path]:
    """A folder for the clusters of this run."""
    with own_folder("atoll-tests") as folder:
        yield folder


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
    with running_apiserver(clusters_folder, control_plane_binaries, request.config) as server:
        yield server


@pytest.fixture(scope="session")
def fleet(
    clusters_folder: Path, control_plane_binaries: Path, request: pytest.FixtureRequest
) -> Iterator[Fleet]:
    """A host and the members m1 and m2."""
    with running_fleet(clusters_folder, control_plane_binaries, request.config) as started:
        yield started


@pytest.fixture
def namespace() -> str:
    """A namespace name that no other test uses; creating it is up to the test."""
    return f"test-{uuid.uuid4().hex[:10]}"


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
        for plane in item.config.stash.get(STARTED, []):
            for program in plane.processes:
                report.sections.append((f"{plane.plane.name}/{program.name}", program.tail()))
    return report
