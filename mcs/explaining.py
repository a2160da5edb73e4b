"""Why a Service of several clusters is as it is, and what it would be without one of them. Pure.

A ServiceSet says what is used; here stands whose it is, who says otherwise, and where its endpoints are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.service import ServicePort, ServiceTraits
from mcs.api.service_set import ServiceSetSpec, SetCluster
from mcs.conflicts import DECIDED, Decided
from mcs.importing import with_ports
from mcs.merge import merged
from mcs.slices import Slice

Slices = Mapping[str, Mapping[str, Slice]]
"""By cluster, its EndpointSlices on the host by name."""


HOST = "MultiClusterService"
"""Whose a property is that is decided on the host, whatever clusters say."""


class Opinion(NamedTuple):
    """What some of the clusters say of a property."""

    value: str
    """Empty: it has none there."""
    clusters: list[str]


class Property(NamedTuple):
    """Something that clusters can disagree on."""

    field: str
    """As in a Service or ServiceExport; of a port `ports[NAME]`."""
    used: str
    """What is imported; empty for no value."""
    owners: list[str]
    """Whose it is: of the oldest export that says so, or HOST; of IP families all that have them."""
    otherwise: list[Opinion]


class Endpoint(NamedTuple):
    """An endpoint as the host has it."""

    cluster: str
    slice: str
    """The name of its EndpointSlice on the host, and in all clusters that import it."""
    addresses: list[str]
    ready: bool
    unused: str
    """Why no cluster imports it; empty: it is imported."""


class Explanation(NamedTuple):
    """A Service of several clusters, explained."""

    properties: list[Property]
    excluded: dict[str, list[str]]
    """By cluster, its ports that are not used, each with the reason."""
    endpoints: list[Endpoint]


class Change(NamedTuple):
    """What is used of a property now, and then; empty for no value."""

    field: str
    now: str
    then: str


class Turnover(NamedTuple):
    """How many endpoints are imported."""

    now: int
    gone: int
    """Of these, how many would go: with the cluster, or with what it decides."""
    come: int
    """How many that are not imported now would be."""

    @property
    def then(self) -> int:
        return self.now - self.gone + self.come


class Departure(NamedTuple):
    """What a Service comes to when one cluster's export ends."""

    remains: bool
    """False: it was the last export, and everything goes."""
    changes: list[Change]
    endpoints: Turnover
    conflicts: tuple[list[str], list[str]]
    """The reasons now, and then."""


def explained(found: ServiceSetSpec, exports: Iterable[ClusterExportSpec], slices: Slices) -> Explanation:
    """Explain what a set has from what the clusters export; one whose export is not there has no opinion.

    :param exports: of the clusters of the set, in any order
    """
    ordered = _ordered(found, exports)
    return Explanation(
        list(_properties(found, ordered)),
        {each.name: _excluded(found, each, ordered) for each in found.clusters if each.excluded_ports},
        list(endpoints(found, slices)),
    )


def endpoints(found: ServiceSetSpec, slices: Slices) -> Iterator[Endpoint]:
    """Yield the endpoints of every cluster of a set, those that are not imported, too."""
    for cluster in found.clusters:
        for name, piece in sorted(slices.get(cluster.name, {}).items()):
            unused = _unused(found, piece, cluster.excluded_ports)
            for each in piece.content["endpoints"]:
                ready = (each.get("conditions") or {}).get("ready") is not False  # unset: the API says ready
                yield Endpoint(cluster.name, name, each["addresses"], ready, unused)


def without(
    cluster: str, found: ServiceSetSpec, exports: Iterable[ClusterExportSpec], slices: Slices
) -> Departure:
    """Return what would differ if a cluster's export ended."""
    ordered = _ordered(found, exports)
    rest = [export for export in ordered if export.cluster != cluster]
    then = merged(rest, found, found.policy)
    turnover = _turnover(found, then, slices)
    conflicts = [each.reason for each in found.conflicts]
    if then is None:
        return Departure(False, [], turnover, (conflicts, []))
    before = {each.field: each.used for each in _properties(found, ordered)}
    after = {each.field: each.used for each in _properties(then, rest)}
    changes = [
        Change(field, before.get(field, ""), after.get(field, ""))
        for field in {**before, **after}
        if before.get(field) != after.get(field)
    ]
    return Departure(True, changes, turnover, (conflicts, [each.reason for each in then.conflicts]))


def _turnover(now: ServiceSetSpec, then: ServiceSetSpec | None, slices: Slices) -> Turnover:
    before, after = (
        {(each.slice, *each.addresses) for each in endpoints(found, slices) if not each.unused}
        if found
        else set()
        for found in (now, then)
    )
    return Turnover(len(before), len(before - after), len(after - before))


def _ordered(found: ServiceSetSpec, exports: Iterable[ClusterExportSpec]) -> list[ClusterExportSpec]:
    """Order as the set does, the oldest first."""
    by_cluster = {export.cluster: export for export in exports}
    return [by_cluster[each.name] for each in found.clusters if each.name in by_cluster]


def _properties(found: ServiceSetSpec, ordered: Sequence[ClusterExportSpec]) -> Iterator[Property]:
    used = found.service
    yield _property("type", lambda service: service.type, used, ordered)
    for name in dict.fromkeys(port.name for port in used.ports):
        yield _port_property(name, used, ordered)
    for rule in DECIDED:
        said = _decided(rule, used, ordered)
        yield said._replace(owners=[HOST]) if found.policy and rule.by_host else said
    yield _families(used, ordered)


def _property(
    field: str,
    of: Callable[[ServiceTraits], str],
    used: ServiceTraits,
    ordered: Sequence[ClusterExportSpec],
) -> Property:
    value = of(used)
    same = [export.cluster for export in ordered if of(export.service) == value]
    others = [(of(export.service), export.cluster) for export in ordered if of(export.service) != value]
    return Property(field, value, same[:1], _opinions(others))


def _port_property(name: str, used: ServiceTraits, ordered: Sequence[ClusterExportSpec]) -> Property:
    field = f"ports[{name}]" if name else "ports[]"
    return _property(field, lambda service: _port_text(_port(service, name)), used, ordered)


def _decided(rule: Decided, used: ServiceTraits, ordered: Sequence[ClusterExportSpec]) -> Property:
    return _property(rule.field, lambda service: _text(rule.of(service)), used, ordered)


def _families(used: ServiceTraits, ordered: Sequence[ClusterExportSpec]) -> Property:
    """They belong to all that have them; in which order is no disagreement."""
    wanted = set(used.ip_families)
    owners = [export.cluster for export in ordered if wanted <= set(export.service.ip_families)]
    others = [
        (", ".join(export.service.ip_families), export.cluster)
        for export in ordered
        if set(export.service.ip_families) != wanted
    ]
    return Property("ipFamilies", ", ".join(used.ip_families), owners, _opinions(others))


def _opinions(said: Iterable[tuple[str, str]]) -> list[Opinion]:
    """Put together the clusters that say the same."""
    clusters: dict[str, list[str]] = {}
    for value, cluster in said:
        clusters.setdefault(value, []).append(cluster)
    return [Opinion(value, names) for value, names in clusters.items()]


def _excluded(found: ServiceSetSpec, cluster: SetCluster, ordered: Sequence[ClusterExportSpec]) -> list[str]:
    """Say of each port of a cluster that is not used what is in its place."""
    own = next((export.service for export in ordered if export.cluster == cluster.name), None)
    return [_lost(found, name, _port(own, name) if own else None) for name in cluster.excluded_ports]


def _lost(found: ServiceSetSpec, name: str, port: ServicePort | None) -> str:
    used, title = found.service, " ".join(part for part in (name, _port_text(port)) if part)
    if found.policy and found.policy.ports is not None and name not in found.policy.ports:
        return f"{title}: the {HOST} does not name it"
    if (taken := _port(used, name)) is not None:
        return f"{title}: the name is used for {_port_text(taken)}"
    number = (port.protocol, port.port) if port else None
    holder = next((each for each in used.ports if (each.protocol, each.port) == number), None)
    if holder is not None:
        return f"{title}: the number is used for {holder.name or 'the port without a name'}"
    return f"{title}: there is no room for it beside the others"


def _unused(found: ServiceSetSpec, piece: Slice, excluded: Sequence[str]) -> str:
    """Say why a slice is imported nowhere, by the rules of the import."""
    families, family = found.service.ip_families, piece.content["addressType"]
    if families and family not in families:
        return f"{family} is not used"
    if with_ports(found, piece.content, excluded) is None:
        return "none of its ports is used"
    return ""


def _port(service: ServiceTraits, name: str) -> ServicePort | None:
    return next((port for port in service.ports if port.name == name), None)


def _port_text(port: ServicePort | None) -> str:
    if port is None:
        return ""
    return f"{port.port}/{port.protocol}" + (f" {port.app_protocol}" if port.app_protocol else "")


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}={text}" for key, text in sorted(value.items()))
    return "" if value is None else str(value)
