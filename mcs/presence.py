"""Presence: writes the status of ServiceImports, which says that EndpointSlices are there where the member's
definition has a field for that (mcs-api v0.5.2).
"""

from __future__ import annotations

from federation.kube.errors import StatusError
from federation.kube.resources import Manifest
from mcs.owned import PRESENT, STATUS
from mcs.writing import Writer

_UNDECLARED = "endpointSliceObjects: field not declared"
"""What an API server answers to a server-side apply of a field that a definition does not have."""


class Presence:
    """Where the definition is of an earlier release, one refusal is enough: the field is not written again.

    If that is replaced later, the field comes when the agent begins anew.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._undeclared = False

    async def put(self, status: Manifest, live: Manifest) -> None:
        """Bring a ServiceImport's status to what is wanted, and have it say that EndpointSlices are there."""
        if not self._undeclared:
            try:
                await self._writer.put(STATUS, status | {"status": status["status"] | PRESENT}, live)
            except StatusError as error:
                if _UNDECLARED not in error.message:
                    raise
                self._undeclared = True
            else:
                return
        await self._writer.put(STATUS, status, live)
