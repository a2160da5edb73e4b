"""Deriving: makes the Service that has the IP of a ServiceImport in one member (M4 of the design)."""

from __future__ import annotations

from federation.kube.errors import Forbidden, Invalid, StatusError
from federation.kube.resources import Manifest
from mcs.api import ServiceSet
from mcs.belonging import is_marked, owned, owner_uids, same_first_family
from mcs.families import Families
from mcs.importing import Import, key_of
from mcs.locals import Locals
from mcs.owned import SERVICE
from mcs.readiness import IMPORTED, Readiness, name_taken, no_common_family, refused
from mcs.resources import SERVICES
from mcs.writing import Writer


class Deriving:
    """Brings one member's derived Services to what is wanted; one of somebody else's stays as it is."""

    def __init__(self, locals_: Locals, writer: Writer, families: Families) -> None:
        self._locals, self._writer, self._families = locals_, writer, families

    async def bring(
        self, found: ServiceSet, plan: Import, owner: Manifest
    ) -> tuple[Manifest | None, Readiness, StatusError | None]:
        """Bring the derived Service to what it should be.

        Return it if callers can use it, what that means for the ServiceImport, and why it is not as it should
        be.
        """
        service, live = key_of(found.spec), self._locals.derived(key_of(found.spec))
        ours = live is not None and (is_marked(live) or owner["uid"] in owner_uids(live))
        sought = plan.derived
        if live is not None and ours and (sought is None or not same_first_family(live, sought)):
            await self._writer.delete(SERVICES, service[0], live["metadata"])
            live = None
        if not plan.families:
            return None, no_common_family(found.spec, await self._families()), None
        if sought is None:
            return None, IMPORTED, None
        if live is not None and not ours:
            return None, name_taken(found.spec), None
        try:
            return await self._writer.put(SERVICE, owned(sought, owner), live), IMPORTED, None
        except (Forbidden, Invalid) as error:
            if error.cause == "NamespaceTerminating":
                raise
            return live, refused(found.spec, error.message), error
