"""atoll adopt: what it is asked. What it does is imported when it is run."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from federation.cli.completion import cluster_names
from federation.cli.host import Context, Kubeconfig
from federation.cli.rollout.options import Namespace, on_host

if TYPE_CHECKING:
    from federation.cli.adopting.asking import Asked
    from federation.cli.adopting.proposal import Proposal
    from federation.kube.api import Api


class Output(StrEnum):
    """How an answer is printed."""

    TEXT = "text"
    NAME = "name"
    JSON = "json"
    YAML = "yaml"


def adopt(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="KIND/NAME...",
            help="Objects that run in the cluster, such as deployment/web; with -l, kinds.",
            show_default=False,
        ),
    ],
    cluster: Annotated[
        str,
        typer.Option("--from", metavar="CLUSTER", help="Where they run.", autocompletion=cluster_names),
    ],
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "",
    labels: Annotated[
        str, typer.Option("-l", "--selector", metavar="LABELS", help="Of the kinds, those with these labels.")
    ] = "",
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Also what would not stay as it is in the cluster.")
    ] = False,
    include_dependencies: Annotated[
        bool,
        typer.Option(
            "--include-dependencies",
            help="Also the ConfigMaps, Secrets, ServiceAccounts and claims that they name.",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would come of it only.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the controller, for each.")] = 60.0,
    host_id: Annotated[
        str, typer.Option("--host-id", help="As the controller's; default the host's own.")
    ] = "",
    output: Annotated[Output, typer.Option("-o", "--output", help="How it is printed.")] = Output.TEXT,
) -> None:
    """Bring what runs in a cluster under the federation, as it is: its pods are not restarted.

    The objects are created on the host, where a policy must have them in that cluster. All is checked before
    anything is written. Exit code 0: adopted, or with --dry-run would be. 1: refused, or not finished; the
    same command again finishes it.
    """
    from federation.cli.adopting.asking import Asked

    asked = Asked(tuple(what), cluster, labels, host_id, allow_changes, include_dependencies)

    async def use(api: Api, place: str) -> bool:
        return await _adopted(api, place, asked, output, None if dry_run else timeout)

    if not on_host(kubeconfig, context, namespace, use):
        raise typer.Exit(1)


async def _adopted(api: Api, namespace: str, asked: Asked, output: Output, seconds: float | None) -> bool:
    """Print what would come of it and do it, unless `seconds` is None; return whether all was well."""
    from federation.cli.adopting.asking import connected, proposals
    from federation.cli.adopting.carrying import carry
    from federation.cli.progress import Steps

    async with connected(api, asked, _tell) as source:
        found, refusals = await proposals(source, asked, namespace)
        if output is Output.TEXT:
            _print_plan(found)
        for refusal in refusals:
            _tell(f"error: {refusal}")
        if refusals:
            return False
        with Steps() as steps:
            for each in found:
                if seconds is not None:
                    await carry(source, each, seconds, steps)
                _print_outcome(each, output, adopted=seconds is not None)
    _print_data(found, output, adopted=seconds is not None)
    return True


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _print_plan(found: list[Proposal]) -> None:
    from federation.cli.adopting.telling import told

    for each in found:
        for line in told(each):
            typer.echo(line)


def _print_outcome(proposal: Proposal, output: Output, *, adopted: bool) -> None:
    from federation.cli.adopting.telling import label

    if output is Output.NAME:
        typer.echo(label(proposal.ref))
    elif output is Output.TEXT:
        typer.echo(f"{label(proposal.ref)} {'adopted' if adopted else 'would be adopted (dry run)'}")


def _print_data(found: list[Proposal], output: Output, *, adopted: bool) -> None:
    from federation.cli.adopting.telling import as_data
    from federation.cli.explaining.values import document

    if output in (Output.JSON, Output.YAML):
        typer.echo(document([as_data(each, adopted=adopted) for each in found], output))
