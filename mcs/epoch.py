"""Epoch: the time from an exporter's start to its end, and its SourceState on the host (E7)."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable

from federation.kube.errors import ApiError
from federation.kube.resources import Manifest
from federation.kube.workqueue import Backoff
from federation.settings import NAMESPACE
from mcs.api.source_state import SourceState, SourceStateSpec
from mcs.locals import Locals
from mcs.names import FIELD_MANAGER, Service
from mcs.records import Records
from mcs.resources import SOURCE_STATES
from policies.api.meta import API_VERSION

log = logging.getLogger(__name__)

_AGAIN = Backoff(0.25, 30.0)
_UNTIL_CONNECTED = 0.1
"""Seconds until the next look while the host's watches are broken."""


class Epoch:
    """Says on the host whether all that a cluster exports is there.

    - `begun`: the mirrors are whole, so exports may be told from what is missing
    """

    def __init__(self, cluster: str, locals_: Locals, records: Records, *, shortest: float = 1.0) -> None:
        """`shortest`: the seconds that one lasts at least, so that two exporters of one cluster, running by
        mistake, do not race.
        """
        self._cluster, self._locals, self._records = cluster, locals_, records
        self._shortest = shortest
        self._said = SourceStateSpec(cluster=cluster)
        self._owed: set[Service] = set()
        self._changed = asyncio.Event()
        self._checked = 0
        """The list of the host (`Words.lists`) on which all was looked at last."""
        self.begun = False

    async def run(self, look: Callable[[Service], None]) -> None:
        """Announce an epoch, have all names looked at, say when all went well; only cancellation ends it.

        Another epoch begins where the SourceState is not as it was left: the host's store was replaced, and
        what was exported may be missing there. An older store of the same epoch looks the same in that, so
        all names are looked at again, too, whenever the host was listed anew.

        :param look: has the exporter reconcile a Service
        """
        self._records.words.doubting.add(self.changed)
        try:
            while True:
                epoch = str(uuid.uuid4())
                await self._announce(epoch, synced=False)
                await self._locals.synced()
                await self._records.synced()
                await self._bring_all(look)
                if self._stands():  # then all is settled
                    await self._announce(epoch, synced=True)
                    self._give_word()
                await asyncio.sleep(self._shortest)
                await self._replaced(look)
        finally:
            self._records.words.doubting.discard(self.changed)

    @property
    def whole(self) -> bool:
        """Whether all that the cluster exports is known to be on the host as it is now."""
        listed = self._checked == self._records.words.lists
        return listed and self._said.synced and self._stands() and self._records.connected

    def settled(self, service: Service) -> None:
        """All that the cluster exports under a name is on the host, and nothing else."""
        self._owed.discard(service)
        if not self._owed:
            self._changed.set()

    def changed(self) -> None:
        """The cluster's SourceState did, or the host is listed anew."""
        self._changed.set()

    async def _bring_all(self, look: Callable[[Service], None]) -> None:
        """Have all names looked at, and settled, with mirrors that are of one and the same host.

        It ends before that where the SourceState is not as it was left.
        """
        self._checked, words = -1, self._records.words
        while self._checked != words.lists and self._stands():
            if not self._records.connected:
                await asyncio.sleep(_UNTIL_CONNECTED)
                continue
            lists = words.lists
            self._begin(look)
            while self._owed and lists == words.lists and self._stands():
                self._changed.clear()
                await self._changed.wait()
            if not self._owed:
                self._checked = lists

    def _give_word(self) -> None:
        """Say it to those who go by the very mirrors; the others hear it by the Lease."""
        if self.whole:
            self._records.words.give(self._cluster)

    def _begin(self, look: Callable[[Service], None]) -> None:
        self.begun = True
        wanted = self._records.policies.keys()
        self._owed = {*self._locals.exports.keys(), *self._records.exported_by(self._cluster), *wanted}
        for service in self._owed:
            look(service)

    def _stands(self) -> bool:
        """Whether what was said last is on the host."""
        found = self._records.source(self._cluster)
        return found is not None and found.spec == self._said

    def _left(self) -> bool:
        found = self._records.source(self._cluster)
        return found is not None and found.spec.left

    async def _replaced(self, look: Callable[[Service], None]) -> None:
        while self._stands() or self._left():  # that it left is said by those who end this exporter
            if self._checked != self._records.words.lists and not self._left():
                await self._bring_all(look)
                self._give_word()
                continue
            self._changed.clear()
            await self._changed.wait()

    async def _announce(self, epoch: str, *, synced: bool) -> None:
        spec = SourceStateSpec(cluster=self._cluster, epoch=epoch, synced=synced, left=False)
        failures = 0
        while True:
            try:
                answer = await self._records.api.apply(SOURCE_STATES, _manifest(spec), manager=FIELD_MANAGER)
            except ApiError as error:
                failures += 1
                delay = max(error.pause, _AGAIN.seconds(failures))
                fields = {"cluster": self._cluster, "delay": delay}
                log.warning("SourceState %s: %s (again in %.1f s)", self._cluster, error, delay, extra=fields)
                await asyncio.sleep(delay)
            else:
                self._said = spec
                self._records.sources.observe(answer)
                return


def _manifest(spec: SourceStateSpec) -> Manifest:
    return {
        "apiVersion": API_VERSION,
        "kind": SourceState.__name__,
        "metadata": {"namespace": NAMESPACE, "name": spec.cluster},
        "spec": spec.dump(),
    }
