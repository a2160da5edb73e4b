"""What a shell proposes: clusters, kinds and names of objects; of a server that does not answer, nothing.

`atoll --install-completion` installs it for atoll; kubectl asks the program `kubectl_complete-atoll` in its
stead. https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/#command-completion
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

import typer

from federation.cli.host import connected
from federation.kube.api import Api
from federation.kube.discovery import Discovery
from federation.kube.types import named
from federation.resources import CLUSTER

_PATIENCE = 3.0
"""Seconds for which somebody waits for a proposal."""


def cluster_names(ctx: typer.Context, incomplete: str) -> list[str]:
    async def use(host: Api) -> list[str]:
        pages = host.list(CLUSTER, limit=500, metadata_only=True)
        return [item["metadata"]["name"] async for page in pages for item in page.items]

    given = ctx.params.get("names") or ctx.params.get("clusters") or ()
    return [name for name in _proposed(ctx, use, incomplete) if name not in given]


def kinds(ctx: typer.Context, incomplete: str) -> list[str]:
    """Propose the kinds of the host, which has those of all templates; of several, the last is completed."""

    async def use(host: Api) -> list[str]:
        discovery = Discovery(host)
        await discovery.refresh()
        found = [each.resource for each in discovery.types if "list" in each.verbs]
        first: dict[str, str] = {}
        for resource in found:
            first.setdefault(resource.plural, resource.group_resource)
        return [
            each.plural if first[each.plural] == each.group_resource else each.group_resource
            for each in found
        ]

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{kind}" for kind in _proposed(ctx, use, last)]


def object_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Propose the names of objects of a kind in all members."""
    from federation.cli.get.asking import Found, objects
    from federation.cli.get.question import Question, wanted_of
    from federation.cli.reach import clusters_named
    from federation.cli.rollout.target import default_namespace

    params = ctx.params

    async def use(host: Api) -> list[str]:
        place = params.get("namespace") or default_namespace(params.get("kubeconfig"), params.get("context"))
        question = Question(
            wanted_of([params["kind"]]), None if params.get("everywhere") else place, metadata_only=True
        )
        clusters = await clusters_named(host, params.get("clusters") or ())
        asked = (objects(host, cluster, question, _PATIENCE / 2) for cluster in clusters)
        found = await asyncio.gather(*asked, return_exceptions=True)
        return [item["metadata"]["name"] for each in found if isinstance(each, Found) for item in each.items]

    given = params.get("names") or ()
    return [name for name in _proposed(ctx, use, incomplete) if name not in given]


def host_objects(ctx: typer.Context, incomplete: str) -> list[str]:
    """Propose kinds, and names of objects of the host, for `KIND/NAME` and for `KIND NAME`."""
    from federation.cli.rollout.target import default_namespace

    params = ctx.params
    words = [word for word in params.get("what") or () if word != incomplete]
    kind, slash, _ = incomplete.partition("/")
    if not (slash or words):
        return kinds(ctx, incomplete)

    async def use(host: Api) -> list[str]:
        discovery = Discovery(host)
        await discovery.refresh()
        (resource,) = named(discovery.types, kind if slash else words[0])
        place = params.get("namespace") or default_namespace(params.get("kubeconfig"), params.get("context"))
        where = place if resource.namespaced else None
        pages = host.list(resource, namespace=where, metadata_only=True, limit=500)
        names = [item["metadata"]["name"] async for page in pages for item in page.items]
        return [f"{kind}/{name}" if slash else name for name in names]

    return _proposed(ctx, use, incomplete)


def kubectl() -> None:
    """Answer kubectl: the words so far are the arguments, the last of them incomplete."""
    from federation.cli.main import app

    words = sys.argv[1:]
    os.environ |= {
        "_ATOLL_COMPLETE": "complete_bash",
        "COMP_WORDS": shlex.join(["atoll", *words]),
        "COMP_CWORD": str(len(words)),
    }
    with suppress(SystemExit):
        app(prog_name="atoll")
    typer.echo(":4")  # cobra's ShellCompDirectiveNoFileComp


def _proposed(
    ctx: typer.Context, use: Callable[[Api], Awaitable[Iterable[str]]], incomplete: str
) -> list[str]:
    async def work() -> list[str]:
        async with asyncio.timeout(_PATIENCE):
            words = await connected(ctx.params.get("kubeconfig"), ctx.params.get("context"), use)
        return sorted({word for word in words if word.startswith(incomplete)})

    with suppress(Exception):  # there is nowhere to say why nothing is proposed
        return asyncio.run(work())
    return []
