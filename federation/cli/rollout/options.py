"""What the commands of atoll rollout share: how a workload is named, and how the host is asked about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from federation.cli.host import connected, run

if TYPE_CHECKING:
    from federation.kube.api import Api

T = TypeVar("T")

What = Annotated[
    str,
    typer.Argument(
        metavar="KIND/NAME", help="A workload, such as deployment/web, for its newest run; or rollout/web-3."
    ),
]
Namespace = Annotated[
    str, typer.Option("-n", "--namespace", metavar="NAME", help="Its namespace; default as kubectl's.")
]


def on_host(
    kubeconfig: str | None, context: str | None, namespace: str, use: Callable[[Api, str], Awaitable[T]]
) -> T:
    """Connect to the host and hand it over, with the namespace that is meant."""
    from federation.cli.rollout.target import default_namespace
    from federation.kube.errors import ApiError, NotServed

    async def work() -> T:
        try:
            return await connected(
                kubeconfig,
                context,
                lambda api: use(api, namespace or default_namespace(kubeconfig, context)),
            )
        except NotServed:
            raise ApiError("the host serves no Rollouts; `atoll install` installs Atoll's kinds") from None

    return run(work())
