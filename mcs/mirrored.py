"""What Records and Locals have in common: several mirrors that are carried, and waited for, together."""

from __future__ import annotations

import asyncio
from typing import Any

from federation.kube.informer import Informer


class Mirrored:
    """The mirrors of one API server; `run` carries them."""

    def __init__(self, *mirrors: Informer[Any]) -> None:
        self._mirrors = mirrors

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for mirror in self._mirrors:
                group.create_task(mirror.run(), name=f"mirror-{mirror.resource.plural}")

    async def synced(self) -> None:
        """Wait for the first list of each; a kind that is not served yet is waited for, too."""
        for mirror in self._mirrors:
            await mirror.synced.wait()

    def relist(self) -> None:
        """Have each listed anew."""
        for mirror in self._mirrors:
            mirror.relist()

    @property
    def listed(self) -> bool:
        """Whether the first list of each is here."""
        return all(mirror.synced.is_set() for mirror in self._mirrors)

    @property
    def connected(self) -> bool:
        """Whether all watches are open, so that what is not here is not there either."""
        return self.listed and all(mirror.connected for mirror in self._mirrors)
