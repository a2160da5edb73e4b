"""What all clusters that export a name make of it together: the conflict policy of KEP-1645, pure."""

from __future__ import annotations

from collections.abc import Iterable

from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.service_set import ServiceSetSpec


def merged(exports: Iterable[ClusterExportSpec], before: ServiceSetSpec | None) -> ServiceSetSpec | None:
    """Return what the exports of one namespace and name come to, or None if there is none.

    It does not depend on the order of `exports`. The revision grows by one when anything differs from
    `before`; if nothing does, `before` itself is returned.
    """
    raise NotImplementedError
