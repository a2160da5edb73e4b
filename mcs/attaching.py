"""Attaching: writes the EndpointSlices of an imported Service in a member, and deletes those that end."""

from __future__ import annotations

import logging
from collections.abc import Container, Mapping
from contextlib import suppress
from typing import NamedTuple

from federation.kube.errors import NotFound
from federation.kube.resources import Manifest
from mcs.api import ServiceSet
from mcs.api.service import Locality
from mcs.belonging import owned
from mcs.importing import key_of, leftovers
from mcs.locals import Locals
from mcs.names import Service, native_name, slice_name
from mcs.native import Native, kept
from mcs.nearness import Nearness
from mcs.records import Records
from mcs.resources import ENDPOINT_SLICES
from mcs.shadowing import Shadowing
from mcs.slices import Slice, in_order
from mcs.writing import Writer

log = logging.getLogger(__name__)

_AGAIN = 0.5
"""Seconds until the next look when the mirrors of the host do not fit together yet."""


class Said(NamedTuple):
    """What the host said at one moment of the slices of a Service. What comes to be known while others are
    written is for the next look: nothing goes that this one has not thought about.
    """

    missing: frozenset[str]
    """The clusters to do without."""
    certain: frozenset[str]
    """The clusters of which what is not on the host is known to be gone."""
    present: dict[str, set[str]]
    """By cluster, the names that its slices have in the member, wanted or not."""


class Attaching:
    """Brings the slices of one Service at a time to what they should be."""

    def __init__(
        self,
        cluster: str,
        records: Records,
        locals_: Locals,
        writer: Writer,
        nearness: Nearness,
        shadowing: Shadowing,
    ) -> None:
        self._cluster, self._records, self._locals = cluster, records, locals_
        self._writer, self._nearness, self._shadowing = writer, nearness, shadowing

    def remote(self, found: ServiceSet) -> dict[str, Mapping[str, Slice]]:
        """Return by cluster the slices that the host has."""
        service = key_of(found.spec)
        return {each.name: self._records.slices_of(each.name, service) for each in found.spec.clusters}

    def own(self, service: Service) -> set[str]:
        """Name the slices that the member's own endpoints are imported by."""
        return {slice_name(self._cluster, service, name) for name in self._locals.endpoints(service)}

    def said(self, found: ServiceSet, missing: frozenset[str]) -> Said:
        """Return what the host says now.

        :param missing: the clusters to do without, certainly
        """
        return Said(missing, self._records.certain() | missing, self._present(found))

    def _present(self, found: ServiceSet) -> dict[str, set[str]]:
        names = {cluster: {*slices} for cluster, slices in self.remote(found).items()}
        names[self._cluster] = self.own(key_of(found.spec))
        return {cluster: each | set(map(native_name, each)) for cluster, each in names.items()}

    async def write(self, service: Service, slices: Mapping[str, Manifest], owner: Manifest) -> None:
        for name in in_order(slices, self._locals.imported(service)):
            sought = owned(slices[name], owner)
            live = self._locals.slices.get((service[0], name))
            if live is not None and not live.ours and live.owner != owner["uid"]:
                where = {"key": f"{service[0]}/{name}", "cluster": self._cluster}
                log.warning("endpointslices %s/%s: not ours, left alone", service[0], name, extra=where)
                continue
            if live is not None and live.content["addressType"] != sought["addressType"]:
                await self._writer.delete(ENDPOINT_SLICES, service[0], {"name": name, "uid": live.uid})
                live = None
            await self._writer.put_slice(sought, live)

    async def tend(
        self, service: Service, locality: Locality | None, planned: Container[str]
    ) -> float | None:
        """Have slices called, or not, that are here without being planned; return when to look again."""
        left = self._nearness.left(service, locality, planned)
        for name, sought in left.slices.items():
            held = self._locals.slices.get((service[0], name))
            if held is not None:
                with suppress(NotFound):  # it went meanwhile
                    await self._writer.put_slice(sought, held)
        return left.pause

    async def end(
        self, found: ServiceSet, wanted: Container[str], under_name: Native, said: Said
    ) -> float | None:
        """Delete the slices that are known to be over, and the shadow after its own.

        One that came back on the host since it was `said` stays as well. Return when to look again.
        """
        service = key_of(found.spec)
        here = self._locals.imported(service)
        stay = kept(self._cluster, found.spec, under_name, here, said.certain)
        due = {name: piece for name, piece in here.items() if name not in wanted and name not in stay}
        unsaid = {piece.source for piece in due.values()} - {"", *said.certain}
        self._records.words.wait(service, unsaid)
        known = {*said.missing, *self._records.left(), ""}
        for name in leftovers(self._cluster, found.spec, due, frozenset(), said.present, said.certain):
            piece = due[name]
            if piece.source not in known and await self._is_there(found, name, piece, said):
                unsaid.add(piece.source)
                continue
            await self._writer.delete(ENDPOINT_SLICES, service[0], {"name": name, "uid": piece.uid})
        if under_name.shadow is None and not stay:
            await self._shadowing.remove(service)
        return None if unsaid.isdisjoint(self._records.certain()) else _AGAIN

    async def _is_there(self, found: ServiceSet, name: str, piece: Slice, said: Said) -> bool:
        """Whether there is a slice that was not `said`, or that no ServiceSet accounts for yet."""
        if name in said.present.get(piece.source, ()):
            if piece.source in {each.name for each in found.spec.clusters}:
                return False  # its ports or its family keep it out
        elif piece.source == self._cluster:
            return name in self.own(key_of(found.spec))
        original = name.removesuffix("-n") if piece.native else name
        return await self._records.has(ENDPOINT_SLICES, piece.source, original)
