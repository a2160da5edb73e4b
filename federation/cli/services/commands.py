"""atoll services, export and unexport: what they are asked. What they do is imported when they are run."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from federation.cli.host import Context, Kubeconfig, connected, run
from federation.cli.rollout.seeing import Output
from federation.cli.services.agent import agent

if TYPE_CHECKING:
    from federation.kube.api import Api

T = TypeVar("T")

_Service = Annotated[
    str, typer.Argument(metavar="NAMESPACE/NAME", help="A Service, the same name in all clusters.")
]
_Clusters = Annotated[
    list[str], typer.Option("--cluster", metavar="NAME", help="In this cluster; may be given again.")
]
_Timeout = Annotated[float, typer.Option(help="Seconds to wait until all clusters know of it.")]
_NoWait = Annotated[bool, typer.Option("--no-wait", help="Don't wait until others know of it.")]

services = typer.Typer(help="See the Services that clusters export, and why they are as they are.")
services.command("agent")(agent)


class Form(StrEnum):
    """How an explanation is printed."""

    TEXT = "text"
    JSON = "json"


@services.callback(invoke_without_command=True)
def list_(
    invoked: typer.Context,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", metavar="NAME", help="Only this namespace; default all.")
    ] = "",
    everywhere: Annotated[
        bool, typer.Option("-A", "--all-namespaces", help="Of all namespaces, whatever -n says.")
    ] = False,
    output: Annotated[Output, typer.Option("-o", "--output", help="How it is printed.")] = Output.TABLE,
) -> None:
    """List the Services that clusters export: type, ports, endpoints ready/all by cluster, conflicts."""
    if invoked.invoked_subcommand is not None:
        _has_no_options(invoked)
        return
    from federation.cli.services.listing import listed

    place = "" if everywhere else namespace
    if text := _on_host(kubeconfig, context, lambda api: listed(api, place, output)):
        typer.echo(text)


def _has_no_options(invoked: typer.Context) -> None:
    """Options before a subcommand would be those of the list, and silently ignored."""
    given = [name for name in invoked.params if _is_given(invoked, name)]
    if given:
        raise typer.BadParameter(f"give options after `{invoked.invoked_subcommand}`, not before it")


def _is_given(invoked: typer.Context, name: str) -> bool:
    source = invoked.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


@services.command()
def explain(
    service: _Service,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    without: Annotated[
        str, typer.Option(metavar="CLUSTER", help="Say instead what would change if this one's export ended.")
    ] = "",
    output: Annotated[Form, typer.Option("-o", "--output", help="How it is printed.")] = Form.TEXT,
) -> None:
    """Show of each property whose it is and who says otherwise, and where the endpoints are."""
    from federation.cli.services import explanation
    from federation.cli.services.known import known, service_named
    from federation.cli.services.signs import without_sign

    is_json = output is Form.JSON

    async def use(api: Api) -> str:
        found = await known(api, service_named(service))
        if without:
            departure = explanation.departure_as_json(found, without)
            return json.dumps(departure, indent=2) if is_json else explanation.departure_told(found, without)
        gone = await without_sign(api)
        if is_json:
            return json.dumps(explanation.as_json(found, gone), indent=2)
        return explanation.told(found, gone)

    typer.echo(_on_host(kubeconfig, context, use))


def export(
    service: _Service,
    clusters: _Clusters,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also where the Service is not there yet, or can't be exported.")
    ] = False,
    timeout: _Timeout = 60.0,
    no_wait: _NoWait = False,
) -> None:
    """Share a Service of some clusters with all: make its ServiceExport there, and say what comes of it."""
    from federation.cli.services import exporting
    from federation.cli.services.known import service_named

    async def use(api: Api) -> None:
        await exporting.export(
            api,
            service_named(service),
            clusters,
            force=force,
            timeout=None if no_wait else timeout,
            tell=typer.echo,
        )

    _on_host(kubeconfig, context, use)


def unexport(
    service: _Service,
    clusters: _Clusters,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask when it is the last export.")] = False,
    timeout: _Timeout = 60.0,
    no_wait: _NoWait = False,
) -> None:
    """Share a Service of some clusters no more: delete its ServiceExport there.

    On a terminal it asks before the last export ends, since all clusters lose the Service then.
    """
    from federation.cli.services import exporting
    from federation.cli.services.known import service_named

    def agree(loss: str) -> None:
        typer.echo(loss, err=True)
        if sys.stdin.isatty() and not yes:
            typer.confirm("Go on?", abort=True, err=True)

    async def use(api: Api) -> None:
        await exporting.unexport(
            api,
            service_named(service),
            clusters,
            timeout=None if no_wait else timeout,
            tell=typer.echo,
            agree=agree,
        )

    _on_host(kubeconfig, context, use)


def _on_host(kubeconfig: str | None, context: str | None, use: Callable[[Api], Awaitable[T]]) -> T:
    """Connect to the host and hand it over."""
    from federation.kube.errors import ApiError, NotServed

    async def work() -> T:
        try:
            return await connected(kubeconfig, context, use)
        except NotServed:
            raise ApiError("the host serves no ServiceSets; `atoll install` installs Atoll's kinds") from None

    return run(work())
