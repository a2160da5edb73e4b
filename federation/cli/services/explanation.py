"""atoll services explain: why a Service of several clusters is as it is, as text and for programs."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from federation.cli.rollout.columns import age, columns
from federation.cli.services.known import Known
from federation.kube.errors import ApiError
from mcs.explaining import Change, Departure, Endpoint, Explanation, Property, explained, without


def told(known: Known, gone: Mapping[str, str]) -> str:
    """Return an explanation for people.

    :param gone: the clusters that others do without, and since when they give no sign of life.
    """
    explanation = explained(*known)
    return "\n\n".join(part for part in _parts(known, explanation, gone) if part)


def as_json(known: Known, gone: Container[str]) -> dict[str, Any]:
    """Return the same for programs."""
    found, explanation = known.found, explained(*known)
    return {
        "namespace": found.namespace,
        "name": found.name,
        "type": found.service.type,
        "clusters": [
            {
                "name": each.name,
                "exportCreationTimestamp": each.export_creation_timestamp,
                "excludedPorts": explanation.excluded.get(each.name, []),
                "stale": each.name in gone,
            }
            for each in found.clusters
        ],
        "properties": [_property(each) for each in explanation.properties],
        "conflicts": [each.dump() for each in found.conflicts],
        "endpoints": [each._asdict() for each in explanation.endpoints],
    }


def departure(known: Known, cluster: str) -> Departure:
    """Return what would differ without a cluster's export.

    :raises ApiError: it exports nothing of that name.
    """
    names = [each.name for each in known.found.clusters]
    if cluster not in names:
        title = f"{known.found.namespace}/{known.found.name}"
        raise ApiError(f"cluster {cluster} does not export {title}; {', '.join(names)} do")
    return without(cluster, *known)


def departure_told(known: Known, cluster: str) -> str:
    """Return the same for people."""
    title = f"{known.found.namespace}/{known.found.name}"
    lines = [f"- {line}" for line in _departure_lines(departure(known, cluster))]
    return "\n".join([f"if cluster {cluster} exported {title} no more:", *lines])


def departure_as_json(known: Known, cluster: str) -> dict[str, Any]:
    """Return the same for programs."""
    found = departure(known, cluster)
    return {
        "namespace": known.found.namespace,
        "name": known.found.name,
        "without": cluster,
        "remains": found.remains,
        "changes": [each._asdict() for each in found.changes],
        "endpoints": {**found.endpoints._asdict(), "then": found.endpoints.then},
        "conflicts": dict(zip(("now", "then"), found.conflicts, strict=True)),
    }


def _parts(known: Known, explanation: Explanation, gone: Mapping[str, str]) -> Iterator[str]:
    found = known.found
    exporters = ", ".join(f"{each.name} ({age(each.export_creation_timestamp)})" for each in found.clusters)
    yield (
        f"{found.namespace}/{found.name}: {found.service.type}, exported by {exporters}; the oldest decides"
    )
    rows = [
        (each.field, each.used or "-", _owners(each), _otherwise(each)) for each in explanation.properties
    ]
    yield columns([("PROPERTY", "USED", "FROM", "OTHERWISE"), *rows])
    yield "\n".join(f"{each.reason}: {each.message}" for each in found.conflicts)
    yield "\n".join(
        f"not used of cluster {cluster}: port {reason}"
        for cluster, reasons in explanation.excluded.items()
        for reason in reasons
    )
    yield "\n".join(
        f"cluster {each.name} gives no sign of life since {age(gone[each.name])}: others do without its "
        f"endpoints until it does; see `kubectl get cluster {each.name}`"
        for each in found.clusters
        if each.name in gone
    )
    yield _endpoints(explanation.endpoints, gone)


def _owners(found: Property) -> str:
    return ",".join(found.owners) or "-"


def _otherwise(found: Property) -> str:
    said = [f"{each.value or 'none'} ({', '.join(each.clusters)})" for each in found.otherwise]
    return "; ".join(said) or "-"


def _endpoints(endpoints: Sequence[Endpoint], gone: Container[str]) -> str:
    if not endpoints:
        return "no cluster has endpoints of it: do pods match the selectors of the Services?"
    header = ("CLUSTER", "ENDPOINTSLICE", "ADDRESS", "READY", "IMPORTED")
    rows = [
        (
            each.cluster,
            each.slice,
            ",".join(each.addresses),
            "yes" if each.ready else "no",
            _imported(each, gone),
        )
        for each in endpoints
    ]
    return columns([header, *rows])


def _imported(endpoint: Endpoint, gone: Container[str]) -> str:
    unused = endpoint.unused or ("its cluster gives no sign of life" if endpoint.cluster in gone else "")
    return f"no: {unused}" if unused else "yes"


def _property(found: Property) -> dict[str, Any]:
    return {
        "field": found.field,
        "used": found.used,
        "from": found.owners,
        "otherwise": [each._asdict() for each in found.otherwise],
    }


def _departure_lines(found: Departure) -> Iterator[str]:
    if not found.remains:
        count = found.endpoints.now
        yield f"it was the last: every cluster loses the ServiceImport and its endpoints ({count})"
        return
    for change in found.changes:
        yield _changed(change)
    _, gone, come = found.endpoints
    others = f", {come} not used now would come" if come else ""
    yield f"endpoints: {gone} would go{others}, {found.endpoints.then} in all"
    before, after = found.conflicts
    yield from (f"{reason} would be over" for reason in before if reason not in after)
    yield from (f"{reason} would begin" for reason in after if reason not in before)
    if not found.changes:
        yield "type, ports and policies would stay as they are"


def _changed(change: Change) -> str:
    if change.field == "type":
        loss = "lose the IP" if change.then == "Headless" else "get an IP"
        return f"type would be {change.then} instead of {change.now}: callers in all clusters {loss}"
    if change.field.startswith("ports[") and not change.then:
        return f"{change.field} {change.now} would be gone: no other cluster has it"
    return f"{change.field} would be {change.then or 'none'} instead of {change.now or 'none'}"
