"""atoll controller: the controller process, the same as `python -m federation`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from federation.cli.host import Context, Kubeconfig
from federation.settings import EVICTIONS, STALENESS, Evictions, Settings, Webhook, identity
from mcs.command import FrozenAfter, SignOfLife, SilentAfter, staleness


def controller(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    host_id: Annotated[
        str, typer.Option(metavar="ID", help="Take up the members of the host that had this id.")
    ] = "",
    metrics_port: Annotated[int, typer.Option(help="Port of /metrics, /healthz and /readyz.")] = 8080,
    metrics_address: Annotated[str, typer.Option(help="Address they listen on.")] = "127.0.0.1",
    webhook_port: Annotated[int, typer.Option(help="Port of the webhooks; 0 serves none.")] = 0,
    webhook_address: Annotated[str, typer.Option(help="Address they listen on.")] = "127.0.0.1",
    webhook_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Their certificate (PEM).")
    ] = None,
    webhook_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key (PEM).")] = None,
    sign_of_life: SignOfLife = STALENESS.renew,
    silent_after: SilentAfter = STALENESS.silent,
    frozen_after: FrozenAfter = STALENESS.frozen,
    not_ready_grace: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="Until a cluster that is not ready is left."),
    ] = EVICTIONS.grace,
    eviction_rate: Annotated[
        float, typer.Option(metavar="NUMBER", help="Workloads that begin to leave one cluster, a second.")
    ] = EVICTIONS.rate,
    eviction_brake: Annotated[
        float, typer.Option(metavar="SHARE", help="Nothing leaves while more clusters are not ready.")
    ] = EVICTIONS.brake,
) -> None:
    """Run the controller until it is told to stop."""
    from federation.operator import run  # kopf is needed by this command only

    webhook = None
    if webhook_port:
        if webhook_cert is None or webhook_key is None:
            raise typer.BadParameter("--webhook-port needs --webhook-cert and --webhook-key")
        webhook = Webhook(webhook_port, str(webhook_cert), str(webhook_key), webhook_address)
    try:
        evictions = Evictions(not_ready_grace, eviction_rate, eviction_brake)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    settings = Settings(
        kubeconfig=kubeconfig,
        context=context,
        host_id=host_id,
        identity=identity(),
        metrics_port=metrics_port,
        metrics_address=metrics_address,
        webhook=webhook,
        staleness=staleness(sign_of_life, silent_after, frozen_after),
        evictions=evictions,
    )
    raise typer.Exit(run(settings))
