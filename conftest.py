"""Which tests stay together when they run side by side (`pytest -n 2 --dist loadgroup`): those that use the
same servers, so that each set of servers is started once.
"""

from __future__ import annotations

import pytest

_SHARED = ("full_sandbox", "fragile_sandbox", "apiserver", "fleet")
"""Fixtures of a whole run."""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Item) -> str:
    used = getattr(item, "fixturenames", ())
    shared = next((fixture for fixture in _SHARED if fixture in used), None)
    if shared is None:
        return item.path.name
    return f"{item.path.parent.name} {shared}"  # a fixture of one name is another in each folder
