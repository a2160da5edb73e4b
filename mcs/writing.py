"""Writing to a member: by server-side apply, only where something differs, and never twice for one change."""

from __future__ import annotations

from typing import Any

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
            return await self._apply(part, wanted, force=False)
        if not difference(part.held(live, wanted), decided(wanted)):
            return live
        return await self._apply(part, wanted, force=True)

    async def put_slice(self, wanted: Manifest, live: Slice | None) -> None:
        """Like `put`, of what a mirror keeps of an EndpointSlice."""
        if live is None or difference(slice_held(live, wanted), decided(wanted)):
            await self._apply(SLICE, wanted, force=live is not None)

    async def _apply(self, part: Part, wanted: Manifest, *, force: bool) -> Manifest:
        """What is new is not forced: if somebody was faster, it is theirs, which the mirror will say."""
        answer = await self._locals.api.apply(
            part.resource, wanted, manager=FIELD_MANAGER, force=force, subresource=part.subresource
        )
        if foreign := difference(part.held(answer, wanted), decided(wanted)):
            answer = await self._revert(part, answer, foreign)
        self._mirrors[part.resource].observe(answer)
        return answer

    async def _revert(self, part: Part, answer: Manifest, patch: Manifest) -> Manifest:
        """Take out what others put in: an apply leaves fields alone that it never had."""
        metadata = answer["metadata"]
        body = patch | {
            "metadata": patch.get("metadata", {}) | {"resourceVersion": metadata["resourceVersion"]}
        }
        return await self._locals.api.patch(
            part.resource, metadata["name"], metadata["namespace"], body,
            manager=FIELD_MANAGER, subresource=part.subresource,
        )  # fmt: skip
