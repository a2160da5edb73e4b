"""What is known of one Service when a change is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.service import ServiceTraits
from mcs.exporting import traits_of
from mcs.names import Service
from policies.api.meta import Manifest


class Facts(NamedTuple):
    """What clusters have under one name, and what of it comes from the host."""

    service: Service
    exports: tuple[ClusterExportSpec, ...] = ()
    """What clusters export now."""
    served: frozenset[str] = frozenset()
    """The clusters that have, or are to have, their Service from the host."""
    exporting: frozenset[str] = frozenset()
    """The clusters that have, or are to have, their ServiceExport from the host."""
    importers: tuple[str, ...] = ()
    """The clusters that have a ServiceImport, as far as they are connected."""
    endpoints: int = 0
    """How many endpoints are exported."""

    @property
    def exporters(self) -> list[str]:
        return sorted(export.cluster for export in self.exports)

    @property
    def touched(self) -> list[str]:
        """The clusters whose export is of the Service that the host has."""
        return [cluster for cluster in self.exporters if cluster in self.served]


def prospect(facts: Facts, rendered: Mapping[str, Manifest | None], now: str) -> list[ClusterExportSpec]:
    """Return what clusters would export with a Service as it is rendered for each.

    One that exports already goes on to do so, as long as the Service can be exported; one that is to have
    Service and ServiceExport from the host joins them, with an export that is as old as `now`.

    :param rendered: by cluster that has its Service from the host; None where it can't be rendered
    """
    return list(_prospect(facts, rendered, now))


def _prospect(facts: Facts, rendered: Mapping[str, Manifest | None], now: str) -> Iterator[ClusterExportSpec]:
    by_cluster = {export.cluster: export for export in facts.exports}
    for cluster in sorted({*by_cluster, *(facts.exporting & rendered.keys())}):
        present, manifest = by_cluster.get(cluster), rendered.get(cluster)
        if manifest is None:
            if present is not None:
                yield present
        elif manifest["spec"].get("type") != "ExternalName":
            yield _export(facts, cluster, present, manifest, now)


def _export(
    facts: Facts, cluster: str, present: ClusterExportSpec | None, manifest: Manifest, now: str
) -> ClusterExportSpec:
    said = traits_of(manifest["spec"], _NO_EXPORT)
    like = present or min(facts.exports, key=lambda each: each.export_creation_timestamp, default=None)
    return ClusterExportSpec(
        cluster=cluster,
        namespace=facts.service[0],
        name=facts.service[1],
        export_creation_timestamp=present.export_creation_timestamp if present else now,
        service=said if like is None else _as(said, like.service),
    )


_NO_EXPORT: Manifest = {"metadata": {}}
_OWN = ("labels", "annotations", "ip_families", "mode", "adopt_existing", "locality")


def _as(said: ServiceTraits, like: ServiceTraits) -> ServiceTraits:
    """Fill in what the host's Service does not say: its cluster does, or its ServiceExport."""
    families = said.ip_families or like.ip_families
    own = like.model_copy(update={"ip_families": families})
    return said.model_copy(update={name: getattr(own, name) for name in _OWN})
