"""atoll drain: have everything leave a cluster that does not say it tolerates that.

It is the controller that moves things, at its pace and within its brake, for a taint on the Cluster; this
puts it there and tells how far it is. Interrupted, the drain goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Annotated

import typer

from federation.cli.bindings import bindings_of, label_of, placed_on
from federation.cli.completion import cluster_names
from federation.cli.cordon import cordoned, put
from federation.cli.host import Context, Kubeconfig, connected, run
from federation.cli.reach import cluster_named
from federation.controllers.kinds import Broken, has_ended, propagation_of
from federation.kube.api import Api, Resource
from federation.kube.errors import NotFound
from federation.resources import (
    CLUSTER_PROPAGATION,
    CLUSTER_RESOURCE_BINDING,
    PROPAGATION,
    RESOURCE_BINDING,
)
from federation.timestamps import utc_now
from policies.api.binding import ResourceBinding
from policies.api.meta import Taint
from policies.api.propagation import PropagationPolicy
from policies.draining import Course, course
from policies.eviction import DRAIN_TAINT

JOBS = Resource("batch", "v1", "jobs", "Job")
_INTERVAL = 0.5
"""Seconds between two looks at bindings."""


def drain(
    name: Annotated[
        str, typer.Argument(metavar="CLUSTER", help="Name of a Cluster.", autocompletion=cluster_names)
    ],
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait until all has left; 0 does not wait.")] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would leave, and what not.")
    ] = False,
) -> None:
    """Have workloads leave a cluster, and keep new ones away; `atoll uncordon` takes it back.

    Ends with 0 when all has left but what is said to stay, with 1 when something has not after --timeout.
    """
    if not run(connected(kubeconfig, context, lambda api: _drain(api, name, timeout, dry_run))):
        raise typer.Exit(1)


async def _drain(host: Api, name: str, timeout: float, dry_run: bool) -> bool:
    await cluster_named(host, name)
    before = await _course(host, name)
    for label, why in sorted(before.stays.items()):
        typer.echo(f"{label} stays: {why}")
    if dry_run:
        for label in sorted({*before.waits, *before.leaves}):
            typer.echo(f"{label} would leave")
        return True
    changed = await put(host, name, _drained)
    typer.echo(f"cluster/{name} {'is being drained' if changed else 'is being drained already'}")
    return await _followed(host, name, before, timeout)


async def _followed(host: Api, name: str, before: Course, timeout: float) -> bool:
    """Tell what leaves until nothing is to leave any more; return whether it came to that."""
    until = asyncio.get_running_loop().time() + timeout
    total, said = len(before.waits) + len(before.leaves), set[str]()
    while True:
        now = await _course(host, name)
        for line in _news(now):
            if line not in said:
                said.add(line)
                typer.echo(line)
        left = len(now.waits) + len(now.leaves)
        if not left:
            rest = f", {len(now.stays)} {'stays' if len(now.stays) == 1 else 'stay'}" if now.stays else ""
            typer.echo(f"cluster/{name} drained: {total} left{rest}")
            return True
        if timeout and asyncio.get_running_loop().time() >= until:
            typer.echo(f"cluster/{name}: {left} of {total} are to leave yet; it goes on without this command")
            return False
        await asyncio.sleep(_INTERVAL)


def _news(now: Course) -> Iterable[str]:
    for label, binding in sorted(now.leaves.items()):
        yield f"{label}: to {placed_on(binding.spec.clusters)}; its old copy is there yet"
    for label, why in sorted(now.waits.items()):
        yield f"{label}: {why}"


async def _course(host: Api, name: str) -> Course:
    bindings = [
        *await bindings_of(host, RESOURCE_BINDING, None),
        *await bindings_of(host, CLUSTER_RESOURCE_BINDING, None),
    ]
    concerned = [binding for binding in bindings if any(t.name == name for t in binding.spec.clusters)]
    ended = {label_of(each) for each in concerned if await _has_ended(host, each)}
    return course(name, bindings, await _policies(host), ended, label_of)


async def _has_ended(host: Api, binding: ResourceBinding) -> bool:
    """Whether a binding is that of a Job that is over."""
    job = binding.spec.resource
    if (job.api_version, job.kind) != ("batch/v1", JOBS.kind):
        return False
    with suppress(NotFound):
        return has_ended((await host.get(JOBS, job.name, job.namespace)).get("status") or {})
    return False


async def _policies(host: Api) -> Callable[[ResourceBinding], PropagationPolicy | None]:
    """Return what finds the policy of a binding."""
    found: dict[tuple[str, str, str], PropagationPolicy] = {}
    for resource in (PROPAGATION, CLUSTER_PROPAGATION):
        async for page in host.list(resource):
            for policy in map(propagation_of, page.items):
                if not isinstance(policy, Broken):
                    found[resource.kind, policy.metadata.namespace, policy.metadata.name] = policy

    def policy_of(binding: ResourceBinding) -> PropagationPolicy | None:
        named = binding.spec.policy
        return found.get((named.kind, named.namespace, named.name)) if named else None

    return policy_of


def _drained(taints: Sequence[Taint]) -> list[Taint]:
    if any(taint.key == DRAIN_TAINT for taint in taints):
        return cordoned(taints)
    return [*cordoned(taints), Taint(key=DRAIN_TAINT, effect="NoExecute", time_added=utc_now())]
