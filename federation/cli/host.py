"""What commands share: how the host is reached, and how errors reach people."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, TypeVar

import typer

from federation.kube.api import Api
from federation.kube.config import load
from federation.kube.errors import ApiError

T = TypeVar("T")

Kubeconfig = Annotated[
    str | None,
    typer.Option("--kubeconfig", metavar="FILE", help="Kubeconfig of the host; default as kubectl's."),
]
Context = Annotated[
    str | None, typer.Option("--context", metavar="NAME", help="Context of the host in that kubeconfig.")
]


async def connected(kubeconfig: str | None, context: str | None, use: Callable[[Api], Awaitable[T]]) -> T:
    """Connect to an API server and hand it over."""
    async with Api(await load(kubeconfig, context)) as api:
        return await use(api)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command; what an API server or the way to it refuses becomes one line and exit code 1."""
    try:
        return asyncio.run(work)
    except ApiError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
