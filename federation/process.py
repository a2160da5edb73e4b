"""One controller process: the connection to the host, the lease, the probes, and the Federation while it
leads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from contextlib import AsyncExitStack

from federation.app import Federation
from federation.consequences import Consequences
from federation.kube.api import Api
from federation.kube.config import load
from federation.kube.errors import LeaseLost
from federation.kube.lease import Lease
from federation.metrics import Metrics
from federation.probes import Probes, Ready
from federation.settings import LEASE, NAMESPACE, Settings
from federation.setup import host_id_of
from mcs.app import Services

log = logging.getLogger(__name__)


class Process:
    """Carries a Federation whenever this process leads; `clusters` and `consequences` serve the webhooks."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._metrics = settings, Metrics()
        self._federation: Federation | None = None
        self._consequences: Consequences | None = None
        self._lease: Lease | None = None

    def clusters(self) -> Collection[str] | None:
        """Name the Clusters, or None while they are not known."""
        federation = self._federation
        if federation is None or not federation.ready.is_set():
            return None
        return [name for _, name in federation.host.clusters.keys()]

    def consequences(self) -> Consequences | None:
        """Return what tells what a change would do to Services, or None while it is not known."""
        known = self._consequences
        ready = self._federation is not None and self._federation.ready.is_set()
        return known if known is not None and ready and known.known else None

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
            probes = Probes(self._metrics, self._readiness, settings.metrics_address, settings.metrics_port)
            await stack.enter_async_context(probes)
            self._lease = Lease(lease_api, NAMESPACE, LEASE, settings.identity)
            while True:
                try:
                    await self._lease.lead(lambda: self._lead(api))
                except LeaseLost as lost:
                    log.warning("%s; what this process knew is forgotten, and it stands by", lost)

    async def _lead(self, api: Api) -> None:
        """One term: it starts from nothing, as the host may be another one by now."""
        host_id = self._settings.host_id or await host_id_of(api)
        log.info("leading as %s for host %s", self._settings.identity, host_id)
        services = Services(api, self._metrics.reconciled, self._settings.staleness)
        self._federation = federation = Federation(
            api, host_id, self._settings, self._metrics, companion=services
        )
        self._consequences = Consequences(federation.host, services)
        for controller in (
            federation.schedule,
            federation.observe,
            federation.clusters,
            federation.report,
            services.aggregate,
            services.departures,
            services.renew,
        ):
            self._metrics.watch_queue(controller.name, controller.queue.__len__)
        self._metrics.watch_queue("apply", federation.applies.__len__)
        self._metrics.watch_queue("export", services.exporting)
        self._metrics.watch_queue("import", services.importing)
        self._metrics.count((*services.counts(), *federation.counts()))
        self._metrics.leading(True)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(services.run(), name="services")
                await federation.run()
        finally:
            self._metrics.leading(False)
            self._metrics.count(())
            self._federation = self._consequences = None

    def _readiness(self) -> Ready:
        """Ready: reconciling, or standing by for the lease."""
        federation = self._federation
        if federation is None:
            standby = self._lease is not None and not self._lease.held
            return Ready(standby, "standing by" if standby else "starting")
        if not federation.ready.is_set():
            return Ready(False, "the first lists are not complete")
        return Ready(True, "leading")
