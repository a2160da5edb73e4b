"""atoll rollout history, diff and undo: what they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from federation.cli.host import Context, Kubeconfig, run
from federation.cli.rollout.options import Namespace, What, on_host

if TYPE_CHECKING:
    from federation.cli.rollout.revisions import Past


def history(
    what: What, kubeconfig: Kubeconfig = None, context: Context = None, namespace: Namespace = ""
) -> None:
    """List the revisions of a workload and what became of each."""
    from federation.cli.rollout import revisions

    typer.echo(revisions.history(_past(kubeconfig, context, namespace, what)))


def diff(
    what: What,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "",
    revision: Annotated[
        int | None, typer.Option(min=1, help="Its number, as of history; default the stable one.")
    ] = None,
) -> None:
    """Show how the pod template of a workload, or the content of what has none, differs from a revision."""
    from federation.cli.rollout import revisions

    past = _past(kubeconfig, context, namespace, what)

    async def compared() -> str:
        return revisions.diff(past, revision)

    typer.echo(run(compared()))


def undo(
    what: What,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "",
    to_revision: Annotated[
        int | None, typer.Option(min=1, help="Its number, as of history; default the stable one.")
    ] = None,
) -> None:
    """Give a workload its pod template, or content, of a former revision back: a release of it begins."""
    from federation.cli.rollout import revisions

    typer.echo(
        on_host(
            kubeconfig, context, namespace, lambda api, place: revisions.undo(api, what, place, to_revision)
        )
    )


def _past(kubeconfig: str | None, context: str | None, namespace: str, what: str) -> Past:
    from federation.cli.rollout.revisions import past_of

    return on_host(kubeconfig, context, namespace, lambda api, place: past_of(api, what, place))
