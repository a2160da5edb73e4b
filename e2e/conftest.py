"""Two sandboxes for all scenarios: a full one, and one whose host may lose its store.

Both are made when the first scenario asks for them. Each scenario leaves its sandbox as it found it; what a
failed one has stopped is started again before the next.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.fleet import Fleet, connected, namespace_on, silent
from federation.sandbox import binaries
from federation.sandbox.errors import SandboxError
from federation.sandbox.plane import Role
from federation.sandbox.sandbox import Sandbox
from tests.servers import own_folder

_SANDBOXES = {"fleet": ("e2e", 3, Role.MEMBER), "fragile": ("e2e-fragile", 2, Role.API_ONLY)}
"""By fixture: the name of the sandbox, its members and their role."""
_MADE = pytest.StashKey[dict[str, Sandbox]]()
_SHOWN_LINES = 60


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A folder for the sandboxes of this run."""
    with own_folder("atoll-e2e") as folder:
        yield folder


@pytest.fixture(scope="session")
def full_sandbox(home: Path, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with _sandbox("fleet", home, request.config) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def fragile_sandbox(home: Path, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with _sandbox("fragile", home, request.config) as sandbox:
        yield sandbox


@pytest.fixture
async def fleet(full_sandbox: Sandbox) -> AsyncIterator[Fleet]:
    """A host and three full members, on which pods run."""
    async with connected(full_sandbox) as fleet:
        await _repair(fleet, "fleet")
        yield fleet


@pytest.fixture
async def fragile(fragile_sandbox: Sandbox) -> AsyncIterator[Fleet]:
    """A host and two members without pods, for damage to the host's store or the way to a member."""
    async with connected(fragile_sandbox) as fleet:
        await _repair(fleet, "fragile")
        yield fleet


@pytest.fixture
async def namespace(fleet: Fleet) -> AsyncIterator[str]:
    """A namespace of this scenario alone, on the host of the full sandbox."""
    async with namespace_on(fleet, _unique()) as name:
        yield name


@pytest.fixture
async def fragile_namespace(fragile: Fleet) -> AsyncIterator[str]:
    """The same on the host of the other sandbox."""
    async with namespace_on(fragile, _unique()) as name:
        yield name


def _unique() -> str:
    return f"test-{uuid.uuid4().hex[:8]}"


@contextmanager
def _sandbox(fixture: str, home: Path, config: pytest.Config) -> Iterator[Sandbox]:
    name, members, role = _SANDBOXES[fixture]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATOLL_HOME", str(home))
        sandbox = Sandbox(name, silent)
    config.stash.setdefault(_MADE, {})[fixture] = sandbox
    try:
        sandbox.up(members, role, "binaries")
        yield sandbox
    finally:
        sandbox.down()


async def _repair(fleet: Fleet, fixture: str) -> None:
    """Bring back what a failed scenario left stopped or unjoined, so that it fails alone."""
    if not await fleet.is_whole():
        _, members, role = _SANDBOXES[fixture]
        await asyncio.to_thread(fleet.sandbox.up, members, role, "binaries")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Make the programs before the first scenario: a build takes minutes, more than a test may."""
    used = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if session.config.option.collectonly or not used & _SANDBOXES.keys():
        return
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    try:
        binaries.find(binaries.PROGRAMS, terminal.write_line if terminal else print)
    except SandboxError as failure:
        pytest.exit(f"the scenarios need control-plane programs: {failure}", returncode=2)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the controller's log with a scenario that failed."""
    report = yield
    used = getattr(item, "fixturenames", ())
    if report.failed:
        for fixture, sandbox in item.config.stash.get(_MADE, {}).items():
            if fixture in used:
                tail = sandbox.controller.tail(_SHOWN_LINES)
                report.sections.append((f"the controller of sandbox {sandbox.name}", tail))
    return report
