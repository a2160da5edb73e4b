"""Probes: /metrics, /healthz and /readyz of one process, and how late its event loop is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Self

from aiohttp import web

from federation.metrics import Metrics

LAG_PERIOD = 1.0


class Ready(NamedTuple):
    """Whether a process does what it is there for, standing by included."""

    now: bool
    why: str


class Probes:
    """Served for the time of a `with` block."""

    def __init__(self, metrics: Metrics, readiness: Callable[[], Ready], address: str, port: int) -> None:
        self._metrics, self._readiness = metrics, readiness
        self._address, self._port = address, port
        self._runner = web.AppRunner(self._application(), access_log=None)
        self._lag: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, self._address, self._port).start()
        self._lag = asyncio.create_task(self._measure_lag())
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._lag is not None:
            self._lag.cancel()
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/metrics", self._serve_metrics)
        application.router.add_get("/healthz", self._serve_health)
        application.router.add_get("/readyz", self._serve_readiness)
        return application

    async def _serve_metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), content_type="text/plain", charset="utf-8")

    async def _serve_health(self, request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _serve_readiness(self, request: web.Request) -> web.Response:
        ready = self._readiness()
        return web.Response(text=ready.why, status=200 if ready.now else 503)

    async def _measure_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_PERIOD
            await asyncio.sleep(LAG_PERIOD)
            self._metrics.lag(loop.time() - due)
