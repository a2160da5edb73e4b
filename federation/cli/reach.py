"""How commands reach members: as the controller does, by the credentials that the host keeps of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Generic, NamedTuple, TypeVar

import typer

from federation.kube.api import Api, Page
from federation.kube.config import from_dict
from federation.kube.errors import ApiError, BadConfiguration, Forbidden, NotFound, Unauthorized, Unreachable
from federation.members import credentials
from federation.resources import CLUSTER, NAMESPACES
from policies.api.cluster import Cluster

T = TypeVar("T")

PATIENCE = 1.0
"""Seconds after which those that wait are told for whom."""
INCOMPLETE = 3
"""The exit code when a cluster did not answer, or not to all that was asked."""


class Answer(NamedTuple, Generic[T]):
    """What came of asking one cluster: an answer, or why there is none."""

    cluster: str
    found: T | None
    failure: str = ""


async def cluster_named(host: Api, name: str) -> Cluster:
    """Return a Cluster.

    :raises ApiError: it is not registered
    """
    try:
        return Cluster.model_validate(await host.get(CLUSTER, name))
    except NotFound:
        raise ApiError(
            f"cluster {name} is no member of this federation; `kubectl get clusters` shows those that are"
        ) from None


async def clusters_named(host: Api, names: Sequence[str]) -> list[Cluster]:
    """Return the Clusters of these names, or all if there are none, sorted.

    :raises ApiError: one is not registered, or there is none at all
    """
    found = [
        Cluster.model_validate(item) async for page in host.list(CLUSTER, limit=500) for item in page.items
    ]
    if not found:
        raise ApiError("this federation has no members; `atoll join` makes a cluster one")
    by_name = {each.metadata.name: each for each in found}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise ApiError(
            f"cluster {missing[0]} is no member of this federation, which has {', '.join(sorted(by_name))}"
        )
    return [by_name[name] for name in sorted(set(names) or by_name)]


async def way_to(host: Api, cluster: Cluster) -> Api:
    """Return the way to a member, which is not opened yet.

    :raises ApiError: its credentials lead nowhere
    """
    name = cluster.metadata.name
    try:
        kubeconfig = credentials.parsed(cluster, await credentials.read(host, cluster))
        return Api(await from_dict(kubeconfig))
    except BadConfiguration as error:
        raise ApiError(f"cluster {name}: {error}") from None
    except Forbidden as error:
        raise ApiError(f"cluster {name}: the host does not show you its credentials: {error}") from None


async def is_itself(cluster: Cluster, api: Api) -> None:
    """Nothing is asked of or written to another cluster at the same address; the UID of kube-system tells
    them apart.

    :raises ApiError: it is another one, or gave no answer
    """
    name, known = cluster.metadata.name, cluster.status.cluster_uid
    system = await api.get(NAMESPACES, "kube-system", metadata_only=True)
    if known and system["metadata"]["uid"] != known:
        raise ApiError(
            f"cluster {name}: at its address is another cluster than the one that joined; see "
            f"`kubectl get cluster {name} -o yaml`"
        )


@asynccontextmanager
async def reached(host: Api, cluster: Cluster, seconds: float) -> AsyncIterator[Api]:
    """Connect to a member that answers within some seconds, and hand it over.

    :raises ApiError: what is wrong, for people; also with what is done meanwhile
    """
    with asked_of(cluster.metadata.name, seconds):
        async with await way_to(host, cluster) as api:
            async with asyncio.timeout(seconds):
                await is_itself(cluster, api)
            yield api


@contextmanager
def asked_of(name: str, seconds: float) -> Iterator[None]:
    """Have what goes wrong inside be told as what a member is asked.

    :raises ApiError: what is wrong, for people
    """
    try:
        yield
    except (ApiError, TimeoutError) as error:
        raise ApiError(unanswered(name, error, seconds)) from None


async def pages_within(pages: AsyncIterator[Page], seconds: float) -> AsyncIterator[Page]:
    """Yield pages, for each of which a cluster has some seconds.

    :raises TimeoutError: one took longer
    """
    while True:
        async with asyncio.timeout(seconds):
            page = await anext(pages, None)
        if page is None:
            return
        yield page


def unanswered(name: str, error: ApiError | TimeoutError, seconds: float) -> str:
    """Return why a cluster gave no answer, and what to do about it."""
    if isinstance(error, Unauthorized):
        return f"cluster {name} refuses Atoll's credentials; run `atoll join {name}` again"
    if isinstance(error, Forbidden):
        return (
            f"cluster {name} refuses: {error.message}; give Atoll's account there the right, or run "
            f"`atoll join {name} --cluster-admin`"
        )
    if isinstance(error, TimeoutError | Unreachable):
        why = str(error) or f"no answer within {seconds:g} s"
        return f"cluster {name} can't be reached from here: {why}; see `kubectl get cluster {name}`"
    text = str(error)
    return text if text.startswith(f"cluster {name}") else f"cluster {name}: {text}"


async def answers(
    clusters: Sequence[Cluster],
    ask: Callable[[Cluster], Awaitable[T]],
    waiting: Callable[[str], None],
    *,
    early: bool,
) -> AsyncIterator[list[Answer[T]]]:
    """Ask all at once; yield the answers, in the order of the clusters, when all are in.

    When some take longer than `PATIENCE`, `waiting` is told who; if `early`, what is there is yielded then,
    and the rest in the end.
    """
    tasks = [asyncio.create_task(_answer(each, ask), name=each.metadata.name) for each in clusters]
    try:
        done, pending = await asyncio.wait(tasks, timeout=PATIENCE)
        if pending:
            waiting(f"waiting for {', '.join(task.get_name() for task in tasks if task in pending)}")
            if early and done:
                yield [task.result() for task in tasks if task in done]
                tasks = [task for task in tasks if task in pending]
            await asyncio.wait(pending)
        yield [task.result() for task in tasks]
    finally:
        for task in tasks:
            task.cancel()


def on_stderr(line: str) -> None:
    typer.echo(line, err=True)


async def _answer(cluster: Cluster, ask: Callable[[Cluster], Awaitable[T]]) -> Answer[T]:
    try:
        return Answer(cluster.metadata.name, await ask(cluster))
    except ApiError as error:
        return Answer(cluster.metadata.name, None, str(error))
