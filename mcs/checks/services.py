"""Checks of changes of a Service that clusters export (V08, V09, V21 to V23, V40)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mcs.api.cluster_export import ClusterExportSpec
from mcs.checks.facts import Facts
from mcs.checks.findings import Finding, hold, listed, named, warn
from policies.api.meta import Manifest

MANY_ENDPOINTS = 5000
"""Above it a change of pods takes long to be everywhere: each slice is written once in every cluster."""


def updated(
    facts: Facts, old: Manifest, new: Manifest, after: Sequence[ClusterExportSpec]
) -> Iterator[Finding]:
    """Check a new version of a Service; nothing is found where no cluster exports the host's.

    :param after: what clusters would export then
    """
    if not facts.touched:
        return
    what = named(*facts.service)
    if new["spec"].get("type") == "ExternalName" and old["spec"].get("type") != "ExternalName":
        yield hold(
            "V08",
            f"{what} is exported by {listed(facts.touched)}; changing type to ExternalName would remove it "
            "from the clusterset",
            "spec.type",
        )
    yield from _headlessness(facts, after)
    yield from _selector(what, old["spec"].get("selector") or {}, new["spec"].get("selector") or {})
    if facts.endpoints > MANY_ENDPOINTS:
        yield warn(
            "V40",
            f"{what} has {facts.endpoints} endpoints; above {MANY_ENDPOINTS} other clusters are slow to "
            "follow: divide it into several Services",
        )


def deleted(facts: Facts) -> Iterator[Finding]:
    """Check that a Service is still needed."""
    if facts.touched:
        imported = f" and imported by {listed(facts.importers)}" if facts.importers else ""
        yield hold(
            "V23",
            f"{named(*facts.service)} is exported by {listed(facts.touched)}{imported}; delete ServiceExport "
            f'"{"/".join(facts.service)}" first',
        )


def _headlessness(facts: Facts, after: Sequence[ClusterExportSpec]) -> Iterator[Finding]:
    """Find clusters whose export would get or lose its IP."""
    before = {export.cluster: export.service.type for export in facts.exports}
    flipped = [
        each.cluster for each in after if before.get(each.cluster, each.service.type) != each.service.type
    ]
    if flipped:
        where = listed(facts.importers or flipped)
        yield hold(
            "V09",
            f"changing headlessness of exported {named(*facts.service)} would release the clusterset IP in "
            f"{where}",
            "spec.clusterIP",
        )


def _selector(what: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Finding]:
    if old and not new:
        yield hold(
            "V21",
            f"selector removed from exported {what}: existing EndpointSlices are not cleaned up and would "
            "stay exported",
            "spec.selector",
        )
    elif any(key in new and new[key] != value for key, value in old.items()):
        yield warn(
            "V22",
            f"selector of exported {what} changed; endpoints in all importing clusters will be replaced",
            "spec.selector",
        )
