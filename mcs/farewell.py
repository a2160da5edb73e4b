"""Farewell: what is taken back in a member that leaves the federation.

Its agent must have ended: what that wrote meanwhile would stay. Nothing is mirrored here; the member's own
server is asked, once for each look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from federation.kube.api import Api
from federation.kube.errors import NotFound, NotServed
from federation.kube.resources import Manifest, Resource, Selector
from mcs.conditions import CONFLICT, READY, VALID
from mcs.install import withdraw
from mcs.names import (
    CONTROLLER,
    FIELD_MANAGER,
    IMPORTED_BY,
    MANAGED_BY,
    REQUESTED,
    SERVICE_NAMESPACE,
)
from mcs.owned import NATIVE_NAME_READY, SOURCES_AVAILABLE
from mcs.resources import ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICE_IMPORTS, SERVICES
from mcs.shadowing import delete_shadow, hand_over
from mcs.shadows import is_shadow, is_taken_over
from policies.api.cluster import Removal

_MARKED: Selector = {"labelSelector": f"{IMPORTED_BY}={CONTROLLER}"}
_IMPORTED: dict[Resource, Selector] = {
    # Copies for the host, there if the host is a member itself, are not the member's.
    ENDPOINT_SLICES: {"labelSelector": f"{MANAGED_BY}={CONTROLLER},!{SERVICE_NAMESPACE}"},
    SERVICES: _MARKED,
    SERVICE_IMPORTS: _MARKED,
}
"""What imports consist of."""
_CONDITIONS = {VALID, READY, CONFLICT, NATIVE_NAME_READY, SOURCES_AVAILABLE}

_Act = Callable[[Manifest], Coroutine[Any, Any, bool]]


async def take_leave(member: Api, removal: Removal) -> str:
    """Take back what the agent said and wrote; done again, it changes nothing.

    Nobody keeps conditions true any more, so they go, and the ClusterProperties. Imports are deleted, or with
    `Keep` left to their callers as they are.

    :return: what a finalizer still holds, for people; empty if all is done
    :raises ApiError: something could not be done; the rest may not be either
    """
    await _each(member, SERVICE_EXPORTS, {}, lambda found: _unsay(member, SERVICE_EXPORTS, found))
    if removal == "Keep":
        await _each(member, SERVICE_IMPORTS, _MARKED, lambda found: _unsay(member, SERVICE_IMPORTS, found))
        held = []
    else:
        await _delete_all(member, SERVICE_EXPORTS, {"labelSelector": f"{REQUESTED}=true"})
        await _each(member, SERVICES, {}, lambda found: _give_up(member, found))
        held = [
            f"{count} of kind {resource.kind}"
            for resource, selector in _IMPORTED.items()
            if (count := await _delete_all(member, resource, selector))
        ]
    await withdraw(member)
    return f"finalizers hold what was imported: {', '.join(held)}" if held else ""


async def _delete_all(member: Api, resource: Resource, selector: Selector) -> int:
    """Delete what is selected; return how many stay for a finalizer."""

    async def delete(found: Manifest) -> bool:
        metadata = found["metadata"]
        with suppress(NotFound):
            answer = await member.delete(
                resource, metadata["name"], metadata["namespace"], uid=metadata["uid"]
            )
            return bool(answer["kind"] != "Status")
        return False

    return await _each(member, resource, selector, delete, metadata_only=True)


async def _give_up(member: Api, found: Manifest) -> bool:
    """Delete a Service that was made under a plain name; one that its user took over outlives the import."""
    if is_shadow(found):
        await delete_shadow(member, found)
    elif is_taken_over(found):
        await hand_over(member, found)
    else:
        return False
    return True


async def _unsay(member: Api, resource: Resource, found: Manifest) -> bool:
    """Remove the conditions that were ours from a status; say that there were some."""
    metadata, conditions = found["metadata"], found.get("status", {}).get("conditions") or []
    kept = [each for each in conditions if each["type"] not in _CONDITIONS]
    if kept == conditions:
        return False
    body = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": {"conditions": kept}}
    with suppress(NotFound):
        await member.patch(
            resource, metadata["name"], metadata["namespace"], body,
            manager=FIELD_MANAGER, subresource="status",
        )  # fmt: skip
    return True


async def _each(
    member: Api, resource: Resource, selector: Selector, act: _Act, *, metadata_only: bool = False
) -> int:
    """Act on all that is selected, a page at a time; return for how many it was true."""
    count = 0
    with suppress(NotServed):  # then nothing of the kind was ever written
        async for page in member.list(resource, selector=selector, metadata_only=metadata_only):
            answers = await asyncio.gather(*map(act, page.items), return_exceptions=True)
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
                count += answer
    return count
