"""atoll explain, render and diff: what they are asked. What they do is imported when they are run."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from federation.cli.completion import cluster_names, host_objects
from federation.cli.host import Context, Kubeconfig
from federation.cli.rollout.options import Namespace, on_host

if TYPE_CHECKING:
    from federation.cli.explaining.comparing import Compared
    from federation.cli.explaining.known import Known
    from federation.kube.api import Api

What = Annotated[
    list[str],
    typer.Argument(
        metavar="KIND/NAME",
        help="An object on the host, such as deployment/web; also as two words.",
        autocompletion=host_objects,
        show_default=False,
    ),
]
DIFFERS, FAILED = 1, 2
"""Exit codes of diff, as those of kubectl diff."""


class Output(StrEnum):
    """How an answer is printed."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


class Form(StrEnum):
    """How a manifest is printed."""

    YAML = "yaml"
    JSON = "json"


def explain(
    what: What,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "",
    output: Annotated[Output, typer.Option("-o", "--output", help="How it is printed.")] = Output.TEXT,
) -> None:
    """Say of an object which policy governs it, where it is and why, and what overrides change there."""
    from federation.cli.explaining.explanation import explained
    from federation.cli.explaining.known import known
    from federation.cli.explaining.telling import as_data, told
    from federation.cli.explaining.values import document

    async def use(api: Api, place: str) -> str:
        found = explained(await known(api, what, place))
        return told(found) if output is Output.TEXT else document(as_data(found), output)

    typer.echo(on_host(kubeconfig, context, namespace, use))


def render(
    what: What,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "",
    cluster: Annotated[
        str,
        typer.Option("--cluster", metavar="NAME", help="For this cluster.", autocompletion=cluster_names),
    ] = "",
    everywhere: Annotated[bool, typer.Option("--all", help="For each cluster it is placed on.")] = False,
    secrets: Annotated[
        bool, typer.Option("--show-secrets", help="With the values of a Secret, which are *** else.")
    ] = False,
    output: Annotated[Form, typer.Option("-o", "--output", help="How it is printed.")] = Form.YAML,
) -> None:
    """Print the manifest that a cluster is to hold of an object, without Atoll's marks."""
    from federation.cli.explaining.known import known
    from federation.cli.explaining.rendering import rendered

    if bool(cluster) == everywhere:
        raise typer.BadParameter("name a cluster with --cluster, or give --all")

    async def use(api: Api, place: str) -> str:
        found = await known(api, what, place)
        names = [] if everywhere else [cluster]
        return await rendered(found, names, output, _tell, secrets=secrets, whole=everywhere)

    typer.echo(on_host(kubeconfig, context, namespace, use))


def diff(
    what: What,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "",
    clusters: Annotated[
        list[str] | None,
        typer.Option(
            "--cluster",
            metavar="NAME",
            help="In this cluster only; may be given again.",
            autocompletion=cluster_names,
        ),
    ] = None,
    output: Annotated[Output, typer.Option("-o", "--output", help="How it is printed.")] = Output.TEXT,
) -> None:
    """Show where an object in the clusters is not as the host wants it; what others own there is left out.

    Exit codes, as those of kubectl diff: 0 no difference; 1 differences; 2 something could not be compared.
    Values of Secrets are shown as ***.
    """
    from federation.cli.explaining.comparing import compared
    from federation.cli.explaining.known import known
    from federation.cli.explaining.rendering import intent_of

    async def use(api: Api, place: str) -> tuple[Known, list[Compared]]:
        found = await known(api, what, place)
        return found, await compared(found, await intent_of(found, clusters or [], _tell), _tell)

    try:
        found, results = on_host(kubeconfig, context, namespace, use)
    except typer.Exit:
        raise typer.Exit(FAILED) from None  # 1 says that there are differences
    _print_diff(found, results, output)
    for failure in (each.failure for each in results if each.failure):
        typer.echo(f"error: {failure}", err=True)
    if any(each.failure for each in results):
        raise typer.Exit(FAILED)
    if any(each.differs for each in results):
        raise typer.Exit(DIFFERS)


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _print_diff(known: Known, results: list[Compared], output: Output) -> None:
    from federation.cli.explaining.comparing import as_data, told
    from federation.cli.explaining.values import document

    if output is not Output.TEXT:
        typer.echo(document([as_data(each) for each in results], output))
        return
    colors = {"-": "red", "+": "green", "@": "cyan"}
    for result in results:
        for line in told(known.ref, result):
            typer.secho(line, fg=colors.get(line[0]))
