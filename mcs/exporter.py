"""exporter: a member's ServiceExports to records on the host, and what became of them to their conditions."""

from __future__ import annotations

from contextlib import suppress

from federation.kube.errors import ApiError, NotFound
from federation.kube.events import Events
from federation.kube.resources import Manifest
from federation.kube.workqueue import WorkQueue
from federation.timestamps import utc_now
from mcs.conditions import contention, export_conditions, readiness
from mcs.copies import RETRY, Copies, is_refusal
from mcs.epoch import Epoch
from mcs.exporting import exported
from mcs.locals import Locals
from mcs.names import COMPONENT, FIELD_MANAGER, Service
from mcs.records import Records
from mcs.requested import Requested
from mcs.resources import SERVICE_EXPORTS
from mcs.transitions import transitions
from policies.verdicts import Verdict


class Exporter:
    """Reconciles what one cluster exports under one name; it does nothing before it is told to `begin`."""

    def __init__(
        self, cluster: str, locals_: Locals, records: Records, *, shortest_epoch: float = 1.0
    ) -> None:
        self._cluster, self._locals, self._records = cluster, locals_, records
        self.epoch = Epoch(cluster, locals_, records, shortest=shortest_epoch)
        self._events = Events(locals_.api, COMPONENT, cluster)
        self._requested = Requested(cluster, locals_, records)
        self._copies = Copies(cluster, records, lambda: locals_.connected)

    async def begin(self, queue: WorkQueue[Service]) -> None:
        """Have all names looked at once the mirrors are whole, and tell the host; it goes on for ever."""
        await self.epoch.run(queue.add)

    def source_changed(self, cluster: str) -> None:
        """The SourceState of some cluster changed."""
        if cluster == self._cluster:
            self.epoch.changed()

    async def __call__(self, service: Service) -> float | None:
        if not self.epoch.begun:
            return None  # what is not mirrored yet looks absent; the epoch begins with a look at every name
        export = self._locals.exports.get(service)
        if self._requested.is_due(service, export):
            if not (self._records.connected and self._locals.connected):
                return RETRY
            export = await self._requested.bring(service, export)
        live, endpoints = self._locals.services.get(service), self._locals.endpoints(service)
        wanted = exported(self._cluster, service, export, live, endpoints)
        try:
            pause = await self._copies.bring(service, wanted)
        except ApiError as error:
            failure = _failure(error)
            if failure.reason == "Failed":  # it is not there, and known not to be: others need not wait
                self.epoch.settled(service)
            await self._tell(service, export, wanted.valid, failure)
            if error.cause == "NamespaceTerminating":
                return RETRY  # the cluster left and came back: its namespace on the host is made anew
            raise
        if pause is None:
            self.epoch.settled(service)
        await self._tell(service, export, wanted.valid, wanted.obstacle)
        return pause

    async def _tell(
        self, service: Service, export: Manifest | None, valid: Verdict | None, failure: Verdict | None
    ) -> None:
        """Write the conditions of the ServiceExport where they say something else."""
        if export is None or valid is None:
            return
        found = self._records.set_of(service)
        conditions = export_conditions(
            export,
            valid,
            readiness(self._cluster, export, valid, failure),
            contention(self._cluster, export, valid, found.spec if found else None),
            utc_now(),
        )
        if conditions is None:
            return
        manifest = {
            "apiVersion": SERVICE_EXPORTS.api_version,
            "kind": SERVICE_EXPORTS.kind,
            "metadata": {"namespace": service[0], "name": service[1]},
            "status": {"conditions": [each.dump() for each in conditions]},
        }
        with suppress(NotFound):  # deleted meanwhile: the watch will say so
            answer = await self._locals.api.apply(
                SERVICE_EXPORTS, manifest, manager=FIELD_MANAGER, subresource="status"
            )
            self._locals.exports.observe(answer)
            for news in transitions(export, manifest):
                await self._events.tell(answer, *news)


def _failure(error: ApiError) -> Verdict:
    """Say why the host does not have what it is to have: it refused, or will take it later."""
    if is_refusal(error) and error.cause != "NamespaceTerminating":
        remedy = "correct the Service here, or rights and quota there"
        return Verdict("Failed", f"the host refused the export: {error}; {remedy}")
    return Verdict("Pending", f"the host did not take the export yet and is asked again: {error}")
