"""atoll join and atoll unjoin: clusters come and go."""

from __future__ import annotations

import asyncio
import base64
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from federation.cli.host import run
from federation.kube.api import Api
from federation.kube.config import Configuration, load
from federation.kube.errors import ApiError, Forbidden, NotFound
from federation.members.join import Address, Traits, detach, forget_host, join, leave
from federation.members.networks import overlap
from federation.resources import CLUSTER
from federation.setup import host_id_of
from mcs.install import install, withdraw

_Host = Annotated[
    str | None,
    typer.Option("--host-kubeconfig", metavar="FILE", help="Kubeconfig of the host; default as kubectl's."),
]
_HostContext = Annotated[
    str | None, typer.Option("--host-context", metavar="NAME", help="Context of the host in that kubeconfig.")
]
_Member = Annotated[
    str | None, typer.Option("--kubeconfig", metavar="FILE", help="Kubeconfig of the member.")
]
_MemberContext = Annotated[
    str | None, typer.Option("--context", metavar="NAME", help="Context of the member in that kubeconfig.")
]


def join_command(
    name: Annotated[str, typer.Argument(help="Name of the Cluster, such as eu-west-1.")],
    kubeconfig: _Member = None,
    context: _MemberContext = None,
    host_kubeconfig: _Host = None,
    host_context: _HostContext = None,
    cluster_admin: Annotated[
        bool, typer.Option("--cluster-admin", help="Give Atoll every right in the member.")
    ] = False,
    label: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Label of the Cluster.")
    ] = None,
    provider: Annotated[str, typer.Option(help="Who runs the cluster.")] = "",
    region: Annotated[str, typer.Option(help="Its region.")] = "",
    zone: Annotated[list[str] | None, typer.Option(help="A zone of it; may be given again.")] = None,
) -> None:
    """Make a cluster a member of the federation. Run again, it renews the credentials."""
    traits = Traits(_labels(label or []), provider, region, tuple(zone or ()), cluster_admin)
    warning = run(_join(name, (kubeconfig, context), (host_kubeconfig, host_context), traits))
    if warning:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"cluster {name} joined; see `kubectl get cluster {name}`")


async def _join(
    name: str, member: tuple[str | None, str | None], host: tuple[str | None, str | None], traits: Traits
) -> str:
    """Join a member; return what is wrong with its pod network, or nothing."""
    configuration = await load(*member)
    async with Api(await load(*host)) as host_api, Api(configuration) as member_api:
        await join(host_api, member_api, name, address_of(configuration), traits)
        await install(member_api, name, await host_id_of(host_api))
        with suppress(Forbidden):  # who joins a cluster need not see all others
            found = await overlap(host_api, member_api, name)
            return found.message if found is not None else ""
    return ""


def address_of(configuration: Configuration) -> Address:
    """Return where a configuration leads, without its credentials."""
    ca = Path(configuration.ssl_ca_cert).read_bytes() if configuration.ssl_ca_cert else None
    return Address(
        server=configuration.host,
        ca_data=base64.b64encode(ca).decode() if ca else None,
        tls_server_name=configuration.tls_server_name,
        proxy_url=configuration.proxy,
    )


def unjoin_command(
    name: Annotated[str, typer.Argument(help="Name of the Cluster.")],
    host_kubeconfig: _Host = None,
    host_context: _HostContext = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave in the member what was propagated, without our marks.")
    ] = False,
    detached: Annotated[
        bool, typer.Option("--detach", help="Never contact the member: forget it as it is, marks included.")
    ] = False,
    kubeconfig: _Member = None,
    context: Annotated[
        str | None,
        typer.Option(
            "--context",
            metavar="NAME",
            help="Context of the member: with it, Atoll's account there is removed, too.",
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the member to be clean.")] = 300.0,
) -> None:
    """Let a cluster leave the federation; what was propagated to it is removed, or with --keep left."""
    if detached and (keep or kubeconfig or context):
        raise typer.BadParameter("--detach leaves everything as it is; it goes with no other option")
    if detached:
        run(_detach(name, host_kubeconfig, host_context))
    else:
        run(_leave(name, host_kubeconfig, host_context, "Keep" if keep else "Delete", timeout))
        if kubeconfig or context:
            run(_forget(kubeconfig, context))
    typer.echo(f"cluster {name} has left")


async def _detach(name: str, kubeconfig: str | None, context: str | None) -> None:
    async with Api(await load(kubeconfig, context)) as host:
        await detach(host, name)


async def _leave(
    name: str, kubeconfig: str | None, context: str | None, removal: str, timeout: float
) -> None:
    async with Api(await load(kubeconfig, context)) as host:
        await leave(host, name, removal=removal)
        try:
            async with asyncio.timeout(timeout):
                await _gone(host, name)
        except TimeoutError:
            raise ApiError(
                f"cluster {name} is still leaving after {timeout:.0f} s: see its condition Leaving in "
                f"`kubectl get cluster {name} -o yaml`; `atoll unjoin {name} --detach` forgets it as it is"
            ) from None


async def _gone(host: Api, name: str) -> None:
    told = ""
    while True:
        try:
            cluster = await host.get(CLUSTER, name)
        except NotFound:
            return
        conditions = cluster.get("status", {}).get("conditions", [])
        message = next((c["message"] for c in conditions if c["type"] == "Leaving"), "")
        if message and message != told:
            typer.echo(message, err=True)
            told = message
        await asyncio.sleep(0.5)


async def _forget(kubeconfig: str | None, context: str | None) -> None:
    async with Api(await load(kubeconfig, context)) as member:
        await withdraw(member)
        await forget_host(member)


def _labels(pairs: list[str]) -> dict[str, str]:
    labels = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise typer.BadParameter(f"--label {pair}: give it as key=value")
        labels[key] = value
    return labels
