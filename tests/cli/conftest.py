"""A namespace for the commands of atoll rollout."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from kinds import install_kinds

from tests.apiserver.clients import NAMESPACES, api_of
from tests.cli.shop import USER, Shop
from tests.servers import ApiServer


@pytest.fixture
async def shop(apiserver: ApiServer, namespace: str) -> AsyncIterator[Shop]:
    async with api_of(apiserver) as api:
        await install_kinds(api)
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        await api.apply(NAMESPACES, manifest, manager=USER)
        made = Shop(apiserver, api, namespace)
        await made.deploy("nginx:1")
        yield made
