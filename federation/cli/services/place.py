"""A cluster in which a Service is shared, or is to be: reached as the controller reaches it, and asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple, TypeVar

from federation.cli.reach import cluster_named, is_itself, unanswered, way_to
from federation.kube.api import Api, Manifest
from federation.kube.errors import ApiError, BadConfiguration, NotFound, NotServed, Unauthorized, Unreachable
from mcs.names import Service
from mcs.resources import SERVICE_EXPORTS, SERVICES
from policies.api.cluster import Cluster

_ANSWER = 10.0
"""Seconds that a member has for its first answer."""

T = TypeVar("T")


class Place(NamedTuple):
    """A Service in a cluster."""

    cluster: Cluster
    api: Api
    service: Service

    @property
    def name(self) -> str:
        return self.cluster.metadata.name

    @property
    def title(self) -> str:
        return "/".join(self.service)

    async def export(self) -> Manifest | None:
        """Return the ServiceExport, if there is one."""
        try:
            return await self.api.get(SERVICE_EXPORTS, self.service[1], self.service[0])
        except NotFound:
            return None

    async def service_type(self) -> str:
        """Return the type of the Service; empty: it is not there."""
        try:
            live = await self.api.get(SERVICES, self.service[1], self.service[0])
        except NotFound:
            return ""
        return str(live["spec"].get("type") or "ClusterIP")


@asynccontextmanager
async def places(host: Api, service: Service, clusters: Sequence[str]) -> AsyncIterator[list[Place]]:
    """Connect to clusters, each of which answers and serves what is needed.

    :raises ApiError: one of them is not registered, can't be reached, or serves no ServiceExports.
    """
    async with AsyncExitStack() as stack:
        found = [Place(*await connect(host, name, stack), service) for name in dict.fromkeys(clusters)]
        await of_each(found, _answers)
        yield found


async def of_each(found: Sequence[Place], work: Callable[[Place], Awaitable[T]]) -> list[T]:
    """Do something in all places at once; where it fails, the others are not disturbed.

    :raises ApiError: with what is wrong in each, once all have ended.
    """
    results = await asyncio.gather(*(work(each) for each in found), return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    for failure in failures:
        if not isinstance(failure, ApiError):
            raise failure
    if failures:
        raise ApiError("\nerror: ".join(map(str, failures)))
    return [result for result in results if not isinstance(result, BaseException)]


async def connect(host: Api, name: str, stack: AsyncExitStack) -> tuple[Cluster, Api]:
    """Return a Cluster and the way to it, by the credentials of its Secret.

    :raises ApiError: it is not registered, or its credentials lead nowhere
    """
    cluster = await cluster_named(host, name)
    try:
        api = await stack.enter_async_context(await way_to(host, cluster))
    except BadConfiguration as error:
        raise ApiError(f"cluster {name}: {error}") from None
    return cluster, api


async def _answers(place: Place) -> None:
    try:
        async with asyncio.timeout(_ANSWER):
            await is_itself(place.cluster, place.api)
            await place.export()
    except (Unreachable, Unauthorized, TimeoutError) as error:
        raise ApiError(unanswered(place.name, error, _ANSWER)) from None
    except NotServed:
        raise ApiError(
            f"cluster {place.name} serves no {SERVICE_EXPORTS.group_resource} "
            f"{SERVICE_EXPORTS.version}; run `atoll join {place.name}` again, which installs them"
        ) from None
