"""atoll services: every Service that clusters export, a row each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from typing import Any

import yaml

from federation.cli.rollout.columns import columns
from federation.cli.services.known import Slices, sets_and_slices
from federation.cli.services.signs import without_sign
from federation.kube.api import Api
from mcs.api.service_set import ServiceSetSpec
from mcs.explaining import Endpoint, endpoints

_CLUSTERS = 5
"""How many clusters a row names; with `wide`, all."""

Row = dict[str, Any]


async def listed(api: Api, namespace: str, output: str) -> str:
    """Return the Services of a namespace, or of all if it is empty.

    :param output: `table`, `wide`, `json`, `yaml` or `name`.
    """
    sets, slices = await sets_and_slices(api, namespace)
    gone = await without_sign(api)
    rows = [row(found, slices.get((found.namespace, found.name), {}), gone) for found in sets]
    match output:
        case "json":
            return json.dumps(rows, indent=2)
        case "yaml":
            return yaml.safe_dump(rows, sort_keys=False).rstrip()
        case "name":
            return "\n".join(f"{each['namespace']}/{each['name']}" for each in rows)
    if not rows:
        return f"no Service in {namespace} is exported" if namespace else "no Service is exported"
    return _table(rows, wide=output == "wide")


def row(found: ServiceSetSpec, slices: Slices, gone: Container[str]) -> Row:
    """Return what programs read of a Service.

    :param gone: the clusters that others do without.
    """
    told = list(endpoints(found, slices))
    return {
        "namespace": found.namespace,
        "name": found.name,
        "type": found.service.type,
        "mode": found.service.mode,
        "ports": [port.dump() for port in found.service.ports],
        "ipFamilies": list(found.service.ip_families),
        "clusters": [
            {
                "name": cluster.name,
                "exportCreationTimestamp": cluster.export_creation_timestamp,
                "excludedPorts": list(cluster.excluded_ports),
                "stale": cluster.name in gone,
                **_counts([each for each in told if each.cluster == cluster.name and not each.unused]),
            }
            for cluster in found.clusters
        ],
        "conflicts": [each.reason for each in found.conflicts],
    }


def _counts(told: Iterable[Endpoint]) -> dict[str, int]:
    """Count pods, which have an endpoint in each of their IP families: the one with most says how many."""
    all_, ready = Counter[bool](), Counter[bool]()
    for each in told:
        is_v6 = ":" in each.addresses[0]
        all_[is_v6] += 1
        ready[is_v6] += each.ready
    return {"ready": max(ready.values(), default=0), "endpoints": max(all_.values(), default=0)}


def _table(rows: Sequence[Row], *, wide: bool) -> str:
    more = ("OLDEST", "MODE", "FAMILIES", "EXCLUDED") if wide else ()
    header = ("NAMESPACE", "NAME", "TYPE", "PORTS", "READY", "CLUSTERS", *more, "CONFLICTS")
    return columns([header, *(_cells(each, wide=wide) for each in rows)])


def _cells(found: Row, *, wide: bool) -> list[str]:
    clusters = found["clusters"]
    ready, all_ = (
        sum(each[count] for each in clusters if not each["stale"]) for count in ("ready", "endpoints")
    )
    more = (
        [clusters[0]["name"], found["mode"], ",".join(found["ipFamilies"]) or "-", _excluded(clusters)]
        if wide
        else []
    )
    return [
        found["namespace"],
        found["name"],
        found["type"],
        ",".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in found["ports"]) or "-",
        f"{ready}/{all_}",
        _clusters(clusters, len(clusters) if wide else _CLUSTERS),
        *more,
        ",".join(found["conflicts"]) or "-",
    ]


def _clusters(clusters: Sequence[Row], limit: int) -> str:
    """Name clusters with their endpoints, `m1:2/2,m2:stale`; those beyond the limit are counted."""
    named = [f"{each['name']}:{_usable(each)}" for each in clusters[:limit]]
    rest = len(clusters) - len(named)
    return ",".join([*named, f"+{rest}"] if rest else named)


def _usable(cluster: Row) -> str:
    return "stale" if cluster["stale"] else f"{cluster['ready']}/{cluster['endpoints']}"


def _excluded(clusters: Sequence[Row]) -> str:
    return ",".join(f"{each['name']}:{name}" for each in clusters for name in each["excludedPorts"]) or "-"
