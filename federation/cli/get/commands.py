"""atoll get: what it is asked. What it does is imported when it is run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from federation.cli.completion import cluster_names, kinds, object_names
from federation.cli.host import Context, Kubeconfig, connected, run
from federation.cli.rollout.seeing import Output

if TYPE_CHECKING:
    from federation.kube.api import Api

Clusters = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster",
        metavar="NAME",
        help="Only this cluster; may be given again.",
        autocompletion=cluster_names,
    ),
]
Timeout = Annotated[
    float, typer.Option(min=0.1, metavar="SECONDS", help="How long a cluster has for each answer.")
]


def get(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="As with kubectl: deploy, several as in deploy,svc, or deployment/web.",
            autocompletion=kinds,
        ),
    ],
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Only these; default all.", autocompletion=object_names),
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", metavar="NAME", help="Its namespace; default as kubectl's.")
    ] = "",
    everywhere: Annotated[bool, typer.Option("-A", "--all-namespaces", help="Of all namespaces.")] = False,
    labels: Annotated[
        str, typer.Option("-l", "--selector", metavar="SELECTOR", help="Labels, such as app=web,tier!=db.")
    ] = "",
    fields: Annotated[
        str,
        typer.Option("--field-selector", metavar="SELECTOR", help="Fields, such as status.phase=Running."),
    ] = "",
    clusters: Clusters = None,
    output: Annotated[Output, typer.Option("-o", "--output", help="How it is printed.")] = Output.TABLE,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on and show what changes, until interrupted.")
    ] = False,
    timeout: Timeout = 5.0,
) -> None:
    """Show objects of all members, in the columns of kubectl, with the cluster each is in.

    Exit codes: 0 all clusters answered; 1 error: no cluster has such a kind, or an object of that name;
    3 a cluster did not answer, or not to all that was asked: it is named, and what others say is shown.
    """
    from federation.cli.get.following import follow
    from federation.cli.get.question import Question, wanted_of
    from federation.cli.get.showing import show
    from federation.cli.rollout.target import default_namespace

    if watch and output not in (Output.TABLE, Output.WIDE):
        raise typer.BadParameter("--watch prints rows; it goes with -o table or wide")

    async def use(api: Api) -> int:
        wanted = wanted_of([kind, *(names or ())])
        place = None if everywhere else namespace or default_namespace(kubeconfig, context)
        question = Question(wanted, place, labels, fields, metadata_only=output is Output.NAME)
        if question.by_name and (labels or fields):
            raise typer.BadParameter("give either names or selectors")
        if watch:
            return await follow(api, question, clusters or (), timeout, wide=output is Output.WIDE)
        early = sys.stdout.isatty()
        return await show(api, question, clusters or (), output, timeout, early=early)

    raise typer.Exit(run(connected(kubeconfig, context, use)))
