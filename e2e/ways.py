"""A way from one process to one API server, on which it can go wrong in all the ways that networks know."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress

import aiohttp
from aiohttp import web
from yarl import URL

from e2e.refusals import Refusals, passed

_ANSWERS = (429, 500, 503, 504)
_LOST, _LATE = "lost", "late"
_LATEST = 1.5
"""Seconds by which a request is late."""
_GONE = {
    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 410,
    "reason": "Expired", "message": "too old resource version, on purpose",
}  # fmt: skip


class Way(Refusals):
    """Forwards everything; faults hold until `heal`.

    - `cut`: connections are reset, new ones too
    - `mute`: no request arrives; what was sent arrives when the way is healed, if the client waits or not
    - `deafen`: requests arrive and are carried out, watches too, but nothing comes back
    - `fail`: a part of the requests is answered with an error, is late, or is carried out and the answer lost
    - `end_watches`: open watches end, once
    - `expire`: open watches end with 410, and so does the next attempt of each to go on
    """

    def __init__(self, upstream: str, session: aiohttp.ClientSession) -> None:
        super().__init__(upstream, session)
        self._requests, self._answers = asyncio.Event(), asyncio.Event()
        self._cut = False
        self._failing: random.Random | None = None
        self._watches: dict[web.StreamResponse, web.Request] = {}
        self._expired: set[str] = set()
        self._open: set[asyncio.Transport] = set()
        self.heal()

    def cut(self) -> None:
        self._cut = True
        for connection in list(self._open):
            connection.abort()

    def mute(self) -> None:
        self._requests.clear()

    def deafen(self) -> None:
        self._answers.clear()

    def fail(self, chance: random.Random) -> None:
        self._failing = chance

    def end_watches(self) -> None:
        for request in list(self._watches.values()):
            _reset(request)

    async def expire(self) -> None:
        """The client is to list again: what happened in between it does not hear of."""
        watches = dict(self._watches)
        self._expired |= {request.path for request in watches.values()}
        for response, request in watches.items():
            with suppress(OSError):
                await response.write(json.dumps({"type": "ERROR", "object": _GONE}).encode() + b"\n")
            _reset(request)

    def heal(self) -> None:
        super().heal()
        self._cut, self._failing = False, None
        self._requests.set()
        self._answers.set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        connection = request.transport
        assert connection is not None
        self._open.add(connection)
        try:
            if self._cut:
                raise ConnectionResetError
            return await self._answer(request)
        except (aiohttp.ClientError, OSError):  # the server is away, or we cut it: so it is for the client
            _reset(request)
            return web.Response(status=502)
        finally:
            self._open.discard(connection)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            if request.path in self._expired:
                self._expired.discard(request.path)
                return web.json_response(_GONE, status=410)
            return await self._pass(request)
        fate = self._fate()
        if isinstance(fate, int):
            return web.Response(status=fate, headers={"Retry-After": "1"} if fate == 429 else {})
        if fate == _LATE:
            await asyncio.sleep(_LATEST)  # that late
        return await self._pass(request, lost=fate == _LOST)

    def _fate(self) -> int | str | None:
        if self._failing is None or self._failing.random() < 0.5:
            return None
        return self._failing.choice((*_ANSWERS, _LOST, _LATE))

    async def _pass(self, request: web.Request, *, lost: bool = False) -> web.StreamResponse:
        await self._requests.wait()
        url = URL(self._upstream + request.raw_path, encoded=True)
        headers, body = passed(request.headers), await request.read() or None
        async with self._session.request(request.method, url, headers=headers, data=body) as answer:
            await self._answers.wait()
            if lost:
                await answer.read()
                raise ConnectionResetError
            response = web.StreamResponse(status=answer.status, headers=passed(answer.headers))
            await response.prepare(request)
            if "watch" in request.query:
                self._watches[response] = request
            try:
                async for chunk in answer.content.iter_any():
                    await self._answers.wait()
                    await response.write(chunk)
            finally:
                self._watches.pop(response, None)
        return response


def _reset(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
