"""Agent: what exports and imports for one member, over the member's own connection.

It is told of changes on both sides and only names Services; what each comes to is decided by its exporter and
its importer.
"""

from __future__ import annotations

import asyncio

from federation.kube.api import Api
from federation.kube.controller import Controller, Observe
from mcs.exporter import Exporter
from mcs.importer import Importer
from mcs.locals import Locals
from mcs.names import Service
from mcs.records import Records

WORKERS = 8
"""Services at a time, for each direction of each member."""


class Agent:
    """Carries one member; `run` ends when it is cancelled, and all may begin anew at any time."""

    def __init__(self, cluster: str, api: Api, records: Records, observe: Observe | None = None) -> None:
        self.cluster, self._records = cluster, records
        self.locals = Locals(api, self)
        self._exporter = Exporter(cluster, self.locals, records)
        self.exporting = Controller(
            "export", self._exporter, workers=WORKERS, observe=observe, fields=self._fields
        )
        self.importer = Importer(cluster, records, self.locals)
        self.importing = Controller(
            "import", self.importer, workers=WORKERS, observe=observe, fields=self._fields
        )

    @property
    def whole(self) -> bool:
        """Whether all that the member exports is known to be on the host as it is now."""
        return self._exporter.epoch.whole

    async def run(self) -> None:
        self._records.listeners.add(self)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.locals.run())
                group.create_task(self.exporting.run())
                group.create_task(self.importing.run())
                group.create_task(self._begin_to_import())
                await self._exporter.begin(self.exporting.queue)
        finally:
            self._records.listeners.discard(self)

    async def _begin_to_import(self) -> None:
        """Look at everything once: the host's mirrors may have told of it before anyone listened here."""
        await self._records.synced()
        await self.locals.synced()
        for service in self._records.services() | self.locals.imported_services():
            self.importing.queue.add(service)

    def _fields(self, service: Service) -> dict[str, str]:
        return {"object": "/".join(service), "cluster": self.cluster}

    # What the member says

    def export_changed(self, service: Service) -> None:
        self.exporting.queue.add(service)
        self.importing.queue.add(service)  # own endpoints are imported, too

    def import_changed(self, service: Service) -> None:
        self.importing.queue.add(service)

    def namespace_changed(self, namespace: str) -> None:
        for service in self._records.services():
            if service[0] == namespace:
                self.importing.queue.add(service)
        for service in self._records.policies.keys():
            if service[0] == namespace:
                self.exporting.queue.add(service)

    # What the host says

    def exports_changed(self, service: Service) -> None:
        self.exporting.queue.add(service)
        self.importing.queue.add(service)

    def set_changed(self, service: Service) -> None:
        self.exporting.queue.add(service)  # whether it is in conflict
        self.importing.queue.add(service)

    def slices_changed(self, source: str, service: Service) -> None:
        if source == self.cluster:
            self.exporting.queue.add(service)
        self.importing.queue.add(service)

    def source_changed(self, cluster: str) -> None:
        self._exporter.source_changed(cluster)
        for service in self.locals.imported_services():
            self.importing.queue.add(service)
