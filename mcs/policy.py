"""What a MultiClusterService comes to: which clusters it selects, what it says of the Service, and how it
stands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.multi_cluster_service import (
    ClusterSelection,
    ExportingCluster,
    MultiClusterService,
    MultiClusterServiceStatus,
)
from mcs.api.service_set import SetPolicy
from mcs.preference import normalized
from policies.observation import Stamp, Status, condition
from policies.selectors import matches_labels
from policies.verdicts import Verdict

READY = "Ready"
_NAMED = 5
"""How many clusters a message names."""
Labels = Mapping[str, str]


def selects(selection: ClusterSelection, cluster: str, labels: Labels) -> bool:
    """Whether a cluster meets all terms that are given and is not excluded."""
    if cluster in selection.exclude or (selection.cluster_names and cluster not in selection.cluster_names):
        return False
    return selection.label_selector is None or matches_labels(selection.label_selector, labels)


def is_deleted(wanted: MultiClusterService) -> bool:
    return wanted.metadata.deletion_timestamp is not None


def asks_for_export(wanted: MultiClusterService, cluster: str, labels: Labels) -> bool:
    """Whether a cluster is to have a ServiceExport."""
    selection = None if is_deleted(wanted) else wanted.spec.export_from
    return selection is not None and selects(selection, cluster, labels)


def set_policy(wanted: MultiClusterService, clusters: Mapping[str, Labels]) -> SetPolicy | None:
    """Return what is wanted of a Service, by names; None where nothing is any more.

    :param clusters: the labels of each
    """
    if is_deleted(wanted):
        return None
    spec = wanted.spec
    import_to = (
        None
        if spec.import_to is None
        else sorted(name for name, labels in clusters.items() if selects(spec.import_to, name, labels))
    )
    return SetPolicy(
        mode=spec.mode,
        adopt_existing=spec.adopt_existing,
        locality=normalized(spec.locality),
        import_to=import_to,
        ports=[port.name for port in spec.ports] or None,
        keep_last=spec.staleness.keep_last,
    )


def as_wanted(export: ClusterExportSpec, policy: SetPolicy | None) -> ClusterExportSpec:
    """Return an export as if its cluster had said what is wanted on the host."""
    if policy is None:
        return export
    service = export.service
    ports = [port for port in service.ports if policy.ports is None or port.name in policy.ports]
    said = {
        "mode": policy.mode,
        "adopt_existing": policy.adopt_existing,
        "locality": policy.locality,
        "ports": ports,
    }
    return export.model_copy(update={"service": service.model_copy(update=said)})


def imports(policy: SetPolicy | None, cluster: str) -> bool:
    """Whether a cluster is to import the Service."""
    return policy is None or policy.import_to is None or cluster in policy.import_to


def status(
    wanted: MultiClusterService,
    clusters: Mapping[str, Labels],
    exports: Iterable[ClusterExportSpec],
    now: str,
) -> MultiClusterServiceStatus:
    """Return how a MultiClusterService stands; equal to what it has if that is so.

    :param clusters: the labels of each
    :param exports: of the Service
    :param now: in RFC 3339, for what changes its status
    """
    exporting = {export.cluster for export in exports}
    asked = {name for name, labels in clusters.items() if asks_for_export(wanted, name, labels)}
    missing = sorted(asked - exporting)
    verdict = _verdict(wanted, asked, exporting, missing)
    stamp = Stamp(wanted.metadata.generation, now)
    ready: Status = "True" if verdict.reason == "Exported" else "False"
    return MultiClusterServiceStatus(
        clusters=[
            ExportingCluster(name=name, exported=name in exporting) for name in sorted(asked | exporting)
        ],
        conditions=[condition(wanted.status.conditions, READY, ready, verdict, stamp)],
    )


def _verdict(
    wanted: MultiClusterService, asked: set[str], exporting: set[str], missing: Sequence[str]
) -> Verdict:
    title = f"Service {wanted.metadata.namespace}/{wanted.metadata.name}"
    if is_deleted(wanted):
        return Verdict("Deleting", "waits until the ServiceExports that were made for it are gone")
    if wanted.spec.export_from is not None and not asked:
        return Verdict(
            "NoClusterSelected", "spec.exportFrom selects no Cluster; correct it, or label Clusters"
        )
    if missing:
        why = "the ServiceExport there says why, once the namespace is there and the cluster connected"
        return Verdict("Pending", f"{title} is not exported yet by {_listed(missing)}; {why}")
    if not exporting:
        remedy = "create a ServiceExport in one that has it, or set spec.exportFrom"
        return Verdict("NotExported", f"{title} is exported by no cluster; {remedy}")
    return Verdict("Exported", f"exported by {_listed(sorted(exporting))}")


def _listed(clusters: Sequence[str]) -> str:
    rest = len(clusters) - _NAMED
    return ", ".join(clusters[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
