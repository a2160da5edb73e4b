"""Checks of MultiClusterServices (V32 to V36). V38 has no case: one has the name of its Service."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from mcs.api.multi_cluster_service import ClusterSelection, MultiClusterService, MultiClusterServiceSpec
from mcs.api.service_set import SetPolicy
from mcs.checks.facts import Facts
from mcs.checks.findings import Finding, deny, hold, listed, named, warn
from mcs.merge import merged
from mcs.names import ADOPT_EXISTING, Service
from mcs.policy import Labels, as_wanted, imports, set_policy
from mcs.shadows import is_shadow
from policies.api.meta import Manifest


class Places(NamedTuple):
    """What is known of the clusters when a MultiClusterService is created, changed or deleted."""

    clusters: Mapping[str, Labels]
    """The labels of each that is registered."""
    services: Mapping[str, Manifest] = {}
    """The Service of that name in each that is connected and has one."""
    hostnames: Mapping[str, Collection[str]] = {}
    """The host names of the endpoints that each exports."""


def stated(
    facts: Facts, places: Places, service: Manifest | None, wanted: MultiClusterService
) -> Iterator[Finding]:
    """Check what a MultiClusterService says.

    :param service: the Service of that name on the host, if there is one
    """
    yield from _unknown(wanted.spec, places.clusters)
    yield from _ports(facts, service, wanted.spec)
    if wanted.spec.mode == "NativeName":
        yield from _occupied(facts, places, wanted)
        yield from _ambiguous(facts, places)


def losing(facts: Facts, places: Places, after: MultiClusterService | None) -> list[str]:
    """Return the clusters that would lose a Service of ours under the plain name.

    :param after: the MultiClusterService as it is to be; None: it is deleted
    """
    policy = set_policy(after, places.clusters) if after is not None else None
    exports = [each for each in facts.exports if after is not None or not each.requested]
    found = merged([as_wanted(each, policy) for each in exports], None)
    native = found is not None and found.service.mode == "NativeName"
    return [
        cluster
        for cluster, live in places.services.items()
        if is_shadow(live) and not (native and imports(policy, cluster))
    ]


def withdrawn(service: Service, clusters: Collection[str], *, strict: bool) -> Finding:
    """Say who calls in vain where a Service of ours goes (V32).

    :param strict: whether the namespace wants this refused
    """
    namespace, name = service
    message = (
        f"{named(namespace, name)} created by federation in {listed(clusters)} will be deleted; callers of "
        f"{name}.{namespace}.svc.cluster.local there will fail"
    )
    return (hold if strict else warn)("V32", message)


def _unknown(spec: MultiClusterServiceSpec, clusters: Collection[str]) -> Iterator[Finding]:
    for field, selection in (("exportFrom", spec.export_from), ("importTo", spec.import_to)):
        for term, names in _terms(selection):
            for index, name in enumerate(names):
                if name not in clusters:
                    path = f"spec.{field}.{term}[{index}]"
                    yield warn("V33", f'cluster "{name}" is not registered', path)


def _terms(selection: ClusterSelection | None) -> Iterator[tuple[str, list[str]]]:
    if selection is not None:
        yield "clusterNames", selection.cluster_names
        yield "exclude", selection.exclude


def _ports(facts: Facts, service: Manifest | None, spec: MultiClusterServiceSpec) -> Iterator[Finding]:
    """What neither the host nor any exporter has may come later: then nothing is said."""
    known = {port.name for export in facts.exports for port in export.service.ports}
    known |= {port.get("name") or "" for port in ((service or {}).get("spec") or {}).get("ports") or ()}
    for index, port in enumerate(spec.ports):
        if known and port.name not in known:
            message = f'"{port.name}" is not a port of {named(*facts.service)}'
            yield deny("V34", message, f"spec.ports[{index}].name")


def _occupied(facts: Facts, places: Places, wanted: MultiClusterService) -> Iterator[Finding]:
    policy = set_policy(wanted, places.clusters)
    for cluster, live in sorted(places.services.items()):
        if cluster not in facts.exporters and _is_in_the_way(policy, cluster, live):
            yield deny(
                "V35",
                f"cluster {cluster} already has {named(*facts.service)} not managed by federation; set "
                "adoptExisting to merge remote endpoints into it",
                "spec.adoptExisting",
            )


def _is_in_the_way(policy: SetPolicy | None, cluster: str, live: Manifest) -> bool:
    """Whether nothing may be attached to a Service of a user's."""
    annotations = live["metadata"].get("annotations") or {}
    allowed = annotations.get(ADOPT_EXISTING) == "true" or (policy is not None and policy.adopt_existing)
    return imports(policy, cluster) and not allowed and not is_shadow(live)


def _ambiguous(facts: Facts, places: Places) -> Iterator[Finding]:
    if not any(export.service.type == "Headless" for export in facts.exports):
        return
    seen: set[str] = set()
    twice: set[str] = set()
    for names in places.hostnames.values():
        twice |= seen & set(names)
        seen |= set(names)
    if twice:
        namespace, name = facts.service
        yield warn(
            "V36",
            f"headless pod names {min(twice)}.. exist in several clusters; use "
            f"<host>.<cluster>.{name}.{namespace}.svc.clusterset.local",
        )
