"""The verbs of atoll rollout: what they are asked. What each of them does is in `verbs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from federation.cli.host import Context, Kubeconfig
from federation.cli.rollout.options import Namespace, What, on_host

if TYPE_CHECKING:
    from federation.cli.rollout.verbs import Verb
    from federation.kube.api import Api


def pause(
    what: What, kubeconfig: Kubeconfig = None, context: Context = None, namespace: Namespace = ""
) -> None:
    """Release nothing more until it is resumed; what is under way becomes ready."""
    from federation.cli.rollout import verbs

    _steer(kubeconfig, context, namespace, what, verbs.pause)


def resume(
    what: What, kubeconfig: Kubeconfig = None, context: Context = None, namespace: Namespace = ""
) -> None:
    """Go on after a pause."""
    from federation.cli.rollout import verbs

    _steer(kubeconfig, context, namespace, what, verbs.resume)


def approve(
    what: What,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "",
    step: Annotated[
        int | None,
        typer.Option(min=1, help="Approve up to this later step beforehand; default: the step that waits."),
    ] = None,
) -> None:
    """Let the step after the one that waits for approval begin."""
    from federation.cli.rollout import verbs

    _steer(kubeconfig, context, namespace, what, verbs.approve(step))


def promote(
    what: What,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "",
    full: Annotated[
        bool, typer.Option("--full", help="Needed: it leaves out all further steps, bakes and approvals.")
    ] = False,
) -> None:
    """Go on to all pods of all clusters, within maxUnavailable still."""
    from federation.cli.rollout import verbs

    if not full:
        raise typer.BadParameter(
            "promote leaves out all further steps, bakes and approvals: say so by --full"
        )
    _steer(kubeconfig, context, namespace, what, verbs.promote)


def retry(
    what: What, kubeconfig: Kubeconfig = None, context: Context = None, namespace: Namespace = ""
) -> None:
    """Have a halted run try its step again."""
    from federation.cli.rollout import verbs

    _steer(kubeconfig, context, namespace, what, verbs.retry)


def abort(
    what: What,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "",
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Return all clusters to the stable revision.")
    ] = False,
) -> None:
    """End a run: every cluster stays as it is, or with --rollback returns to the stable revision."""
    from federation.cli.rollout import verbs

    _steer(kubeconfig, context, namespace, what, verbs.abort(rollback))


def skip_cluster(
    what: What,
    cluster: Annotated[str, typer.Argument(help="Name of the Cluster.")],
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "",
    undo: Annotated[bool, typer.Option("--undo", help="No longer skip it: it catches up.")] = False,
) -> None:
    """Have a run go on without a cluster, which stays as it is."""
    from federation.cli.rollout import verbs

    _steer(kubeconfig, context, namespace, what, verbs.skip_cluster(cluster, undo))


def _steer(kubeconfig: str | None, context: str | None, namespace: str, what: str, verb: Verb) -> None:
    from federation.cli.rollout.target import run_of
    from federation.cli.rollout.verbs import steer

    async def use(api: Api, place: str) -> str:
        return await steer(api, await run_of(api, what, place), verb)

    typer.echo(on_host(kubeconfig, context, namespace, use))
