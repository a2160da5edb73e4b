"""One cluster is asked: what its kinds are called there, then its tables or objects, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from federation.cli.get.question import Question
from federation.cli.get.table import ACCEPT, Column, Row, columns_of, rows_of, union
from federation.cli.reach import pages_within, reached, unanswered
from federation.kube.api import Api
from federation.kube.discovery import Discovery
from federation.kube.errors import Forbidden
from federation.kube.resources import Manifest, Resource, Selector
from federation.kube.types import named
from policies.api.cluster import Cluster

_PAGE = 500


class Printed(NamedTuple):
    """The rows of one list, and from which version it can be watched."""

    columns: list[Column]
    rows: list[Row]
    version: str


@dataclass
class Found:
    """What one cluster has of what was asked for."""

    columns: dict[str, list[Column]] = field(default_factory=dict)  # by group and resource
    rows: dict[str, list[Row]] = field(default_factory=dict)
    items: list[Manifest] = field(default_factory=list)
    names: dict[str, set[str]] = field(default_factory=dict)
    """By the words of kinds that could be listed here, which names were found."""
    unserved: list[str] = field(default_factory=list)
    """The words that name no kind here."""
    failures: list[str] = field(default_factory=list)


class Meant(NamedTuple):
    """A kind as one cluster serves it, the word for it, and the lists to ask for."""

    word: str
    resource: Resource
    selectors: list[Selector]


Ask = Callable[[Api, Meant, Found], Awaitable[None]]


async def tables(host: Api, cluster: Cluster, question: Question, seconds: float) -> Found:
    """Return rows of all that is asked for.

    :param seconds: how long the cluster has for each answer
    :raises ApiError: it gave none, for people
    """

    async def ask(api: Api, meant: Meant, found: Found) -> None:
        name = meant.resource.group_resource
        for selector in meant.selectors:
            got = await printed(
                api, cluster.metadata.name, meant.resource, question.namespace, selector, seconds
            )
            found.columns[name] = union([found.columns.get(name, []), got.columns])
            found.rows.setdefault(name, []).extend(got.rows)
            found.names.setdefault(meant.word, set()).update(row.key[1] for row in got.rows)

    return await _of_each_kind(host, cluster, question, seconds, ask)


async def objects(host: Api, cluster: Cluster, question: Question, seconds: float) -> Found:
    """Return the same as objects."""

    async def ask(api: Api, meant: Meant, found: Found) -> None:
        for selector in meant.selectors:
            pages = api.list(
                meant.resource,
                namespace=question.namespace,
                selector=selector,
                limit=_PAGE,
                metadata_only=question.metadata_only,
            )
            async for page in pages_within(pages, seconds):
                types = {"apiVersion": meant.resource.api_version, "kind": meant.resource.kind}
                found.items += [item | types for item in page.items]
                names = (item["metadata"]["name"] for item in page.items)
                found.names.setdefault(meant.word, set()).update(names)

    return await _of_each_kind(host, cluster, question, seconds, ask)


async def meant_by(api: Api, question: Question, seconds: float) -> tuple[list[Meant], list[str]]:
    """Return the kinds as a cluster serves them, and the words that name none there."""
    discovery = Discovery(api)
    async with asyncio.timeout(seconds):
        await discovery.refresh()
    found: list[Meant] = []
    unserved: list[str] = []
    for wanted in question.wanted:
        resources = named(discovery.types, wanted.word)
        found += [Meant(wanted.word, resource, question.selectors(wanted)) for resource in resources]
        unserved += [] if resources else [wanted.word]
    return found, unserved


async def printed(
    api: Api, cluster: str, resource: Resource, namespace: str | None, selector: Selector, seconds: float
) -> Printed:
    """Return one list as the API server prints it."""
    columns: list[Column] = []
    rows: list[Row] = []
    query = {**selector, "limit": str(_PAGE)}
    while True:
        answer = await api.request(
            "GET", resource.path(namespace), query=query, accept=ACCEPT, timeout=seconds, resource=resource
        )
        columns = columns or columns_of(answer)
        rows += rows_of(cluster, resource, columns, answer)
        if not (token := answer["metadata"].get("continue")):
            return Printed(columns, rows, answer["metadata"]["resourceVersion"])
        query["continue"] = token


async def _of_each_kind(host: Api, cluster: Cluster, question: Question, seconds: float, ask: Ask) -> Found:
    """Ask for one kind after another; one that may not be read is a failure of its own."""
    async with reached(host, cluster, seconds) as api:
        meant, unserved = await meant_by(api, question, seconds)
        found = Found(unserved=unserved)
        for each in meant:
            try:
                await ask(api, each, found)
            except Forbidden as error:
                found.failures.append(unanswered(cluster.metadata.name, error, seconds))
        return found
