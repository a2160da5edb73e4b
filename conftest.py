"""Which tests stay together when they run side by side (`pytest -n 2 --dist loadgroup`): those that use the
same servers, so that each set of servers is started once, and ends with the last test that uses it.
"""

from __future__ import annotations

import pytest

_SHARED = ("full_sandbox", "fragile_sandbox", "apiserver", "fleet")
"""Fixtures of a whole run."""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: "policies" in item.path.parts)  # the longest first: they end together
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Item) -> str:
    used = _used(item)
    return f"{item.path.parent.name} {used[0]}" if used else item.path.name


def _used(item: pytest.Item | None) -> list[str]:
    """Return the shared fixtures that a test uses; one of a name is another in each folder."""
    names = getattr(item, "fixturenames", ())
    return [fixture for fixture in _SHARED if fixture in names]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say so if tests are not kept together: each worker would start servers for almost every test."""
    if getattr(session.config.option, "loadgroup", False) and any("@" not in i.nodeid for i in session.items):
        pytest.exit("pytest-xdist does not group tests with this pytest; see pyproject.toml", returncode=2)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End servers with the last test that uses them: a control plane takes a twentieth of a core when idle,
    and the fixtures of a run end with the run.
    """
    assert isinstance(item, pytest.Function)
    manager = item.session._fixturemanager
    for fixture in _used(item):
        now, then = (manager.getfixturedefs(fixture, each) if each else () for each in (item, nextitem))
        if fixture not in _used(nextitem) or now != then:
            for definition in now or ():
                definition.finish(item._request)
