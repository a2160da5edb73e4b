"""atoll top clusters: a row for each member."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import typer
import yaml

from federation.cli.cordon import is_cordoned
from federation.cli.reach import INCOMPLETE, Answer, answers, clusters_named, on_stderr
from federation.cli.rollout.columns import columns
from federation.cli.top.usage import Usage, usage_of
from federation.kube.api import Api
from policies.api.cluster import Cluster
from policies.quantities import CPU, written

_HEADER = ("CLUSTER", "STATUS", "NODES", "CPU", "CPU%", "MEMORY", "MEMORY%", "PODS", "PODS%", "TAINTS")
_WIDE = ("PENDING", "VERSION", "PROVIDER", "REGION", "ZONES", "CONDITIONS")
_RESOURCES = (CPU, "memory", "pods")
_GIB = 2**30


async def show(host: Api, names: Sequence[str], output: str, seconds: float) -> int:
    """Print how full clusters are, all if none is named; return the exit code."""
    clusters = await clusters_named(host, names)
    found: list[Answer[Usage]] = []
    async for some in answers(
        clusters, lambda cluster: usage_of(host, cluster, seconds), on_stderr, early=False
    ):
        found += some
    usages = {answer.cluster: answer.found for answer in found}
    rows = [(cluster, usages[cluster.metadata.name]) for cluster in clusters]
    typer.echo(printed(rows, output))
    failures = [answer.failure for answer in found if answer.failure]
    for failure in failures:
        typer.echo(f"error: {failure}", err=True)
    return INCOMPLETE if failures else 0


def printed(rows: Sequence[tuple[Cluster, Usage | None]], output: str) -> str:
    """Return the clusters as text; who did not answer has no usage.

    :param output: `table`, `wide`, `json`, `yaml` or `name`
    """
    match output:
        case "json":
            return json.dumps([_for_programs(*row) for row in rows], indent=2)
        case "yaml":
            return yaml.safe_dump([_for_programs(*row) for row in rows], sort_keys=False).rstrip()
        case "name":
            return "\n".join(cluster.metadata.name for cluster, _ in rows)
    wide = output == "wide"
    header = (*_HEADER, *(_WIDE if wide else ()))
    return columns([header, *([*_cells(*row), *(_more(*row) if wide else ())] for row in rows)])


def status_of(cluster: Cluster) -> str:
    """Return a cluster's state as kubectl gives that of a Node: `Ready,SchedulingDisabled`."""
    ready = next((each for each in cluster.status.conditions if each.type == "Ready"), None)
    first = "Unknown" if ready is None else "Ready" if ready.status == "True" else ready.reason
    further = {
        "SchedulingDisabled": is_cordoned(cluster.spec.taints),
        "Paused": cluster.spec.paused,
        "Leaving": cluster.metadata.deletion_timestamp is not None,
    }
    return ",".join([first, *(word for word, holds in further.items() if holds)])


def _cells(cluster: Cluster, usage: Usage | None) -> list[str]:
    taints = ",".join(f"{taint.key}:{taint.effect}" for taint in cluster.spec.taints)
    cells = [cluster.metadata.name, status_of(cluster)]
    if usage is None:
        cells += ["-"] * (1 + 2 * len(_RESOURCES))
    else:
        cells.append(f"{usage.ready}/{usage.nodes}")
        for resource in _RESOURCES:
            asked, there = (_short(resource, of[resource]) for of in (usage.requested, usage.allocatable))
            share = usage.share(resource)
            cells += [f"{asked}/{there}", "-" if share is None else f"{share}%"]
    return [*cells, taints or "-"]


def _more(cluster: Cluster, usage: Usage | None) -> list[str]:
    spec, status = cluster.spec, cluster.status
    further = [each.type for each in status.conditions if each.type != "Ready" and each.status == "True"]
    cells = [
        "" if usage is None else str(usage.pending),
        status.kubernetes_version,
        spec.provider,
        spec.region,
    ]
    return [cell or "-" for cell in (*cells, ",".join(spec.zones), ",".join(further))]


def _short(resource: str, amount: int) -> str:
    """Return an amount for people: CPUs, GiB, or a number."""
    if resource == CPU:
        return f"{amount / 1000:g}"
    return f"{amount / _GIB:.1f}Gi" if resource == "memory" else str(amount)


def _for_programs(cluster: Cluster, usage: Usage | None) -> dict[str, Any]:
    found: dict[str, Any] = {"cluster": cluster.metadata.name, "status": status_of(cluster).split(",")}
    if usage is not None:
        found |= {
            "nodes": {"total": usage.nodes, "ready": usage.ready},
            "allocatable": _quantities(usage.allocatable),
            "requested": _quantities(usage.requested),
            "pendingPods": usage.pending,
        }
    return found | {
        "taints": [taint.dump() for taint in cluster.spec.taints],
        "conditions": [each.dump() for each in cluster.status.conditions],
    }


def _quantities(amounts: dict[str, int]) -> dict[str, str]:
    return {resource: written(resource, amount) for resource, amount in sorted(amounts.items())}
