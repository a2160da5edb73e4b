"""Handing a cluster's Services over: from the controller on the host to an agent in the member, and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import NamedTuple

import yaml

from federation.cli.members import address_of
from federation.cli.reach import is_itself
from federation.cli.services.place import connect
from federation.kube.api import Api, Manifest
from federation.kube.config import load
from federation.kube.errors import ApiError, Forbidden, NotFound
from federation.members.join import Address
from federation.resources import CLUSTER, DEPLOYMENTS
from federation.settings import NAMESPACE
from mcs.credential import FIELD_MANAGER, grant, kubeconfig, revoke
from mcs.deployment import agent_manifests, deploy, end_agent, remove_agent
from mcs.names import AGENT
from policies.api.cluster import ServicesAgent


class HostPlace(NamedTuple):
    """How the host is reached, from here and from the member."""

    kubeconfig: str | None
    context: str | None
    server: str
    """For the member; empty: as from here."""


async def prepared(place: HostPlace, cluster: str, image: str | None) -> str:
    """Make the credential; return what the member needs, as YAML.

    :raises ApiError: there is no such Cluster, or the host gives no token
    """
    async with _host(place) as (host, address):
        manifests = await _manifests(host, address, cluster, image)
    return yaml.safe_dump_all(manifests, sort_keys=False).rstrip()


async def to_member(place: HostPlace, cluster: str, image: str, timeout: float) -> None:
    """Start an agent in the member and, once it stands by there, have it carry.

    :raises ApiError: also where its pod does not become ready; then the controller goes on
    """
    async with _host(place) as (host, address), _member(host, cluster) as member:
        await deploy(member, await _manifests(host, address, cluster, image))
        await _available(member, cluster, timeout)
        await _assign(host, cluster, "Member")


async def to_host(place: HostPlace, cluster: str) -> None:
    """Have the controller carry, then end the agent and take its rights back, on both sides."""
    async with _host(place) as (host, _):
        await _assign(host, cluster, "Host")
        await revoke(host, cluster)
        async with _member(host, cluster) as member:
            await end_agent(member)
            await remove_agent(member)


@asynccontextmanager
async def _host(place: HostPlace) -> AsyncIterator[tuple[Api, Address]]:
    configuration = await load(place.kubeconfig, place.context)
    address = address_of(configuration)
    async with Api(configuration) as api:
        yield api, replace(address, server=place.server) if place.server else address


@asynccontextmanager
async def _member(host: Api, cluster: str) -> AsyncIterator[Api]:
    """Connect with Atoll's own account there."""
    async with AsyncExitStack() as stack:
        found, api = await connect(host, cluster, stack)
        try:
            await is_itself(found, api)
            yield api
        except Forbidden as error:
            raise ApiError(
                f"cluster {cluster}: {error}; run `atoll join {cluster}` again, which renews Atoll's rights"
            ) from None


async def _manifests(host: Api, address: Address, cluster: str, image: str | None) -> list[Manifest]:
    try:
        token = await grant(host, cluster)
    except NotFound:
        raise _unknown(cluster) from None
    return agent_manifests(cluster, kubeconfig(address), token, image)


async def _available(member: Api, cluster: str, timeout: float) -> None:
    try:
        async with asyncio.timeout(timeout):
            while not await _is_available(member):  # noqa: ASYNC110
                await asyncio.sleep(0.5)
    except TimeoutError:
        raise ApiError(
            f"Deployment {NAMESPACE}/{AGENT} in cluster {cluster} has no ready pod after {timeout:.0f} s: "
            "see its pods there, then run this again; until then, the controller carries the Services"
        ) from None


async def _is_available(member: Api) -> bool:
    live = await member.get(DEPLOYMENTS, AGENT, NAMESPACE)
    status = live.get("status") or {}
    current = status.get("observedGeneration") == live["metadata"]["generation"]
    return bool(current and status.get("updatedReplicas") and status.get("availableReplicas"))


async def _assign(host: Api, cluster: str, agent: ServicesAgent) -> None:
    body = {"spec": {"servicesAgent": agent}}
    try:
        await host.patch(CLUSTER, cluster, None, body, manager=FIELD_MANAGER)
    except NotFound:
        raise _unknown(cluster) from None


def _unknown(cluster: str) -> ApiError:
    return ApiError(
        f"cluster {cluster} is no member of this federation; `kubectl get clusters` shows those that are"
    )
