"""Writes as the API servers count them themselves: `apiserver_request_total`, refused requests included."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from typing import NamedTuple

from bench.fleet import HOST, Fleet
from federation.kube.api import Api

_VERBS = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"})
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_METRIC = "apiserver_request_total{"


class Write(NamedTuple):
    """A kind of write."""

    verb: str
    resource: str
    """With its subresource: deployments/status."""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


Writes = Counter[Write]


async def read(api: Api) -> Writes:
    """Read the counts of one API server since it started; what it writes to itself is in them."""
    writes: Writes = Counter()
    for line in (await api.text("/metrics")).splitlines():
        if not line.startswith(_METRIC):
            continue
        labels = dict(_LABEL.findall(line))
        if labels["verb"] in _VERBS and not labels["dry_run"]:
            resource = "/".join(filter(None, (labels["resource"], labels["subresource"])))
            writes[Write(labels["verb"], resource)] += int(float(line.rpartition(" ")[2]))
    return writes


def without_leases(writes: Writes) -> Writes:
    return Counter({write: count for write, count in writes.items() if write.resource != "leases"})


class Ledger:
    """Counts of all API servers of a fleet from one moment to the next."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._before: dict[str, Writes] = {}

    async def open(self) -> None:
        self._before = await self._read()

    async def close(self) -> dict[str, Writes]:
        """Return by cluster what was written since `open`, leases included."""
        return {name: writes - self._before[name] for name, writes in (await self._read()).items()}

    async def settle(self, quiet: float, deadline: float = 120.0) -> None:
        """Wait until nothing but leases was written anywhere for `quiet` seconds.

        :raises RuntimeError: it never is quiet
        """
        last, since, until = await self._total(), time.monotonic(), time.monotonic() + deadline
        while time.monotonic() - since < quiet:
            await asyncio.sleep(min(0.5, quiet))
            if (now := await self._total()) != last:
                last, since = now, time.monotonic()
            if time.monotonic() > until:
                raise RuntimeError(f"writes did not end within {deadline:.0f} s")

    async def _total(self) -> int:
        return sum(without_leases(writes).total() for writes in (await self._read()).values())

    async def _read(self) -> dict[str, Writes]:
        names = list(self._fleet.apis)
        return dict(zip(names, await asyncio.gather(*map(read, self._fleet.apis.values())), strict=True))


class Bill(NamedTuple):
    """The writes of one scenario, the user's own and leases taken out."""

    host: Writes
    members: dict[str, Writes]
    leases: int

    @classmethod
    def of(cls, written: dict[str, Writes], own: Writes) -> Bill:
        """Take out the user's `own` writes to the host."""
        leases = sum(writes.total() - without_leases(writes).total() for writes in written.values())
        cleared = {name: without_leases(writes) for name, writes in written.items()}
        return cls(cleared.pop(HOST) - own, cleared, leases)
