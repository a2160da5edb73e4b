"""atoll rollout list, status and plan: what they are asked."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from federation.cli.host import Context, Kubeconfig, run
from federation.cli.rollout.options import Namespace, What, on_host

if TYPE_CHECKING:
    from federation.kube.api import Api


class Output(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


def _seconds(text: str) -> float:
    """Read `90`, `90s`, `10m` or `1h30m`."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text)
    if not text or found is None:
        raise typer.BadParameter(f"{text}: give a duration such as 90s, 10m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def _replicas(text: str) -> dict[str, int]:
    """Read `m1=50,m2=30`."""
    replicas = {}
    for pair in text.split(",") if text else ():
        name, _, count = pair.strip().partition("=")
        if not name or not count.isdigit():
            raise typer.BadParameter(f"{pair}: give each cluster its pods, as in m1=50,m2=30")
        replicas[name] = int(count)
    return replicas


def list_(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "",
    everywhere: Annotated[bool, typer.Option("-A", "--all-namespaces", help="Of all namespaces.")] = False,
    output: Annotated[Output, typer.Option("-o", "--output", help="How it is printed.")] = Output.TABLE,
) -> None:
    """List runs: which workload, at which step, how far, and why."""
    from federation.cli.rollout.listing import listed

    typer.echo(
        on_host(
            kubeconfig,
            context,
            namespace,
            lambda api, place: listed(api, None if everywhere else place, output),
        )
    )


def status(
    what: What,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "",
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Until the run is over, or halted and needs somebody.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            parser=_seconds, metavar="DURATION", help="With --watch: how long at most, such as 10m."
        ),
    ] = None,
) -> None:
    """Show where a release stands, in all and in each cluster.

    Exit codes: 0 completed, or without --watch under way; 1 error; 2 halted, cancelled or superseded;
    3 rolled back; 4 still under way after --timeout.
    """
    from federation.cli.rollout.status import follow, show

    async def use(api: Api, place: str) -> int:
        return await (follow(api, what, place, timeout) if watch else show(api, what, place))

    raise typer.Exit(on_host(kubeconfig, context, namespace, use))


def plan(
    what: Annotated[
        str | None,
        typer.Argument(metavar="[KIND/NAME]", help="A workload on the host, such as deployment/web."),
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "-f", "--filename", metavar="FILE", help="A workload, and policies, that need not be stored."
        ),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The RolloutPolicy; default the one that governs it.")
    ] = None,
    clusters: Annotated[
        str, typer.Option(metavar="NAME=PODS,…", help="Pods of each cluster; default as it is placed.")
    ] = "",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "",
) -> None:
    """Show what a release would do: for each step the pods of each cluster at the new revision.

    With --clusters and a policy in a file the host is not asked. WAVES counts how often clusters are
    permitted more in a step, each time when the pods of the time before are ready.
    """
    from federation.cli.rollout.planning import Given, offline, online, read
    from federation.kube.errors import ApiError

    async def given() -> Given:
        return read(files or [], policy, _replicas(clusters))

    if what and files:
        raise typer.BadParameter("give either KIND/NAME or -f")
    facts = run(given())
    if not facts.is_complete or what:
        typer.echo(
            on_host(kubeconfig, context, namespace, lambda api, place: online(api, what, place, facts))
        )
        return
    try:
        typer.echo(offline(facts))
    except ApiError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
