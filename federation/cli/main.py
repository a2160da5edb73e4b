"""atoll: the command line. One module for each group of commands; this one puts them together."""

from __future__ import annotations

from typing import Annotated

import typer

from federation.cli import drain, install, members, placements, rebalance
from federation.cli.adopting.commands import adopt
from federation.cli.controller import controller
from federation.cli.convert import convert_command
from federation.cli.cordon import cordon, uncordon
from federation.cli.explaining import commands as explaining
from federation.cli.get.commands import get
from federation.cli.plan import plan_command
from federation.cli.rollout.commands import rollout
from federation.cli.sandbox import sandbox
from federation.cli.services import commands as services
from federation.cli.top.commands import top
from mcs.command import mcs

app = typer.Typer(
    name="atoll",
    help="Runs applications on many Kubernetes clusters: apply to the host, Atoll places them on members.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(sandbox, name="sandbox")
app.command("install")(install.install_command)
app.command("join")(members.join_command)
app.command("unjoin")(members.unjoin_command)
app.command("placements")(placements.placements_command)
app.command("plan")(plan_command)
app.command("convert")(convert_command)
app.command("adopt")(adopt)
app.command("rebalance")(rebalance.rebalance)
app.command("get")(get)
app.add_typer(top, name="top")
app.command("cordon")(cordon)
app.command("uncordon")(uncordon)
app.command("drain")(drain.drain)
app.command("explain")(explaining.explain)
app.command("render")(explaining.render)
app.command("diff")(explaining.diff)
app.add_typer(rollout, name="rollout")
app.add_typer(services.services, name="services")
app.command("export")(services.export)
app.command("unexport")(services.unexport)
app.command("controller")(controller)
app.command("mcs")(mcs)


@app.command()
def version(
    output: Annotated[str, typer.Option("-o", "--output", help="text or json")] = "text",
) -> None:
    """Print the version of this program."""
    from importlib.metadata import version as installed

    number = installed("atoll")
    typer.echo(f'{{"version": "{number}"}}' if output == "json" else f"atoll {number}")
