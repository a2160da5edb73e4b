"""atoll install: what a host needs before the controller starts."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from federation.cli.host import Context, Kubeconfig, connected, run
from federation.install import install, manifests


def install_command(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the manifests, apply nothing.")] = False,
    webhook_url: Annotated[
        str, typer.Option(metavar="URL", help="Where the API server reaches the controller's webhooks.")
    ] = "",
    webhook_ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CA of the webhooks' certificate (PEM).")
    ] = None,
) -> None:
    """Install Atoll's kinds, roles and webhook configuration on the host. Run again, it brings them up to
    date.
    """
    client_config = _client_config(webhook_url, webhook_ca)
    if dry_run:
        typer.echo(yaml.safe_dump_all(manifests(client_config), sort_keys=False).rstrip())
        return
    run(connected(kubeconfig, context, lambda api: install(api, client_config)))
    typer.echo(f"installed {len(manifests(client_config))} objects")


def _client_config(url: str, ca: Path | None) -> dict[str, Any] | None:
    if not url:
        return None
    if ca is None:
        raise typer.BadParameter("--webhook-url needs --webhook-ca: the API server verifies the certificate")
    return {"url": url, "caBundle": base64.b64encode(ca.read_bytes()).decode()}
