"""What Atoll wrote to a member in a namespace, from two sides: watch events, and what the API server counts.

A watch shows each content that was stored, but no apply that changed nothing. The API server counts every
apply, but can't say of what. Together they tell whether anything was written twice.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from e2e.beside import beside
from federation.kube.resources import Manifest, Resource
from policies.copies import DIGEST_ANNOTATION
from tests.federated import Cluster

Content = tuple[str, str]
"""UID and digest: one object with one content."""


class Ledger:
    """One member's. `written(total)` is called after each write that a watch has shown."""

    def __init__(
        self, member: Cluster, resources: Sequence[Resource], written: Callable[[int], None]
    ) -> None:
        self._member, self._resources, self._written = member, resources, written
        self._counted = 0
        self.contents: list[Content] = []
        """In the order of the watch."""
        self._last: dict[str, str] = {}

    async def applies(self) -> int:
        """How many applies were answered with success since the ledger was opened.

        One whose sender was killed meanwhile may be stored and not counted.
        """
        return await self._count() - self._counted

    async def open(self) -> None:
        self._counted = await self._count()

    async def follow(self, resource: Resource, namespace: str, resource_version: str) -> None:
        """Note what a watch shows, until cancelled."""
        watching = self._member.api.watch(resource, resource_version, namespace=namespace, metadata_only=True)
        async with watching as events:
            async for event in events:
                if event.type in ("ADDED", "MODIFIED"):
                    self._note(event.manifest["metadata"])

    def _note(self, metadata: Manifest) -> None:
        digest = metadata.get("annotations", {}).get(DIGEST_ANNOTATION)
        if digest is not None and self._last.get(metadata["uid"]) != digest:
            self._last[metadata["uid"]] = digest
            self.contents.append((metadata["uid"], digest))
            self._written(len(self.contents))

    async def _count(self) -> int:
        plurals = "|".join(resource.plural for resource in self._resources)
        done = re.compile(rf'code="20[01]".*resource="({plurals})".*verb="APPLY"')
        lines = (await self._member.api.text("/metrics")).splitlines()
        counts = [line for line in lines if line.startswith("apiserver_request_total{") and done.search(line)]
        return sum(int(float(line.rpartition(" ")[2])) for line in counts)


@asynccontextmanager
async def kept(
    member: Cluster,
    resources: Sequence[Resource],
    namespace: str,
    written: Callable[[int], None] = lambda total: None,
) -> AsyncIterator[Ledger]:
    """Keep a ledger of a member for the time of a block."""
    ledger = Ledger(member, resources, written)
    await ledger.open()
    versions = [await member.api.latest(resource) for resource in resources]
    following = [
        ledger.follow(resource, namespace, version)
        for resource, version in zip(resources, versions, strict=True)
    ]
    async with beside(*following):
        yield ledger
