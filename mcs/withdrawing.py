"""Withdrawing: takes back from one member what it imported of a Service that is exported to it no more."""

from __future__ import annotations

from federation.kube.resources import Manifest
from mcs.belonging import clusters_of, is_marked
from mcs.importing import is_withdrawn
from mcs.locals import Locals
from mcs.names import Service, export_name
from mcs.records import Records
from mcs.resources import CLUSTER_EXPORTS, ENDPOINT_SLICES, SERVICE_IMPORTS, SERVICES
from mcs.shadowing import Shadowing
from mcs.writing import Writer


class Withdrawing:
    """Says when an import is over, and deletes all of it."""

    def __init__(self, locals_: Locals, records: Records, writer: Writer, shadowing: Shadowing) -> None:
        self._locals, self._records, self._writer, self._shadowing = locals_, records, writer, shadowing

    def is_over(self, service: Service, live: Manifest | None) -> bool:
        """Whether all that exported a Service of which the host knows nothing do so no more."""
        exporters = self._exporters(service, live)
        sources = {state.spec.cluster: state.spec for _, state in self._records.sources.items()}
        self._records.words.wait(service, exporters)
        given = self._records.words
        return not self._records.exports_of(service) and is_withdrawn(exporters, sources, given)

    async def is_confirmed(self, service: Service, live: Manifest | None) -> bool:
        """Whether the host itself, asked for each of them, knows of no export either."""
        stay = self._exporters(service, live) - self._records.left() - {""}
        found = [await self._records.has(CLUSTER_EXPORTS, each, export_name(each, service)) for each in stay]
        return not any(found)

    def _exporters(self, service: Service, live: Manifest | None) -> set[str]:
        slices = self._locals.imported(service).values()
        return {each["cluster"] for each in clusters_of(live)} | {piece.source for piece in slices}

    async def remove(self, service: Service, live: Manifest | None) -> None:
        """Delete all of it, the ServiceImport last: while it is there, the rest is found again after a crash.

        Its owner references would do the same, but a garbage collector may take its time.
        """
        derived = self._locals.derived(service)
        for name, piece in self._locals.imported(service).items():
            await self._writer.delete(ENDPOINT_SLICES, service[0], {"name": name, "uid": piece.uid})
        if derived is not None and is_marked(derived):
            await self._writer.delete(SERVICES, service[0], derived["metadata"])
        await self._shadowing.remove(service)
        if live is not None:
            await self._writer.delete(SERVICE_IMPORTS, service[0], live["metadata"])
