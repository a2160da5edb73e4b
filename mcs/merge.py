"""What all clusters that export a name make of it together: the conflict policy of KEP-1645, pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.service import IPFamily, ServiceImportType, ServicePort, ServiceTraits
from mcs.api.service_set import ServiceSetSpec, SetCluster, SetPolicy
from mcs.conflicts import conflicts
from mcs.policy import as_wanted
from mcs.ports import united


def merged(
    exports: Iterable[ClusterExportSpec], before: ServiceSetSpec | None, policy: SetPolicy | None = None
) -> ServiceSetSpec | None:
    """Return what the exports of one namespace and name come to, or None if there is none.

    It does not depend on the order of `exports`. The revision grows by one when anything differs from
    `before`; if nothing does, `before` itself is returned.

    :param exports: one for each cluster; the same one may come twice
    :param policy: what is wanted on the host, which is not for the clusters to decide
    """
    said = _oldest_first(exports)
    ordered = [as_wanted(export, policy) for export in said]
    if not ordered:
        return None
    ports = united(ordered)
    service = _service(ordered, ports.used, before)
    found = ServiceSetSpec(
        namespace=ordered[0].namespace,
        name=ordered[0].name,
        revision=before.revision if before else 0,
        service=service,
        clusters=[
            _cluster(export, ports.excluded[export.cluster] + _left_out(whole, export))
            for whole, export in zip(said, ordered, strict=True)
        ],
        policy=policy,
        conflicts=conflicts(ordered, service),
    )
    return before if found == before else found.model_copy(update={"revision": found.revision + 1})


def _oldest_first(exports: Iterable[ClusterExportSpec]) -> list[ClusterExportSpec]:
    """Order by the time of the ServiceExport, then by cluster: API servers count in whole seconds, in UTC."""
    unique = {export.cluster: export for export in exports}
    return sorted(unique.values(), key=lambda export: (export.export_creation_timestamp, export.cluster))


def _cluster(export: ClusterExportSpec, excluded: list[str]) -> SetCluster:
    return SetCluster(
        name=export.cluster,
        export_creation_timestamp=export.export_creation_timestamp,
        excluded_ports=excluded,
    )


def _left_out(whole: ClusterExportSpec, used: ClusterExportSpec) -> list[str]:
    return [port.name for port in whole.service.ports if port not in used.service.ports]


def _service(
    ordered: Sequence[ClusterExportSpec], ports: list[ServicePort], before: ServiceSetSpec | None
) -> ServiceTraits:
    """Return what is imported; where the exports can't be combined, the oldest decides."""
    own = {"type": _type(ordered, before), "ports": ports, "ip_families": _ip_families(ordered)}
    return ServiceTraits.model_validate(dict(ordered[0].service) | own)


def _type(ordered: Sequence[ClusterExportSpec], before: ServiceSetSpec | None) -> ServiceImportType:
    """Return the oldest export's type, but keep the present one while anyone exports it.

    Otherwise callers would lose the IP whenever the oldest export goes; KEP-1645 lets a ServiceImport stay as
    it is then.
    """
    types = [export.service.type for export in ordered]
    return before.service.type if before and before.service.type in types else types[0]


def _ip_families(ordered: Sequence[ClusterExportSpec]) -> list[IPFamily]:
    """Return those that all have, in the order of the oldest.

    A cluster that has none of those that are left is passed over: it must not cut off the others.
    """
    common: list[IPFamily] = []
    for export in ordered:
        theirs = export.service.ip_families
        common = [family for family in common or theirs if family in theirs] or common
    return common
