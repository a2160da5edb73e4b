"""atoll services agent: where what exports and imports a cluster's Services runs. What is asked for it."""

from __future__ import annotations

from typing import Annotated

import typer

from federation.cli.host import Context, Kubeconfig, run


def agent(
    name: Annotated[str, typer.Argument(metavar="CLUSTER", help="Name of the Cluster.")],
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    image: Annotated[
        str, typer.Option(metavar="IMAGE", help="Run it in the member, in a Deployment of this image.")
    ] = "",
    print_: Annotated[
        bool,
        typer.Option("--print", help="Make its credential and print what the member needs; change no more."),
    ] = False,
    host: Annotated[
        bool, typer.Option("--host", help="Run it in the controller again, and take the credential back.")
    ] = False,
    server: Annotated[
        str, typer.Option(metavar="URL", help="Where the member reaches the host; default as you do.")
    ] = "",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the Deployment.")] = 120.0,
) -> None:
    """Have a cluster's Services exported and imported by an agent in the cluster, or by the host again.

    Nothing of what is exported or imported is touched by the change.
    """
    from federation.cli.services import handover

    if host == bool(image or print_):
        raise typer.BadParameter("give --image, or --print, or --host alone")
    place = handover.HostPlace(kubeconfig, context, server)
    if host:
        run(handover.to_host(place, name))
        typer.echo(f"the controller carries the Services of cluster {name}")
    elif print_:
        typer.echo(run(handover.prepared(place, name, image or None)))
    else:
        run(handover.to_member(place, name, image, timeout))
        typer.echo(
            f"an agent in cluster {name} carries its Services; see `kubectl get cluster {name} -o yaml`"
        )
