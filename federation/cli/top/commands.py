"""atoll top: what it is asked. What it does is imported when it is run."""

from __future__ import annotations

from typing import Annotated

import typer

from federation.cli.completion import cluster_names
from federation.cli.get.commands import Timeout
from federation.cli.host import Context, Kubeconfig, connected, run
from federation.cli.rollout.seeing import Output

top = typer.Typer(help="See how full the members are.", no_args_is_help=True)


@top.callback()
def group() -> None:
    """See how full the members are."""


@top.command()
def clusters(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="CLUSTER", help="Only these; default all.", autocompletion=cluster_names),
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: Annotated[Output, typer.Option("-o", "--output", help="How it is printed.")] = Output.TABLE,
    timeout: Timeout = 5.0,
) -> None:
    """Show of each member its nodes, and of CPU, memory and pods what is requested and what there is.

    Exit codes: 0 all clusters answered; 1 error; 3 a cluster did not answer: it is named, and the others are
    shown.
    """
    from federation.cli.top.clusters import show

    raise typer.Exit(run(connected(kubeconfig, context, lambda api: show(api, names or (), output, timeout))))
