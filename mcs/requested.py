"""Requested: the ServiceExports that a member has because a MultiClusterService on the host asks for them.

One that a user made is never touched. One of ours goes when the MultiClusterService is there and does not ask
for it any more, or was seen to be deleted: a host that lost it asks for nothing, and takes nothing back.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from federation.kube.errors import Forbidden, Invalid, NotFound
from federation.kube.resources import Manifest
from mcs.exporting import is_requested
from mcs.locals import Locals
from mcs.names import FIELD_MANAGER, REQUESTED, Service
from mcs.policy import asks_for_export
from mcs.records import Records
from mcs.resources import SERVICE_EXPORTS

log = logging.getLogger(__name__)


class Requested:
    """Makes and removes the ServiceExports of one member."""

    def __init__(self, cluster: str, locals_: Locals, records: Records) -> None:
        self._cluster, self._locals, self._records = cluster, locals_, records

    def is_due(self, service: Service, export: Manifest | None) -> bool:
        """Whether a ServiceExport is to be made or removed."""
        wanted, labels = self._records.wanted(service), self._records.labels_of(self._cluster)
        if labels is None:
            return False  # it left, or the host does not know its clusters yet
        if wanted is not None and asks_for_export(wanted, self._cluster, labels):
            return export is None and bool(self._locals.namespaces.get(("", service[0])))
        ended = wanted is not None or service in self._records.ended
        return ended and export is not None and is_requested(export)

    async def bring(self, service: Service, export: Manifest | None) -> Manifest | None:
        """Make what is due where there is no ServiceExport, else remove that; return what is there then.

        A cluster that refuses it is not to be held up in what it exports otherwise.
        """
        api = self._locals.api
        try:
            if export is None:
                export = await api.create(SERVICE_EXPORTS, _manifest(service), manager=FIELD_MANAGER)
                self._locals.exports.observe(export)
                return export
            with suppress(NotFound):
                await api.delete(SERVICE_EXPORTS, service[1], service[0], uid=export["metadata"]["uid"])
            return None
        except (Forbidden, Invalid) as error:
            where = {"key": "/".join(service), "cluster": self._cluster}
            log.warning(
                "serviceexports %s/%s: cluster %s refused what its MultiClusterService asks for: %s",
                *service, self._cluster, error, extra=where,
            )  # fmt: skip
            return export


def _manifest(service: Service) -> Manifest:
    return {
        "apiVersion": SERVICE_EXPORTS.api_version,
        "kind": SERVICE_EXPORTS.kind,
        "metadata": {"namespace": service[0], "name": service[1], "labels": {REQUESTED: "true"}},
    }
