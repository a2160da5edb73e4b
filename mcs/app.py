"""Services across clusters in one process: the host's part, and an agent for each connected member."""

from __future__ import annotations

import asyncio
import logging

from federation.kube.api import Api
from federation.kube.controller import Controller, Observe
from federation.kube.informer import Informer
from federation.resources import CLUSTER
from mcs.agent import Agent
from mcs.aggregator import Aggregator
from mcs.departures import Departures
from mcs.names import Service
from mcs.records import Records

log = logging.getLogger(__name__)
RESTART_DELAY = 5.0


class Services:
    """`run` carries the host's part; `accompany` a member, while it is connected."""

    def __init__(self, api: Api, observe: Observe | None = None) -> None:
        self._observe = observe
        self._records = Records(api)
        self._clusters: Informer[bool] = Informer(
            api, CLUSTER, lambda cluster: True, self._cluster_changed, metadata_only=True
        )
        self._aggregator = Aggregator(self._records)
        self.aggregate = Controller("aggregate", self._aggregator, observe=observe, fields=_object)
        self.departures = Controller(
            "departures",
            Departures(self._records),
            workers=2,
            observe=observe,
            fields=lambda cluster: {"cluster": cluster},
        )

    async def run(self) -> None:
        """Aggregate until cancelled."""
        self._records.listeners.add(self)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._records.run())
            group.create_task(self._clusters.run())
            await self._records.synced()
            await self._clusters.synced.wait()
            group.create_task(self.aggregate.run())
            group.create_task(self.departures.run())

    async def accompany(self, cluster: str, member: Api) -> None:
        """Export and import for a member until cancelled; whatever goes wrong is logged, and begins anew."""
        while True:
            try:
                await Agent(cluster, member, self._records, self._observe).run()
            except Exception:
                log.exception("cluster %s: its Services' tasks failed; they start anew", cluster,
                              extra={"cluster": cluster})  # fmt: skip
            await asyncio.sleep(RESTART_DELAY)

    # What the host says

    def exports_changed(self, service: Service) -> None:
        self.aggregate.queue.add(service)

    def set_changed(self, service: Service) -> None:
        self.aggregate.queue.add(service)

    def slices_changed(self, service: Service) -> None:
        """Endpoints are no matter of the set."""

    def source_changed(self, cluster: str) -> None:
        self._aggregator.source_changed(cluster)
        for service in self._records.services():
            self.aggregate.queue.add(service)
        if self._clusters.get(("", cluster)) is None:
            self.departures.queue.add(cluster)

    def _cluster_changed(self, key: tuple[str, str]) -> None:
        if self._clusters.get(key) is None:
            self.departures.queue.add(key[1])


def _object(service: Service) -> dict[str, str]:
    return {"object": "/".join(service)}
