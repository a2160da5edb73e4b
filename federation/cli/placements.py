"""atoll placements: every governed object with its clusters and how its copies stand there."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from federation.cli.host import Context, Kubeconfig, connected, run
from federation.kube.api import Api
from federation.resources import CLUSTER_RESOURCE_BINDING, RESOURCE_BINDING
from policies.api.binding import ClusterResult, ResourceBinding

_BINDINGS = (RESOURCE_BINDING, CLUSTER_RESOURCE_BINDING)


def placements_command(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Annotated[str, typer.Option("-n", "--namespace", help="Only this namespace.")] = "",
    output: Annotated[str, typer.Option("-o", "--output", help="table or json")] = "table",
) -> None:
    """Show where everything is placed: ready/wanted replicas for workloads, the state of the copy for the
    rest.
    """
    bindings = run(connected(kubeconfig, context, lambda api: _bindings(api, namespace)))
    if output == "json":
        typer.echo(json.dumps([_row(binding) for binding in bindings], indent=2))
        return
    clusters = sorted({target.name for binding in bindings for target in binding.spec.clusters})
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("NAMESPACE", "OBJECT", "POLICY", *clusters):
        table.add_column(column, no_wrap=True)
    for binding in bindings:
        results = {result.name: result for result in binding.status.clusters}
        targets = {target.name: target for target in binding.spec.clusters}
        cells = [
            _cell(results.get(name), targets[name].replicas) if name in targets else "-" for name in clusters
        ]
        resource, policy = binding.spec.resource, binding.spec.policy
        table.add_row(
            resource.namespace or "-",
            f"{resource.plural}/{resource.name}",
            policy.name if policy else "-",
            *cells,
        )
    if not bindings:
        typer.echo("nothing is placed: no policy selects an object")
        return
    Console(width=None if Console().is_terminal else 160).print(table)


async def _bindings(api: Api, namespace: str) -> list[ResourceBinding]:
    bindings: list[ResourceBinding] = []
    for resource in _BINDINGS:
        if namespace and not resource.namespaced:
            continue
        async for page in api.list(resource, namespace=namespace or None):
            bindings += [ResourceBinding.model_validate(item) for item in page.items]
    return sorted(
        bindings, key=lambda b: (b.spec.resource.namespace, b.spec.resource.plural, b.metadata.name)
    )


def _cell(result: ClusterResult | None, wanted: int | None) -> str:
    if result is None:
        return "pending"
    if not result.applied:
        return result.reason or "pending"
    if wanted is not None:
        return f"{result.ready or 0}/{wanted} ready"
    return "applied" if result.health in ("Healthy", "Unknown") else result.health.lower()


def _row(binding: ResourceBinding) -> dict[str, Any]:
    return {
        "resource": binding.spec.resource.dump(),
        "policy": binding.spec.policy.dump() if binding.spec.policy else None,
        "clusters": [target.dump() for target in binding.spec.clusters],
        "status": binding.status.dump(),
    }
