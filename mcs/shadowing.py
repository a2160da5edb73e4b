"""Shadowing: makes and removes the Service of ours under a plain name in one member.

Nothing of a user's is changed or deleted: each write is bound to the version of which it is known whose it
was. Only what makes a Service go with its ServiceImport is taken off one that its user took over.
"""

from __future__ import annotations

from contextlib import suppress

from federation.kube.api import Api
from federation.kube.errors import NotFound
from federation.kube.merge import difference
from federation.kube.resources import Manifest
from mcs.locals import Locals
from mcs.names import FIELD_MANAGER, Service
from mcs.owned import SERVICE, decided
from mcs.resources import SERVICES
from mcs.shadows import handed_over, is_shadow, is_taken_over
from mcs.writing import Writer


class Shadowing:
    """Brings one member's Services under plain names to what is wanted."""

    def __init__(self, locals_: Locals, writer: Writer) -> None:
        self._locals, self._writer = locals_, writer

    async def bring(self, service: Service, sought: Manifest) -> None:
        """Make the shadow, or change it where it differs.

        :raises Conflict: somebody was faster, which the mirrors will tell
        """
        held = self._locals.services.get(service)
        if held is None:
            await self._writer.put(SERVICE, sought, None)
            return
        if not difference(SERVICE.held(held, sought), decided(sought)):
            return
        live = await self._locals.api.get(SERVICES, service[1], service[0])
        if not is_shadow(live) or "deletionTimestamp" in live["metadata"]:
            return
        if _can_become(live, sought):
            differs = difference(SERVICE.held(live, sought), decided(sought))
            self._locals.services.observe(await _patch(self._locals.api, live, differs))
        else:
            await delete_shadow(self._locals.api, live)
            await self._writer.put(SERVICE, sought, None)

    async def remove(self, service: Service) -> None:
        """Delete the shadow, if there is one; of a Service that was one, give up what is left of that."""
        held = self._locals.services.get(service)
        if held is None or not (is_shadow(held) or is_taken_over(held)):
            return
        api = self._locals.api
        with suppress(NotFound):
            live = await api.get(SERVICES, service[1], service[0])
            if is_shadow(live):
                await delete_shadow(api, live)
            elif is_taken_over(live):
                self._locals.services.observe(await hand_over(api, live))


async def delete_shadow(api: Api, live: Manifest) -> None:
    """Delete a Service, if it is still as it was."""
    metadata = live["metadata"]
    with suppress(NotFound):
        await api.delete(
            SERVICES,
            metadata["name"],
            metadata["namespace"],
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
        )


async def hand_over(api: Api, live: Manifest) -> Manifest:
    """Give up a Service that its user took over, if it is still as it was; return it."""
    return await _patch(api, live, {"metadata": handed_over(live)})


async def _patch(api: Api, live: Manifest, body: Manifest) -> Manifest:
    metadata = live["metadata"]
    version = {"resourceVersion": metadata["resourceVersion"]}
    bound = body | {"metadata": body.get("metadata", {}) | version}
    return await api.patch(SERVICES, metadata["name"], metadata["namespace"], bound, manager=FIELD_MANAGER)


def _can_become(live: Manifest, sought: Manifest) -> bool:
    """Whether a Service can be changed into another: with an IP or without, and its first family, stay."""
    before, after = (
        (spec.get("clusterIP") == "None", spec.get("ipFamilies", [])[:1])
        for spec in (live["spec"], sought["spec"])
    )
    return before == after
