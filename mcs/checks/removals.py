"""Checks of what takes several exports along: a Namespace, a placement, a Cluster (V27, V28, V31)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from mcs.checks.facts import Facts
from mcs.checks.findings import Finding, hold, listed, named, warn

_SHOWN = 3


def namespace_deleted(namespace: str, exported: Iterable[Facts]) -> Iterator[Finding]:
    """Check that no cluster exports what a namespace of the host has."""
    names = sorted(facts.service[1] for facts in exported if facts.touched)
    if names:
        yield hold("V27", f'namespace "{namespace}" contains {len(names)} exported services: {_some(names)}')


def placement_changed(facts: Facts, removed: Collection[str]) -> Iterator[Finding]:
    """Check that a placement leaves a Service somebody who exports it.

    :param removed: the clusters that would have it, or its ServiceExport, no more
    """
    gone = [cluster for cluster in facts.exporters if cluster in removed]
    if not gone:
        return
    what = named(*facts.service)
    if len(gone) == len(facts.exports):
        only = (
            f"the only exporting cluster {gone[0]}"
            if len(gone) == 1
            else f"all exporting clusters {listed(gone)}"
        )
        yield hold("V28", f"placement change removes {only} of {what}", "spec.placement")
    else:
        yield warn(
            "V28", f"placement change removes exporting clusters {listed(gone)} of {what}", "spec.placement"
        )


def cluster_deleted(cluster: str, sole: Sequence[str]) -> Iterator[Finding]:
    """Say which Services nobody else exports.

    :param sole: as NAMESPACE/NAME
    """
    if sole:
        count = f"{len(sole)} services" if len(sole) > 1 else "1 service"
        yield hold("V31", f"cluster {cluster} is the only exporter of {count} ({_some(sorted(sole))})")


def _some(names: Sequence[str]) -> str:
    """Return names, the last ones left out where there are many: `db, web, ...`."""
    return ", ".join([*names[:_SHOWN], *(["..."] if len(names) > _SHOWN else [])])
