"""Whether clusters would agree (V10 to V20): what the merge says of their exports, in words for an author.

No rule of KEP-1645 stands here a second time: which conflicts there are, and which ports are left out, is
what `mcs.merge` makes of the exports. Here it is only told apart what must not happen by mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.service import IPFamily, ServicePort, ServiceTraits
from mcs.api.service_set import ServiceSetSpec
from mcs.checks.findings import Finding, deny, hold, warn
from mcs.conflicts import DECIDED
from mcs.merge import merged
from policies.validation import syntax

_TITLES = {
    "SessionAffinityConflict": ("V16", "session affinity", ", oldest, wins"),
    "SessionAffinityConfigConflict": ("V17", "session affinity timeout", ""),
    "InternalTrafficPolicyConflict": ("V18", "internalTrafficPolicy", ""),
    "TrafficDistributionConflict": ("V19", "trafficDistribution", ""),
}
"""By reason: the check, what conflicts, and what is said of the oldest export, which is named first."""
_DISTRIBUTIONS = ("", "PreferClose", "PreferSameZone", "PreferSameNode")
"""What `spec.trafficDistribution` of a Service may say (Kubernetes 1.34)."""
_TYPES = {"ClusterSetIP": "ClusterIP", "Headless": "Headless"}


def agreement(exports: Iterable[ClusterExportSpec]) -> list[Finding]:
    """Say what clusters that export this would disagree on, and what would not do what it seems to."""
    by_cluster = {export.cluster: export for export in exports}
    found = merged(by_cluster.values(), None)
    if found is None:
        return []
    ordered = [by_cluster[cluster.name] for cluster in found.clusters]
    return [
        *_types(found, ordered),
        *_ports(found, ordered),
        *_protocols(ordered),
        *_decided(found, ordered),
        *_alone(ordered),
        *_ip_families(found, ordered),
    ]


def _reported(found: ServiceSetSpec, reason: str) -> bool:
    return any(each.reason == reason for each in found.conflicts)


def _types(found: ServiceSetSpec, ordered: Sequence[ClusterExportSpec]) -> Iterator[Finding]:
    if _reported(found, "TypeConflict"):
        said = _values(ordered, lambda service: _TYPES[service.type])
        text = ", ".join(f"cluster {clusters[0]} exports {value}" for value, clusters in said.items())
        yield hold("V10", f"headlessness conflict: {text}", "spec.clusterIP", "TypeConflict")


def _ports(found: ServiceSetSpec, ordered: Sequence[ClusterExportSpec]) -> Iterator[Finding]:
    """Tell apart what a conflict of ports comes from."""
    if not _reported(found, "PortConflict"):
        return
    used = {port.name: port for port in found.service.ports}
    lost = [
        (export, _own(export.service, name))
        for export, cluster in zip(ordered, found.clusters, strict=True)
        for name in cluster.excluded_ports
    ]
    for export, port in lost:
        yield _lost(used, export, port, ordered)
    if not lost and any(_numbers(export.service.ports) != _numbers(used.values()) for export in ordered):
        yield warn(
            "V13",
            "ports differ between clusters; the union will be exposed and PortConflict reported",
            "spec.ports",
            "PortConflict",
        )
    for port in used.values():
        yield from _app_protocols(port, ordered)


def _lost(
    used: Mapping[str, ServicePort],
    export: ClusterExportSpec,
    port: ServicePort,
    ordered: Sequence[ClusterExportSpec],
) -> Finding:
    """Say what is in the place of a port that is left out."""
    field, here = f'spec.ports["{port.name}"]', export.cluster
    taken = used.get(port.name)
    if taken is not None:
        number = f'port "{port.name}" is {_number(taken)} in {_owner(taken, ordered)} and {_number(port)} in'
        if taken.protocol != port.protocol:
            return hold("V12", f"protocol conflict: {number} {here}", field, "PortConflict")
        return hold("V11", f"port conflict: {number} {here}", field, "PortConflict")
    holder = next((each for each in used.values() if _number(each) == _number(port)), None)
    if holder is not None:
        both = f'"{holder.name}" ({_owner(holder, ordered)}) and "{port.name}" ({here}) both use'
        return hold("V14", f"merged ports are invalid: {both} {_number(port)}", field, "PortConflict")
    first = next(iter(used.values()))
    why = f'"{first.name}" ({_owner(first, ordered)}) leaves no room for "{port.name}" ({here})'
    return hold("V14", f"merged ports are invalid: {why}", field, "PortConflict")


def _app_protocols(port: ServicePort, ordered: Sequence[ClusterExportSpec]) -> Iterator[Finding]:
    """Find clusters that mean the same port and another application protocol."""
    same = [
        (each.app_protocol or "", export.cluster)
        for export in ordered
        for each in export.service.ports
        if (each.name, _number(each)) == (port.name, _number(port))
    ]
    if len({protocol for protocol, _ in same}) > 1:
        first = same[0]
        other = next(each for each in same if each[0] != first[0])
        text = f'"{first[0]}" ({first[1]}) vs "{other[0]}" ({other[1]})'
        field = f'spec.ports["{port.name}"].appProtocol'
        yield warn("V15", f'appProtocol of port "{port.name}" differs: {text}', field, "PortConflict")


def _protocols(ordered: Sequence[ClusterExportSpec]) -> Iterator[Finding]:
    """Refuse application protocols that no API server takes (`ValidateServicePort`)."""
    wrong = {
        (port.name, port.app_protocol, export.cluster): None
        for export in ordered
        for port in export.service.ports
        if port.app_protocol and any(syntax.label_key("", port.app_protocol))
    }
    for name, protocol, cluster in wrong:
        message = f'appProtocol of port "{name}" is no qualified name: "{protocol}" ({cluster})'
        yield deny("V15", message, f'spec.ports["{name}"].appProtocol')


def _decided(found: ServiceSetSpec, ordered: Sequence[ClusterExportSpec]) -> Iterator[Finding]:
    """Say whose value is used where the oldest export decides."""
    for rule in DECIDED:
        if rule.reason in _TITLES and _reported(found, rule.reason):
            check, title, wins = _TITLES[rule.reason]
            said = _values(ordered, lambda service, of=rule.of: _text(of(service)))  # type: ignore[misc]
            texts = [f"{value} ({', '.join(clusters)})" for value, clusters in said.items()]
            texts[0] = texts[0].removesuffix(")") + f"{wins})"
            yield warn(check, f"{title} conflict: {' vs '.join(texts)}", f"spec.{rule.field}", rule.reason)


def _alone(ordered: Sequence[ClusterExportSpec]) -> Iterator[Finding]:
    """Find what does not reach across clusters although nobody disagrees."""
    if any(export.service.internal_traffic_policy == "Local" for export in ordered):
        yield warn(
            "V18",
            "internalTrafficPolicy Local: endpoints of other clusters are never used",
            "spec.internalTrafficPolicy",
        )
    for value, clusters in _values(ordered, lambda service: service.traffic_distribution).items():
        if value not in _DISTRIBUTIONS:
            known = ", ".join(_DISTRIBUTIONS[1:])
            message = f'trafficDistribution "{value}" ({clusters[0]}) is unknown; use one of {known}'
            yield warn("V19", message, "spec.trafficDistribution")


def _ip_families(found: ServiceSetSpec, ordered: Sequence[ClusterExportSpec]) -> Iterator[Finding]:
    if not _reported(found, "IPFamilyConflict"):
        return
    pair = next(((one, other) for one in ordered for other in ordered if not _common(one, other)), None)
    if pair is not None:
        both = " and ".join(f"{_families(each)} ({each.cluster})" for each in pair)
        message = f"ipFamilies conflict: {both} have no family in common"
        yield deny("V20", message, "spec.ipFamilies", "IPFamilyConflict")
        return
    used = " ".join(found.service.ip_families)
    said = ", ".join(f"{_families(each)} ({each.cluster})" for each in ordered)
    message = f"ipFamilies conflict: {said}; only {used} will be used"
    yield warn("V20", message, "spec.ipFamilies", "IPFamilyConflict")


def _common(one: ClusterExportSpec, other: ClusterExportSpec) -> set[IPFamily]:
    return set(one.service.ip_families) & set(other.service.ip_families)


def _values(ordered: Sequence[ClusterExportSpec], of: Callable[[ServiceTraits], str]) -> dict[str, list[str]]:
    """Return the clusters by what they say, the oldest export first."""
    said: dict[str, list[str]] = {}
    for export in ordered:
        said.setdefault(of(export.service), []).append(export.cluster)
    return said


def _text(value: object) -> str:
    return "none" if value in (None, "") else str(value)


def _own(service: ServiceTraits, name: str) -> ServicePort:
    return next(port for port in service.ports if port.name == name)


def _owner(port: ServicePort, ordered: Sequence[ClusterExportSpec]) -> str:
    return next(
        export.cluster
        for export in ordered
        for each in export.service.ports
        if (each.name, _number(each)) == (port.name, _number(port))
    )


def _number(port: ServicePort) -> str:
    return f"{port.port}/{port.protocol}"


def _numbers(ports: Iterable[ServicePort]) -> set[tuple[str, str]]:
    return {(port.name, _number(port)) for port in ports}


def _families(export: ClusterExportSpec) -> str:
    return f"[{' '.join(export.service.ip_families)}]"
