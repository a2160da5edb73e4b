"""A running federation for the tests that want one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.federated import Federated, reconciling


@pytest.fixture
async def running(fleet: Any) -> AsyncIterator[Federated]:
    """Host and members joined and Ready, the federation reconciling."""
    async with reconciling(fleet) as atoll:
        yield atoll


@pytest.fixture
async def shop(running: Federated, namespace: str) -> str:
    """A namespace on the host."""
    await running.make_namespace(namespace)
    return namespace
