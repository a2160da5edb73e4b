"""Keep discovery fresh: look again when a CustomResourceDefinition changes, and at times."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from .api import Api
from .discovery import Discovery
from .errors import ApiError, NotServed, TooManyRequests
from .informer import Informer
from .resources import Manifest, Resource

log = logging.getLogger(__name__)

CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False)
PERIOD = 60.0  # aggregated API servers come and go without a CRD
SETTLING, SETTLING_PERIOD = 15.0, 0.5  # a CRD is served a moment after its last change
LATE, LATE_PERIOD = 600.0, 5.0  # on a busy server the moment may be long


async def answers(api: Api, kind: Resource) -> bool:
    """Whether lists of a kind are answered: a CRD takes a moment after it is stored."""
    try:
        await api.latest(kind)
    except (NotServed, TooManyRequests):  # its watch cache is there a little later than the type
        return False
    return True


class Served:
    """The types one API server serves. `changed()` is called after they did; `run` carries it, for ever."""

    def __init__(self, api: Api, discovery: Discovery, changed: Callable[[], None]) -> None:
        self._discovery, self._changed = discovery, changed
        self._definitions: Informer[str] = Informer(
            api, CRDS, _version, lambda key: self._look(), metadata_only=True
        )
        self._now = asyncio.Event()
        self._changed_at = -LATE

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._definitions.run())
            while True:
                await self._refresh()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._period()):
                        await self._now.wait()
                self._now.clear()

    def _look(self) -> None:
        if self._definitions.synced.is_set():
            self._changed_at = asyncio.get_running_loop().time()
            self._now.set()

    def _period(self) -> float:
        """Seconds until the next look; sooner while what a CRD defines is not served yet."""
        since = asyncio.get_running_loop().time() - self._changed_at
        if since < SETTLING:
            return SETTLING_PERIOD
        return LATE_PERIOD if since < LATE and self._lacking() else PERIOD

    def _lacking(self) -> bool:
        names = (name.partition(".") for _, name in self._definitions.keys())
        return any(not self._discovery.serves(group, plural) for plural, _, group in names)

    async def _refresh(self) -> None:
        before = self._discovery.served()
        self._discovery.invalidate()
        try:
            await self._discovery.refresh()
        except ApiError as error:
            log.warning("discovery: %s", error)
        if self._discovery.served() != before:
            self._changed()


def _version(manifest: Manifest) -> str:
    return str(manifest["metadata"]["resourceVersion"])
