"""Asking: which objects of a cluster are meant, and what would come of adopting each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from federation.cli.adopting.needs import accounts_first, requirements, with_needs
from federation.cli.adopting.placing import Refusal, Ungoverned
from federation.cli.adopting.proposal import From, Proposal, checked, proposed
from federation.cli.explaining.sights import ANSWER
from federation.cli.get.question import Wanted, wanted_of
from federation.cli.reach import asked_of, cluster_named, is_itself, way_to
from federation.kube.api import Api, Resource
from federation.kube.discovery import Discovery
from federation.kube.errors import ApiError
from federation.kube.ref import Ref
from federation.kube.types import named
from federation.setup import host_id_of


@dataclass(frozen=True)
class Asked:
    """What a person asked for."""

    words: tuple[str, ...]
    cluster: str
    labels: str
    host_id: str
    allow_changes: bool = False
    include_dependencies: bool = False


@asynccontextmanager
async def connected(host: Api, asked: Asked, waiting: Callable[[str], None]) -> AsyncIterator[From]:
    """Connect to the cluster that objects are adopted from.

    :raises ApiError: it can't be written to, or does not answer
    """
    cluster = await cluster_named(host, asked.cluster)
    checked(cluster)
    discovery = Discovery(host)
    await discovery.refresh()
    host_id = asked.host_id or await host_id_of(host)
    async with await way_to(host, cluster) as member:
        with asked_of(asked.cluster, ANSWER):
            async with asyncio.timeout(ANSWER):
                await is_itself(cluster, member)
        yield From(host, discovery, member, cluster, host_id, waiting)


async def proposals(source: From, asked: Asked, namespace: str) -> tuple[list[Proposal], list[str]]:
    """Return what would come of each object, and why some are refused. What goes along with others comes
    after these: it is theirs to place.

    :raises ApiError: it is not clear which objects are meant, or somebody does not answer
    """
    refs = await _meant(source, asked, namespace)
    if asked.include_dependencies:
        refs = await with_needs(source, refs)
    found: list[Proposal] = []
    refusals: list[str] = []
    without_policy: list[Ref] = []
    for ref in refs:
        try:
            found.append(await proposed(source, ref))
        except Ungoverned:
            without_policy.append(ref)
        except Refusal as refusal:
            refusals.append(f"{ref}: {refusal}")
    for ref in accounts_first(without_policy):
        try:
            found.append(await proposed(source, ref, requirements(found, ref)))
        except Refusal as refusal:
            refusals.append(f"{ref}: {refusal}")
    changing = () if asked.allow_changes else (each for each in found if each.changes)
    return found, [*refusals, *(_changed(source, each) for each in changing)]


def _changed(source: From, proposal: Proposal) -> str:
    fields = ", ".join(each.difference.field for each in proposal.changes[:3])
    return (
        f"{proposal.ref} would not stay as it is in cluster {source.name} ({fields}); change the policies, "
        "or adopt it all the same with --allow-changes"
    )


async def _meant(source: From, asked: Asked, namespace: str) -> list[Ref]:
    refs = [
        ref for wanted in wanted_of(asked.words) async for ref in _of(source, wanted, asked.labels, namespace)
    ]
    if not refs:
        raise ApiError(f"nothing of these kinds in cluster {source.name} has the labels {asked.labels}")
    return refs


async def _of(source: From, wanted: Wanted, labels: str, namespace: str) -> AsyncIterator[Ref]:
    """Yield the objects of one kind that are meant: by their names, or by their labels in the cluster."""
    if bool(wanted.names) == bool(labels):
        raise ApiError("name objects as KIND/NAME, such as deployment/web, or give kinds and -l")
    resource = _resource(source.discovery, wanted.word)
    place = namespace if resource.namespaced else ""
    for name in wanted.names:
        yield Ref(resource, place, name)
    if wanted.names:
        return
    selector = {"labelSelector": labels}
    with source.asked():
        async for page in source.member.list(
            resource, namespace=place or None, selector=selector, metadata_only=True
        ):
            for item in page.items:
                yield Ref(resource, place, item["metadata"]["name"])


def _resource(discovery: Discovery, word: str) -> Resource:
    """Return a kind that the host serves: a template can only be of one."""
    found = named(discovery.types, word)
    if len(found) != 1:
        raise ApiError(f"{word}: the host serves no such kind; see `kubectl api-resources`, and --help")
    return found[0]
