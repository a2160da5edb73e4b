"""What a member exports of a Service: pure. Rules of KEP-1645; the numbers E1 to E8 are the design's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mcs.api.cluster_export import ClusterExportSpec
from mcs.names import Service
from mcs.slices import Slice
from policies.api.meta import Manifest
from policies.verdicts import Verdict


class Export(NamedTuple):
    """What is to be on the host for one Service of one cluster."""

    valid: Verdict | None
    """Why or why not, as the condition Valid says it; None where there is no ServiceExport to say it on."""
    spec: ClusterExportSpec | None
    """The ClusterExport's; None: nothing is exported."""
    slices: dict[str, Manifest]
    """Content (`mcs.slices`) by the name that a slice is to have on the host."""


def exported(
    cluster: str,
    service: Service,
    export: Manifest | None,
    live: Manifest | None,
    endpoints: Mapping[str, Slice],
) -> Export:
    """Decide what a cluster exports.

    :param export: its ServiceExport, if there is one
    :param live: its Service, if there is one
    :param endpoints: the Service's EndpointSlices by name, ours aside
    """
    raise NotImplementedError
