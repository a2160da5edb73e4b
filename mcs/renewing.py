"""Renewing: an agent's sign of life, written to its cluster's Lease on the host.

One write says three things: that the agent reaches the host, when it reached its cluster last, and its word
(`mcs.words`): that all which the cluster exports is on the host.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from federation.kube.errors import Conflict, NotFound
from federation.kube.resources import Manifest
from federation.settings import Staleness
from mcs.names import FIELD_MANAGER, FRESH_TIME, SOURCE_CLUSTER, SOURCE_LEASE, WHOLE_TIME, host_namespace
from mcs.records import Records
from mcs.resources import LEASES

log = logging.getLogger(__name__)

_HOLDS = 4
"""The Lease is said to hold for so many renewals."""


class Renewing:
    """Reconciles a cluster's Lease: renews it, again and again for as long as the cluster is carried here.

    - `carried(cluster)`: whether this process speaks for it
    - `fresh(cluster)`: whether it reaches it: its mirrors are connected, and since a watch that is silent
      proves nothing, its API server answered a request lately
    - `whole(cluster)`: whether all that it exports is on the host, as far as this process was told
    """

    def __init__(
        self,
        records: Records,
        carried: Callable[[str], bool],
        fresh: Callable[[str], bool],
        whole: Callable[[str], bool],
        staleness: Staleness,
    ) -> None:
        self._records, self._api, self._leases = records, records.api, records.leases
        self._accepted = records.leases.accepted
        self._carried, self._fresh, self._whole, self._period = carried, fresh, whole, staleness.renew
        self._words: dict[str, str] = {}
        """By cluster, the word that was given last."""

    async def __call__(self, cluster: str) -> float | None:
        if not self._carried(cluster):
            self._accepted.pop(cluster, None)
            return None
        accepted = False
        try:
            await self._renew(cluster)
            accepted = True
        finally:
            self._accepted[cluster] = accepted
        return self._period

    async def _renew(self, cluster: str) -> None:
        lease, version = self._lease(cluster), self._leases.version(cluster)
        whole = version is not None and self._whole(cluster)
        if not (whole and await self._give_word(cluster, lease, version or "")):
            self._compare(cluster, await self._give_sign(cluster, lease))

    async def _give_word(self, cluster: str, lease: Manifest, version: str) -> bool:
        """Renew the Lease with a word if it is the one that the mirror has; return whether it is.

        A host that was restored has an older one. That may be found out here first: a broken watch can look
        like a quiet one for a while.
        """
        word, metadata = lease["spec"]["renewTime"], lease["metadata"]
        annotations = metadata["annotations"] | {WHOLE_TIME: word}
        said = lease | {"metadata": metadata | {"annotations": annotations, "resourceVersion": version}}
        try:
            await self._write(cluster, said)
        except (Conflict, NotFound):
            return False
        self._words[cluster] = word
        return True

    def _compare(self, cluster: str, lease: Manifest | None) -> None:
        """Where the Lease has another word than the one that was given last, the host's store was replaced.

        That is looked at with every sign: after it, the mirror has the Lease as it is now, and tells nothing.
        """
        word = self._words.get(cluster)
        if word is None or (lease is not None and _annotations(lease).get(WHOLE_TIME) == word):
            return
        del self._words[cluster]
        log.warning(
            "the host has an older Lease of cluster %s than it had: what that exports is compared anew",
            cluster, extra={"cluster": cluster},
        )  # fmt: skip
        self._records.relist()

    async def _give_sign(self, cluster: str, lease: Manifest) -> Manifest | None:
        """Renew the Lease; return it. A cluster that never exported has no namespace on the host for one, and
        nobody waits for it.
        """
        try:
            return await self._write(cluster, lease)
        except NotFound:
            with suppress(NotFound):
                answer = await self._api.create(LEASES, lease, manager=FIELD_MANAGER)
                self._leases.mirror.observe(answer)
                return answer
        return None

    async def _write(self, cluster: str, lease: Manifest) -> Manifest:
        namespace = host_namespace(cluster)
        answer = await self._api.patch(LEASES, SOURCE_LEASE, namespace, lease, manager=FIELD_MANAGER)
        self._leases.mirror.observe(answer)
        return answer

    def _lease(self, cluster: str) -> Manifest:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {
                "namespace": host_namespace(cluster),
                "name": SOURCE_LEASE,
                "labels": {SOURCE_CLUSTER: cluster},
                "annotations": {FRESH_TIME: now} if self._fresh(cluster) else {},
            },
            "spec": {
                "holderIdentity": cluster,
                "leaseDurationSeconds": math.ceil(_HOLDS * self._period),
                "renewTime": now,
            },
        }


def _annotations(lease: Manifest) -> dict[str, str]:
    return lease["metadata"].get("annotations") or {}
