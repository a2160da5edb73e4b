"""An API server that does as it is told: for faults a real one can't be made to show."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web

from federation.kube.api import Api
from federation.kube.config import Configuration
from federation.kube.resources import Manifest, Resource

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")
Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


def widget(name: str, version: int, **spec: Any) -> Manifest:
    metadata = {"namespace": "shop", "name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata, "spec": spec}


def listing(version: int, *items: Manifest, token: str | None = None) -> web.Response:
    metadata = {"resourceVersion": str(version)} | ({"continue": token} if token else {})
    return answer(
        {"apiVersion": "example.com/v1", "kind": "WidgetList", "metadata": metadata, "items": items}
    )


def answer(body: Any, status: int = 200, **headers: str) -> web.Response:
    options = {"status": status, "headers": headers, "content_type": "application/json"}
    return web.Response(body=orjson.dumps(body), **options)


def failure(code: int, reason: str = "", message: str = "", **more: Any) -> web.Response:
    headers = more.pop("headers", {})
    return answer(
        {"kind": "Status", "code": code, "reason": reason, "message": message, **more}, code, **headers
    )


def event(kind: str, manifest: Manifest) -> bytes:
    return orjson.dumps({"type": kind, "object": manifest}) + b"\n"


def bookmark(version: int) -> bytes:
    return event("BOOKMARK", {"kind": "Widget", "metadata": {"resourceVersion": str(version)}})


def expired() -> bytes:
    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
    return event("ERROR", status)


class Script:
    """Answers lists and watches in turn from what a test puts in; the last answer repeats.

    A watch is a list of byte strings sent at once; it then stays open, unless its last item is `None` (a
    clean end) or an exception (a torn stream). Other requests go to `respond`.
    """

    def __init__(self) -> None:
        self.lists: list[web.Response | Callable[[], web.Response]] = []
        self.watches: list[Any] = []
        self.respond: Respond | None = None
        self.requests: list[web.Request] = []
        self.list_count = self.watch_count = 0
        self._live: list[asyncio.Queue[Any]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.respond is not None:
            return await self.respond(request)
        if request.query.get("watch"):
            return await self._watch(request)
        if request.query.get("limit") == "1":
            return listing(10**9)
        return self._list()

    def send(self, *chunks: Any) -> None:
        """Feed the watch that is open now."""
        for chunk in chunks:
            self._live[-1].put_nowait(chunk)

    def _list(self) -> web.Response:
        number, self.list_count = self.list_count, self.list_count + 1
        made = self.lists[min(number, len(self.lists) - 1)]
        response = made() if callable(made) else made
        copy = web.Response(status=response.status, body=response.body, headers=response.headers)
        return copy

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        number, self.watch_count = self.watch_count, self.watch_count + 1
        script = self.watches[min(number, len(self.watches) - 1)] if self.watches else []
        if isinstance(script, web.Response):
            return web.Response(status=script.status, body=script.body, headers=script.headers)
        queue: asyncio.Queue[Any] = asyncio.Queue()
        for chunk in script:
            queue.put_nowait(chunk)
        self._live.append(queue)
        response = web.StreamResponse()
        await response.prepare(request)
        while (chunk := await queue.get()) is not None:
            if isinstance(chunk, Exception):
                assert request.transport is not None
                request.transport.abort()
                break
            await response.write(chunk)
        return response


@asynccontextmanager
async def serving(handle: Respond) -> AsyncIterator[str]:
    """Run an aiohttp handler for all paths; yields its URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.01, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def scripted(handle: Respond, **options: Any) -> AsyncIterator[Api]:
    async with serving(handle) as url, Api(Configuration(host=url), **options) as api:
        yield api


async def until(
    condition: Callable[[], Any], seconds: float = 10.0, poll: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Wait for a condition to hold, after a look at the world (`poll`) each time if it needs one."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not happen in {seconds} s"
        await asyncio.sleep(0.005)
        if poll is not None:
            await poll()
