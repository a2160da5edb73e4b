"""A reverse proxy before an API server that answers for it, for a while, with a failure of our choice."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import aiohttp
from aiohttp import web
from yarl import URL

from federation.sandbox.certificates import Authority

_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}
_WRITES = {"POST", "PUT", "PATCH", "DELETE"}


class Refusals:
    """While `refuse` holds, every request but an open watch gets its answer; `heal` ends it.

    `refused` counts the writes that were refused, by their path.
    """

    def __init__(self, upstream: str, session: aiohttp.ClientSession) -> None:
        self._upstream, self._session = upstream, session
        self._refusal: tuple[int, Mapping[str, str]] | None = None
        self.refused: Counter[str] = Counter()
        self.url = ""

    def refuse(self, code: int, **headers: str) -> None:
        self._refusal = code, {name.replace("_", "-"): value for name, value in headers.items()}

    def heal(self) -> None:
        self._refusal = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self._refusal is not None:
            if request.method in _WRITES:
                self.refused[request.path] += 1
            code, headers = self._refusal
            return web.Response(status=code, headers=headers, text="refused on purpose")
        return await self._forward(request)

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        url = URL(self._upstream + request.raw_path, encoded=True)
        headers, body = passed(request.headers), await request.read()
        async with self._session.request(request.method, url, headers=headers, data=body) as answer:
            response = web.StreamResponse(status=answer.status, headers=passed(answer.headers))
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
        return response


R = TypeVar("R", bound=Refusals)


@asynccontextmanager
async def refusals_before(upstream: str, authority: Authority) -> AsyncIterator[Refusals]:
    async with standing_before(upstream, authority, Refusals) as proxy:
        yield proxy


@asynccontextmanager
async def standing_before(
    upstream: str, authority: Authority, kind: Callable[[str, aiohttp.ClientSession], R]
) -> AsyncIterator[R]:
    """Serve at a free port with a certificate of the API server's own authority."""
    trust = ssl.create_default_context(cafile=authority.files.certificate)
    timeout = aiohttp.ClientTimeout(total=None)
    connector = aiohttp.TCPConnector(ssl=trust, limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
        proxy = kind(upstream, session)
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", proxy.answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            serving.load_cert_chain(*authority.serving("proxy", ["127.0.0.1"]))
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving).start()
            proxy.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
            yield proxy
        finally:
            await runner.cleanup()


def passed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
