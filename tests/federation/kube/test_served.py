"""What a server serves is looked at again when a CRD changes, and until what it defines is there."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web

from federation.kube import served
from federation.kube.discovery import Discovery
from federation.kube.served import Served
from tests.federation.kube.scripted import answer, scripted, until


class LateServer:
    """A server that lists a CRD at once and serves what it defines when told to."""

    def __init__(self) -> None:
        self.serving = False
        self.looks = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/apis":
            self.looks += 1
            return answer(_groups(self.serving))
        if request.path == "/api":
            return answer({"kind": "APIGroupDiscoveryList", "items": []})
        if request.query.get("watch"):
            return await self._watch(request)
        return answer({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": []})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        metadata = {"name": "widgets.example.com", "resourceVersion": "2"}
        event = {"type": "ADDED", "object": {"metadata": metadata}}
        await response.write(json.dumps(event).encode() + b"\n")
        await asyncio.Event().wait()
        return response


def _groups(serving: bool) -> dict[str, Any]:
    kind = {"resource": "widgets", "scope": "Namespaced", "responseKind": {"kind": "Widget"}}
    group = {"metadata": {"name": "example.com"}, "versions": [{"version": "v1", "resources": [kind]}]}
    return {"kind": "APIGroupDiscoveryList", "items": [group] if serving else []}


async def test_a_kind_that_is_served_long_after_its_definition_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(served, "SETTLING", 0.0)
    monkeypatch.setattr(served, "LATE_PERIOD", 0.02)
    server, changes = LateServer(), asyncio.Event()
    async with scripted(server.handle) as api:
        discovery = Discovery(api)
        task = asyncio.create_task(Served(api, discovery, changes.set).run())
        await until(lambda: server.looks > 4)
        assert not changes.is_set()
        server.serving = True
        await asyncio.wait_for(changes.wait(), 10)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert discovery.serves("example.com", "widgets")
