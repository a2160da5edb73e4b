"""atoll sandbox: a federation of real control planes on this machine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer

from federation.cli.progress import Steps
from federation.sandbox import binaries as programs
from federation.sandbox.clusters import Component
from federation.sandbox.errors import SandboxError
from federation.sandbox.plane import Role
from federation.sandbox.sandbox import Sandbox

sandbox = typer.Typer(
    help="Run a whole federation on this machine: a host, members, and the controller.", no_args_is_help=True
)


class Provider(StrEnum):
    """Who runs the clusters."""

    BINARIES = "binaries"
    KIND = "kind"


class Output(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    JSON = "json"


_Name = Annotated[str, typer.Option("--name", help="Name of the sandbox.")]


@sandbox.command()
def up(
    name: _Name = "dev",
    members: Annotated[int, typer.Option(min=0, max=200, help="How many members there are at least.")] = 3,
    api_only: Annotated[
        bool, typer.Option("--api-only", help="New members have an API server and nothing else: no pods run.")
    ] = False,
    provider: Annotated[
        Provider, typer.Option(help="binaries: processes of this machine; kind: containers, needs Docker.")
    ] = Provider.BINARIES,
) -> None:
    """Bring a sandbox up, or repair it: what does not run is started, what is missing is made."""
    with _steps() as report:
        made = Sandbox(name, report)
        made.up(members, Role.API_ONLY if api_only else Role.MEMBER, provider)
    typer.echo(f"sandbox {name} is up; to use it:\n  export KUBECONFIG={made.kubeconfig}")


@sandbox.command()
def down(name: _Name = "dev") -> None:
    """Stop every process of a sandbox and remove every file."""
    with _steps() as report:
        Sandbox(name, report).down()


@sandbox.command()
def status(
    name: _Name = "dev", output: Annotated[Output, typer.Option("-o", "--output")] = Output.TABLE
) -> None:
    """Show every component of a sandbox. The exit code is 1 when one does not run."""
    with _steps() as report:
        components = Sandbox(name, report).status()
    if output is Output.JSON:
        typer.echo(json.dumps([component._asdict() for component in components], indent=2))
    else:
        typer.echo(_table(components))
    if any(component.state != "Running" for component in components):
        raise typer.Exit(1)


@sandbox.command()
def kubeconfig(name: _Name = "dev") -> None:
    """Print the path of the kubeconfig, whose contexts are host, m1, m2 and so on."""
    with _steps() as report:
        path = Sandbox(name, report).existing_kubeconfig()
    typer.echo(path)


@sandbox.command()
def logs(
    component: Annotated[str, typer.Argument(help="`controller`, or as `host/kube-apiserver`.")],
    name: _Name = "dev",
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what is added.")] = False,
) -> None:
    """Print the end of a component's log."""
    with _steps() as report:
        command = Sandbox(name, report).log_command(component, follow)
    try:
        raise typer.Exit(subprocess.run(command).returncode)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@sandbox.command()
def stop(
    member: Annotated[str, typer.Argument(help="A cluster as `m1`, or `controller`.")], name: _Name = "dev"
) -> None:
    """Stop a cluster or the controller: an outage on purpose."""
    with _steps() as report:
        Sandbox(name, report).stop(member)


@sandbox.command()
def start(
    member: Annotated[str, typer.Argument(help="A cluster as `m1`, or `controller`.")], name: _Name = "dev"
) -> None:
    """Start again what `stop` has stopped."""
    with _steps() as report:
        Sandbox(name, report).start(member)


@sandbox.command()
def binaries() -> None:
    """Find the control-plane programs, or make them, which takes minutes; print their folder."""
    with _steps() as report:
        folder = programs.find(programs.PROGRAMS, report)
    typer.echo(folder)


@contextmanager
def _steps() -> Iterator[Steps]:
    """Show steps; a failure becomes a message and the exit code 1."""
    try:
        with Steps() as steps:
            yield steps
    except SandboxError as failure:
        typer.echo(f"error: {failure}", err=True)
        raise typer.Exit(1) from None


def _table(components: list[Component]) -> str:
    """Columns as wide as what is in them, as kubectl prints: nothing is cut off in a narrow terminal."""
    rows = [("CLUSTER", "COMPONENT", "PID", "STATE", "URL", "MEMORY"), *map(_row, components)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _row(component: Component) -> tuple[str, ...]:
    memory = "-" if component.memory is None else f"{component.memory >> 20} MiB"
    pid = str(component.pid or "-")
    return component.cluster or "-", component.name, pid, component.state, component.url or "-", memory
