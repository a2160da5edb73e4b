"""atoll rebalance: have what is placed placed afresh, by the capacity and the clusters that there are now.

It asks by `spec.rebalanceTriggeredAt` of the bindings; the controller takes that out with its decision.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from federation.cli.bindings import bindings_of, label_of, placed_on
from federation.cli.host import Context, Kubeconfig, connected, run
from federation.cli.rollout.target import default_namespace
from federation.kube.api import Api, Resource
from federation.kube.discovery import Discovery
from federation.kube.errors import ApiError, NotFound
from federation.kube.types import ServedType, named
from federation.resources import CLUSTER_RESOURCE_BINDING, RESOURCE_BINDING
from federation.timestamps import utc_now
from policies.api.binding import ResourceBinding, TargetCluster
from policies.api.meta import Condition
from policies.matching import group_of

FIELD_MANAGER = "atoll-cli"
_INTERVAL = 0.2
"""Seconds between two looks at bindings whose decision is awaited."""


def rebalance(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KIND/NAME]...", help="Templates, such as deployment/web."),
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", metavar="NAME", help="Their namespace; default as kubectl's.")
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="All that is placed in the namespace.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the decisions.")] = 30.0,
) -> None:
    """Place templates afresh: divide replicas by the capacity there is now, and begin with the first group of
    clusterAffinities.

    Ends with 1 if a template can't be placed as wished; it stays where it is then, and moves when it can be.
    """
    if bool(what) == everything:
        raise typer.BadParameter("name templates as KIND/NAME, or give --all for all of the namespace")

    async def work(api: Api) -> bool:
        inside = namespace or default_namespace(kubeconfig, context)
        bindings = await _chosen(api, what or [], inside)
        asked = await asyncio.gather(*(_ask(api, binding) for binding in bindings))
        told = [await _told(api, binding, timeout) for binding in asked]
        for line, _ in told:
            typer.echo(line)
        return all(done for _, done in told)

    if not run(connected(kubeconfig, context, work)):
        raise typer.Exit(1)


async def _chosen(api: Api, what: Sequence[str], namespace: str) -> list[ResourceBinding]:
    """Return the bindings of templates, or without any those of the namespace that a policy governs.

    :raises ApiError: there are none
    """
    inside = await bindings_of(api, RESOURCE_BINDING, namespace)
    if what:
        known = [*inside, *await bindings_of(api, CLUSTER_RESOURCE_BINDING, None)]
        discovery = Discovery(api)
        await discovery.refresh()
        return [_named(each, known, discovery.types, namespace) for each in what]
    if governed := [binding for binding in inside if binding.spec.policy is not None]:
        return sorted(governed, key=label_of)
    raise ApiError(f"{namespace}: no policy places anything of this namespace; name another one with -n")


def _named(
    what: str, known: Sequence[ResourceBinding], types: Sequence[ServedType], namespace: str
) -> ResourceBinding:
    """Return the binding of a template."""
    word, _, name = what.rpartition("/")
    kinds = [(each.group, each.plural) for each in named(types, word)]
    found = [each for each in known if each.spec.resource.name == name and _kind(each) in kinds]
    if not found or found[0].spec.policy is None:
        raise ApiError(
            f"{what} in {namespace}: no policy places it; name it as KIND/NAME, such as deployment/web: "
            f"`atoll placements -n {namespace}` shows what is placed"
        )
    return found[0]


def _kind(binding: ResourceBinding) -> tuple[str, str]:
    resource = binding.spec.resource
    return group_of(resource.api_version), resource.plural


async def _ask(api: Api, binding: ResourceBinding) -> ResourceBinding:
    body = {"spec": {"rebalanceTriggeredAt": utc_now()}}
    resource, metadata = _resource(binding), binding.metadata
    await api.patch(resource, metadata.name, metadata.namespace or None, body, manager=FIELD_MANAGER)
    return binding


async def _told(api: Api, before: ResourceBinding, seconds: float) -> tuple[str, bool]:
    """Wait for a decision; return what came of it, and whether it is as wished."""
    resource, label = _resource(before), label_of(before)
    metadata, until = before.metadata, asyncio.get_running_loop().time() + seconds
    while True:
        try:
            live = await api.get(resource, metadata.name, metadata.namespace or None)
        except NotFound:
            return f"{label}: gone meanwhile", True
        now = ResourceBinding.model_validate(live)
        if now.spec.rebalance_triggered_at is None:
            return f"{label}: {_moved(before.spec.clusters, now.spec.clusters)}", True
        said = _scheduled(now)
        if said is not None or asyncio.get_running_loop().time() >= until:
            return f"{label}: not placed afresh yet: {_why(said)}", False
        await asyncio.sleep(_INTERVAL)


def _scheduled(binding: ResourceBinding) -> Condition | None:
    """Return what was decided since it was asked for; None if nothing was so far."""
    conditions, generation = binding.status.conditions, binding.metadata.generation
    return next(
        (c for c in conditions if c.type == "Scheduled" and c.observed_generation >= generation), None
    )


def _why(said: Condition | None) -> str:
    if said is not None:
        return f"{said.reason}: {said.message}"
    return "no controller took it up so far; see `kubectl -n atoll-system get lease atoll-controller`"


def _moved(before: Sequence[TargetCluster], now: Sequence[TargetCluster]) -> str:
    if list(before) == list(now):
        return f"stays on {placed_on(now)}"
    return f"from {placed_on(before)} to {placed_on(now)}"


def _resource(binding: ResourceBinding) -> Resource:
    return RESOURCE_BINDING if binding.metadata.namespace else CLUSTER_RESOURCE_BINDING
