"""What the exports of one name do not agree on, in the words of KEP-1645. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.service import ServiceTraits
from mcs.api.service_set import ServiceSetSpec, SetConflict
from mcs.preference import text_of
from policies.verdicts import Verdict

NO_CONFLICTS = Verdict("NoConflicts", "the ServiceExports of all clusters agree")


def conflict(found: ServiceSetSpec) -> Verdict:
    """Return what the condition Conflict says, the same on the ServiceExports of all clusters.

    The reason is NoConflicts, or all there are, joined by commas; the message has one line for each.
    """
    if not found.conflicts:
        return NO_CONFLICTS
    return Verdict(
        ",".join(each.reason for each in found.conflicts),
        "\n".join(each.message for each in found.conflicts),
    )


def conflicts(ordered: Sequence[ClusterExportSpec], used: ServiceTraits) -> list[SetConflict]:
    """Return what the exports disagree on, in the order in which the API lists the reasons, ours last.

    :param ordered: the exports, the oldest first
    :param used: what they come to
    """
    found = [
        _ports(ordered, used),
        _type(ordered, used),
        *(_decided(each, ordered) for each in _OF_THE_STANDARD),
        _ip_families(ordered, used),
        *(_decided(each, ordered) for each in _OURS),
    ]
    return [each for each in found if each is not None]


class Decided(NamedTuple):
    """A property that the oldest export decides alone."""

    reason: str
    field: str
    """Its name, in a Service or in the spec of a ServiceExport."""
    of: Callable[[ServiceTraits], object]
    by_host: bool = False
    """Whether a MultiClusterService decides it, where there is one."""


_OF_THE_STANDARD = (
    Decided("SessionAffinityConflict", "sessionAffinity", lambda service: service.session_affinity),
    Decided(
        "SessionAffinityConfigConflict",
        "sessionAffinityConfig.clientIP.timeoutSeconds",
        lambda service: service.session_affinity_seconds,
    ),
    Decided("AnnotationsConflict", "exportedAnnotations", lambda service: service.annotations),
    Decided("LabelsConflict", "exportedLabels", lambda service: service.labels),
    Decided(
        "InternalTrafficPolicyConflict",
        "internalTrafficPolicy",
        lambda service: service.internal_traffic_policy,
    ),
    Decided(
        "TrafficDistributionConflict", "trafficDistribution", lambda service: service.traffic_distribution
    ),
)
_OURS = (
    Decided("ModeConflict", "mode", lambda service: service.mode, by_host=True),
    Decided(
        "AdoptExistingConflict",
        "adoptExisting",
        lambda service: str(service.adopt_existing).lower(),
        by_host=True,
    ),
    Decided("LocalityConflict", "locality", lambda service: text_of(service.locality), by_host=True),
)
DECIDED = _OF_THE_STANDARD + _OURS


def _decided(rule: Decided, ordered: Sequence[ClusterExportSpec]) -> SetConflict | None:
    value = rule.of(ordered[0].service)
    disagree = [rule.of(export.service) != value for export in ordered]
    return _conflict(rule.reason, rule.field, f"{_text(value)} from {_oldest(ordered)}", disagree)


def _text(value: object) -> str:
    """Return a value as a message has it; labels and annotations are too long for one."""
    if isinstance(value, dict):
        return "those"
    return "no value" if value in (None, "") else str(value)


def _ports(ordered: Sequence[ClusterExportSpec], used: ServiceTraits) -> SetConflict | None:
    """Find ports that not all expose, also where their union has no two that collide."""
    disagree = [_port_set(export.service) != _port_set(used) for export in ordered]
    using = "the union, where ports collide those from the older ServiceExport"
    return _conflict("PortConflict", "ports", using, disagree)


def _port_set(service: ServiceTraits) -> set[tuple[str, str, int, str | None]]:
    return {(port.name, port.protocol, port.port, port.app_protocol) for port in service.ports}


def _type(ordered: Sequence[ClusterExportSpec], used: ServiceTraits) -> SetConflict | None:
    disagree = [export.service.type != used.type for export in ordered]
    origin = f"from {_oldest(ordered)}"
    if disagree[0]:  # the oldest export came later, or its Service was another
        origin = f"as before, from ServiceExport in cluster {ordered[disagree.index(False)].cluster}"
    return _conflict("TypeConflict", "type", f"{used.type} {origin}", disagree)


def _ip_families(ordered: Sequence[ClusterExportSpec], used: ServiceTraits) -> SetConflict | None:
    """Find clusters that lack a family of the oldest: it is not used because of them, or without them.

    Who has more than the oldest is no conflict: all endpoints are reached by what is used.
    """
    families = [set(export.service.ip_families) for export in ordered]
    disagree = [not families[0] <= theirs for theirs in families]
    using = f"{', '.join(used.ip_families)} from {_oldest(ordered)}"
    return _conflict("IPFamilyConflict", "ipFamilies", using, disagree)


def _oldest(ordered: Sequence[ClusterExportSpec]) -> str:
    return f"oldest ServiceExport in cluster {ordered[0].cluster}"


def _conflict(reason: str, field: str, using: str, disagree: Sequence[bool]) -> SetConflict | None:
    """Say what is used and how many clusters say otherwise, if any does."""
    if not any(disagree):
        return None
    count = f"{sum(disagree)}/{len(disagree)}"
    return SetConflict(
        reason=reason, message=f"Conflicting {field}. Using {using}. {count} clusters disagree."
    )
