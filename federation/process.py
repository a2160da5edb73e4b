"""One controller process: the connection to the host, the lease, the probes, and the Federation while it
leads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from contextlib import AsyncExitStack

from aiohttp import web

from federation.app import Federation
from federation.kube.api import Api
from federation.kube.config import load
from federation.kube.errors import LeaseLost
from federation.kube.lease import Lease
from federation.metrics import Metrics
from federation.settings import NAMESPACE, Settings
from federation.setup import host_id_of
from mcs.app import Services

log = logging.getLogger(__name__)

LEASE = "atoll-controller"
LAG_PERIOD = 1.0


class Process:
    """Carries a Federation whenever this process leads. `clusters` names the Clusters for the webhooks."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._metrics = settings, Metrics()
        self._federation: Federation | None = None
        self._lease: Lease | None = None

    def clusters(self) -> Collection[str] | None:
        """Name the Clusters, or None while they are not known."""
        federation = self._federation
        if federation is None or not federation.ready.is_set():
            return None
        return [name for _, name in federation.host.clusters.keys()]

    async def run(self) -> None:
        """Serve probes and metrics, wait for the lease, lead, and again; ends by cancellation or an error."""
        settings, configuration = (
            self._settings,
            await load(self._settings.kubeconfig, self._settings.context),
        )
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(
                Api(configuration, in_flight=settings.host_in_flight, observe=self._metrics.requests("host"))
            )
            lease_api = await stack.enter_async_context(Api(configuration, in_flight=2))
            await stack.enter_async_context(_Site(self._application(), settings))
            self._lease = Lease(lease_api, NAMESPACE, LEASE, settings.identity)
            lag = asyncio.create_task(self._measure_lag())
            stack.callback(lag.cancel)
            while True:
                try:
                    await self._lease.lead(lambda: self._lead(api))
                except LeaseLost as lost:
                    log.warning("%s; what this process knew is forgotten, and it stands by", lost)

    async def _lead(self, api: Api) -> None:
        """One term: it starts from nothing, as the host may be another one by now."""
        host_id = self._settings.host_id or await host_id_of(api)
        log.info("leading as %s for host %s", self._settings.identity, host_id)
        services = Services(api, self._metrics.reconciled)
        self._federation = federation = Federation(
            api, host_id, self._settings, self._metrics, companion=services
        )
        for controller in (
            federation.schedule,
            federation.observe,
            federation.clusters,
            federation.report,
            services.aggregate,
            services.departures,
        ):
            self._metrics.watch_queue(controller.name, controller.queue.__len__)
        self._metrics.watch_queue("apply", federation.applies.__len__)
        self._metrics.watch_queue("export", services.exporting)
        self._metrics.watch_queue("import", services.importing)
        self._metrics.count(services.counts())
        self._metrics.leading(True)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(services.run(), name="services")
                await federation.run()
        finally:
            self._metrics.leading(False)
            self._metrics.count(())
            self._federation = None

    async def _measure_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_PERIOD
            await asyncio.sleep(LAG_PERIOD)
            self._metrics.lag(loop.time() - due)

    # Probes

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
        """Ready: reconciling, or standing by for the lease."""
        federation = self._federation
        if federation is None:
            standby = self._lease is not None and not self._lease.held
            return web.Response(text="standing by" if standby else "starting", status=200 if standby else 503)
        if not federation.ready.is_set():
            return web.Response(text="the first lists are not complete", status=503)
        return web.Response(text="leading")


class _Site:
    """An HTTP server for the time of a `with` block."""

    def __init__(self, application: web.Application, settings: Settings) -> None:
        self._runner, self._settings = web.AppRunner(application, access_log=None), settings

    async def __aenter__(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, self._settings.metrics_address, self._settings.metrics_port).start()

    async def __aexit__(self, *error: object) -> None:
        await self._runner.cleanup()
