"""Lease observer: which clusters gave a sign of life lately, as this process sees it.

Leases change all the time; nobody is told of that, only when a cluster is given up or believed again. That
comes with time alone, so there is one timer for all.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from federation.kube.api import Api
from federation.kube.errors import ApiError, NotFound
from federation.kube.informer import Informer
from federation.kube.resources import Key, Manifest
from federation.settings import Staleness
from mcs.liveness import Beat, Liveness, State
from mcs.names import FRESH_TIME, SOURCE_CLUSTER, SOURCE_LEASE, WHOLE_TIME, host_namespace
from mcs.resources import LEASES

log = logging.getLogger(__name__)

_QUIET = 2
"""For so many renewals nothing may come by the watch before the host is asked whether it is there."""


class _Lease(NamedTuple):
    cluster: str
    beat: Beat
    word: str
    """Changes as long as the agent of the cluster knows that all of its exports are on the host."""
    version: str


class LeaseObserver:
    """Mirrors the Leases and judges by them; `run` carries it.

    - `mirror`: the Leases
    - `accepted`: of the clusters whose Leases this process renews itself, whether the last try went well.
      Who can't write to the host does not judge others: nobody else may be able to, either
    - `withdrawals`: how often each cluster was given up

    :param changed: `changed(cluster)` is called when a cluster is given up, or is so no more
    :param synced: whether all that a cluster exports is on the host
    :param given: `given(cluster)` is called when an agent says again that it is
    """

    def __init__(
        self,
        api: Api,
        staleness: Staleness,
        changed: Callable[[str], None],
        synced: Callable[[str], bool],
        given: Callable[[str], None],
    ) -> None:
        self.api, self._staleness, self._changed, self._synced = api, staleness, changed, synced
        self._given = given
        self._words: dict[str, str] = {}
        self._liveness = Liveness(staleness)
        self._clusters: dict[Key, str] = {}
        self.mirror: Informer[_Lease] = Informer(
            api,
            LEASES,
            _parsed,
            self._lease_changed,
            selector={"labelSelector": SOURCE_CLUSTER, "fieldSelector": f"metadata.name={SOURCE_LEASE}"},
        )
        self._heard = -math.inf
        self.accepted: dict[str, bool] = {}
        self.withdrawals: Counter[str] = Counter()

    def state(self, cluster: str) -> State | None:
        """Return what is held of a cluster; None of one without a Lease, which is never stale."""
        return self._liveness.state(cluster)

    def states(self) -> dict[str, State]:
        return self._liveness.states()

    def version(self, cluster: str) -> str | None:
        """Return the resourceVersion of a cluster's Lease; None while there is none."""
        lease = self.mirror.get((host_namespace(cluster), SOURCE_LEASE))
        return lease.version if lease else None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.mirror.run(), name="mirror-leases")
            while True:
                await self._look()
                await asyncio.sleep(self._staleness.grace / 4)

    async def _look(self) -> None:
        in_touch, now = await self._in_touch(), _now()
        self._liveness.looked(now, connected=in_touch)
        for cluster in self._liveness.suspects(now):
            if not await self._is_silent(cluster):
                continue
            log.warning(
                "cluster %s gives no sign of life, or its API server does not answer: its endpoints are left "
                "out until it does; see `kubectl get cluster %s` on the host",
                cluster, cluster, extra={"cluster": cluster},
            )  # fmt: skip
            self._liveness.give_up(cluster)
            self.withdrawals[cluster] += 1
            self._changed(cluster)
        for cluster in self._liveness.proven(now):
            if self._synced(cluster):
                was_stale = self.state(cluster) is State.STALE
                self._liveness.believe(cluster)
                if was_stale:
                    log.info("cluster %s gives signs of life again", cluster, extra={"cluster": cluster})
                    self._changed(cluster)

    async def _in_touch(self) -> bool:
        """Whether the host is in reach: a watch by which nothing comes any more may be torn."""
        if not self._connected:
            return False
        one = next(iter(self._clusters.values()), None)
        if one is None or _now() - self._heard <= _QUIET * self._staleness.renew:
            return True
        return await self._ask(one)

    async def _is_silent(self, cluster: str) -> bool:
        """Ask the host itself before a cluster is given up: a watch may be late."""
        unwritten = self.accepted.get(cluster) is False  # by us, which says nothing of the cluster
        if unwritten or self._heard == -math.inf:
            return False
        return await self._ask(cluster) and cluster in self._liveness.suspects(_now())

    async def _ask(self, cluster: str) -> bool:
        """Read a cluster's Lease; return whether it came soon. Else it is us who are cut off."""
        try:
            async with asyncio.timeout(self._staleness.grace):
                self.mirror.observe(await self.api.get(LEASES, SOURCE_LEASE, host_namespace(cluster)))
        except NotFound:
            return False  # the watch will say so; nothing follows from what is missing
        except (ApiError, TimeoutError):
            self._heard = -math.inf
            return False
        self._heard = _now()
        return True

    @property
    def _connected(self) -> bool:
        writes = any(self.accepted.values()) or not self.accepted
        return writes and self.mirror.connected and self.mirror.synced.is_set()

    def _lease_changed(self, key: Key) -> None:
        """What a cluster says counts only in that cluster's own namespace."""
        self._heard = _now()
        lease = self.mirror.get(key)
        at_home = lease is not None and key[0] == host_namespace(lease.cluster)
        if lease is not None and at_home:
            self._clusters[key] = lease.cluster
            self._liveness.saw(lease.cluster, lease.beat, _now())
            self._hear(lease)
        elif (cluster := self._clusters.pop(key, None)) is not None:
            was_stale = self.state(cluster) is State.STALE
            self._liveness.lost(cluster)
            self._words.pop(cluster, None)
            if was_stale:
                self._changed(cluster)

    def _hear(self, lease: _Lease) -> None:
        """A word that a list shows may have been given to an older host."""
        before = self._words.get(lease.cluster, "")
        self._words[lease.cluster] = lease.word
        if lease.word != before and not self.mirror.listing:
            self._given(lease.cluster)


def _parsed(lease: Manifest) -> _Lease:
    metadata = lease["metadata"]
    annotations = metadata.get("annotations") or {}
    beat = Beat((lease.get("spec") or {}).get("renewTime", ""), annotations.get(FRESH_TIME, ""))
    word = annotations.get(WHOLE_TIME, "")
    return _Lease(metadata["labels"][SOURCE_CLUSTER], beat, word, metadata["resourceVersion"])


def _now() -> float:
    return asyncio.get_running_loop().time()
