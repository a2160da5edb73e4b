"""Writing to a member: only where something differs, and never twice for one change.

What is ours as a whole, derived Services and EndpointSlices, is created and patched: that costs the API
server half of a server-side apply. ServiceImports may have labels and conditions of others: they are applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from federation.kube.errors import NotFound
from federation.kube.informer import Informer
from federation.kube.merge import difference
from federation.kube.resources import Manifest, Resource
from mcs.locals import Locals
from mcs.names import FIELD_MANAGER
from mcs.owned import SLICE, Part, decided, slice_held
from mcs.slices import Slice


class Writer:
    """Writes what is wanted into one member, and takes the answers into its mirrors."""

    def __init__(self, locals_: Locals) -> None:
        self._locals = locals_
        mirrors: list[Informer[Any]] = [locals_.services, locals_.imports, locals_.slices]
        self._mirrors: dict[Resource, Informer[Any]] = {mirror.resource: mirror for mirror in mirrors}

    async def put(self, part: Part, wanted: Manifest, live: Manifest | None) -> Manifest:
        """Bring an object to what is wanted; return it as it is then.

        :param live: the object as it is; None if there is none
        """
        if live is None:
            return await (self._create if part.whole else self._apply)(part, wanted)
        differs = difference(part.held(live, wanted), decided(wanted))
        if not differs:
            return live
        if part.whole:
            return await self._patch(part, wanted, differs)
        return await self._apply(part, wanted, force=True)

    async def put_slice(self, wanted: Manifest, live: Slice | None) -> None:
        """Like `put`, of what a mirror keeps of an EndpointSlice."""
        if live is None:
            await self._create(SLICE, wanted)
        elif differs := difference(slice_held(live, wanted), decided(wanted)):
            await self._patch(SLICE, wanted, differs)

    async def delete(self, resource: Resource, namespace: str, metadata: Mapping[str, Any]) -> None:
        """Delete the one object that has this name and UID, if it is still there."""
        with suppress(NotFound):
            await self._locals.api.delete(resource, metadata["name"], namespace, uid=metadata["uid"])

    async def _create(self, part: Part, wanted: Manifest) -> Manifest:
        """If somebody was faster, it is theirs, which the mirror will say."""
        return self._observed(
            part, await self._locals.api.create(part.resource, wanted, manager=FIELD_MANAGER)
        )

    async def _patch(self, part: Part, wanted: Manifest, body: Manifest) -> Manifest:
        """Change what differs, which takes out what others put in as well."""
        metadata = wanted["metadata"]
        answer = await self._locals.api.patch(
            part.resource, metadata["name"], metadata["namespace"], body,
            manager=FIELD_MANAGER, subresource=part.subresource,
        )  # fmt: skip
        return self._observed(part, answer)

    async def _apply(self, part: Part, wanted: Manifest, *, force: bool = False) -> Manifest:
        """What is new is not forced, either. An apply leaves fields alone that it never had."""
        answer = await self._locals.api.apply(
            part.resource, wanted, manager=FIELD_MANAGER, force=force, subresource=part.subresource
        )
        if foreign := difference(part.held(answer, wanted), decided(wanted)):
            version = {"resourceVersion": answer["metadata"]["resourceVersion"]}
            metadata = foreign.get("metadata", {}) | version
            return await self._patch(part, wanted, foreign | {"metadata": metadata})
        return self._observed(part, answer)

    def _observed(self, part: Part, answer: Manifest) -> Manifest:
        self._mirrors[part.resource].observe(answer)
        return answer
