"""What tests of the importer begin with; a module may have a `prepared` or a `world` of its own instead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.mcs.apiserver.importing import Importing, World, prepare, world_of
from tests.servers import Fleet


@pytest.fixture(scope="module")
def prepared(fleet: Fleet) -> Fleet:
    """A host and m2 that serve the kinds."""
    asyncio.run(prepare(fleet))
    return fleet


@pytest.fixture
async def world(prepared: Fleet, namespace: str) -> AsyncIterator[World]:
    """A host and m2 with a namespace, nothing exported, no importer running."""
    async with world_of(prepared, namespace) as made:
        await made.make_namespace()
        yield made


@pytest.fixture
async def importing(world: World, prepared: Fleet) -> AsyncIterator[Importing]:
    async with world.importing(prepared) as running:
        yield running
