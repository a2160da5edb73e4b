"""`atoll mcs`, the same as `python -m mcs`."""

from __future__ import annotations

from typing import Annotated

import typer

from federation.settings import STALENESS, Staleness

SignOfLife = Annotated[
    float, typer.Option(metavar="SECONDS", help="Between two signs of life of a member that exports.")
]
SilentAfter = Annotated[
    float, typer.Option(metavar="SECONDS", help="Without one, others do without its endpoints.")
]
FrozenAfter = Annotated[
    float, typer.Option(metavar="SECONDS", help="The same, while only its API server does not answer.")
]


def mcs(
    cluster: Annotated[str, typer.Option(metavar="NAME", help="The Cluster of the member.")],
    host_kubeconfig: Annotated[
        str, typer.Option(metavar="FILE", help="Kubeconfig of the host, with the agent's credential.")
    ],
    host_context: Annotated[
        str | None, typer.Option(metavar="NAME", help="Context of the host in that kubeconfig.")
    ] = None,
    kubeconfig: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Kubeconfig of the member; default as kubectl's, then the pod's."),
    ] = None,
    context: Annotated[
        str | None, typer.Option(metavar="NAME", help="Context of the member in that kubeconfig.")
    ] = None,
    metrics_port: Annotated[int, typer.Option(help="Port of /metrics, /healthz and /readyz.")] = 8080,
    metrics_address: Annotated[str, typer.Option(help="Address they listen on.")] = "127.0.0.1",
    sign_of_life: SignOfLife = STALENESS.renew,
    silent_after: SilentAfter = STALENESS.silent,
    frozen_after: FrozenAfter = STALENESS.frozen,
) -> None:
    """Export and import Services for the member it runs in, until it is told to stop."""
    from mcs.process import Settings, run

    settings = Settings(
        cluster=cluster,
        host_kubeconfig=host_kubeconfig,
        host_context=host_context,
        kubeconfig=kubeconfig,
        context=context,
        metrics_port=metrics_port,
        metrics_address=metrics_address,
        staleness=staleness(sign_of_life, silent_after, frozen_after),
    )
    raise typer.Exit(run(settings))


def staleness(renew: float, silent: float, frozen: float) -> Staleness:
    """Return what the three options say.

    :raises typer.BadParameter: together they make no sense
    """
    try:
        return Staleness(renew, silent, frozen, grace=min(STALENESS.grace, renew / 2))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
