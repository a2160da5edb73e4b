"""A running federation for the tests that want one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.federated import Federated, all_ready, federated


@pytest.fixture
async def running(fleet: Any) -> AsyncIterator[Federated]:
    """Host and members joined and Ready, the federation reconciling."""
    async with federated(fleet) as atoll:
        await atoll.start()
        try:
            await all_ready(atoll.host, atoll.members)
            yield atoll
        finally:
            await atoll.stop()


@pytest.fixture
async def shop(running: Federated, namespace: str) -> str:
    """A namespace on the host."""
    await running.make_namespace(namespace)
    return namespace
