"""atoll plan: what would change if some manifests were applied. Nothing is written."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from federation.cli.host import Context, Kubeconfig, connected, run

if TYPE_CHECKING:
    from federation.manifests import Document
    from federation.planning import Planned

T = TypeVar("T")
TOO_MANY = 3
"""The exit code of a plan that deletes or moves more copies than allowed."""


class Output(StrEnum):
    """How a plan is printed."""

    TEXT = "text"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


def plan_command(
    files: Annotated[
        list[str],
        typer.Option("-f", "--filename", metavar="FILE", help="A file, a directory, or - for the input."),
    ],
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    base: Annotated[
        list[str] | None,
        typer.Option("--base", metavar="FILE", help="What there is now, from files; default nothing."),
    ] = None,
    from_live: Annotated[
        bool, typer.Option("--from-live", help="What there is now, from the host, which is only read.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="What is in --base and not in -f is to go, as GitOps tools do.")
    ] = False,
    recursive: Annotated[
        bool, typer.Option("-R", "--recursive", help="The directories below a directory, too.")
    ] = False,
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", help="Of objects that name none; default as kubectl's.")
    ] = "",
    max_deletions: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="More deletions end with exit code 3; default 10 or a fifth."),
    ] = None,
    max_moves: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="More moves end with exit code 3; default 10 or a fifth."),
    ] = None,
    output: Annotated[Output, typer.Option("-o", "--output", help="How it is printed.")] = Output.TEXT,
) -> None:
    """Show what would become of the copies in all clusters if manifests were applied; write nothing.

    Exit code 0: a plan. 1: the files or the host can't be read. 3: more deletions or moves than allowed.
    """
    from federation.planning import offline
    from policies.planning.comparison import beyond

    if from_live and (base or prune):
        raise typer.BadParameter("--from-live takes the host for the base; leave out --base and --prune")
    with _without_collecting():
        given = documents(files, recursive)
        if from_live:
            planned = _live(given, kubeconfig, context, namespace)
        else:
            present = documents(base or [], recursive)
            planned = _told(lambda: offline(given, present, namespace or "default", prune=prune))
        _show(planned, output)
    exceeded = beyond(planned.plan, {"delete": max_deletions, "move": max_moves})
    for action, most in exceeded.items():
        option, done = {"delete": ("--max-deletions", "deleted"), "move": ("--max-moves", "moved")}[action]
        count = planned.plan.counts()[action]
        typer.echo(
            f"error: {count} {'copy' if count == 1 else 'copies'} would be {done}, and at most {most} may; "
            f"if that is meant, allow it by {option}",
            err=True,
        )
    if exceeded:
        raise typer.Exit(TOO_MANY)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Look for no garbage: thousands of manifests hold none, and the search takes a quarter of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def documents(files: list[str], recursive: bool) -> list[Document]:
    """Read the files of a command; what can't be read ends it with one line for each mistake."""
    from federation.manifests import read

    return _told(lambda: read(files, sys.stdin.read, recursive=recursive))


def _told(work: Callable[[], T]) -> T:
    from federation.manifests import Unreadable

    try:
        return work()
    except Unreadable as error:
        for mistake in error.mistakes:
            typer.echo(f"error: {mistake}", err=True)
        raise typer.Exit(1) from None


def _live(given: list[Document], kubeconfig: str | None, context: str | None, namespace: str) -> Planned:
    from federation.cli.rollout.target import default_namespace
    from federation.live import live

    place = namespace or default_namespace(kubeconfig, context)
    return _told(lambda: run(connected(kubeconfig, context, lambda api: live(api, given, place))))


def _show(planned: Planned, output: Output) -> None:
    from federation.cli.plan_text import manifest, text

    for note in planned.notes:
        typer.echo(f"note: {note}", err=True)
    if output is Output.JSON:
        import orjson

        typer.echo(orjson.dumps(manifest(*planned), option=orjson.OPT_INDENT_2))
    elif output is Output.YAML:
        import yaml

        typer.echo(yaml.safe_dump(manifest(*planned), sort_keys=False, allow_unicode=True).rstrip())
    else:
        for line in text(planned.plan, wide=output is Output.WIDE):
            typer.echo(line)
