"""What `atoll join` puts into a member for Services across clusters: kinds, and who the cluster is. The host
gets the kinds, too, so that a ServiceExport can be a template there.

A member may have them from another tool that speaks the same API. So nothing there is downgraded, and nothing
is taken over: what is in the way is named, with the remedy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from federation.kube.api import Api
from federation.kube.errors import ApiError, Conflict, NotFound
from federation.kube.resources import Manifest, Resource
from federation.kube.served import CRDS, answers
from federation.members.join import FIELD_MANAGER
from mcs.definitions import USABLE, definitions, replaces, resource_of, templates, written_by

CLUSTER_ID = "cluster.clusterset.k8s.io"
"""The ClusterProperty with the name of a cluster in its set (KEP-2149)."""
CLUSTER_SET = "clusterset.k8s.io"
"""The ClusterProperty with the name of the set; there as long as the cluster belongs to it (KEP-2149)."""
_PROPERTY = "ClusterProperty"


class _Site(NamedTuple):
    """Where something is installed, in the words of messages, and as whom."""

    where: str
    again: str
    """The command that installs it."""
    manager: str


async def install(member: Api, cluster: str, cluster_set: str, *, deadline: float = 30.0) -> None:
    """Make sure that a member serves the kinds and says who it is; run again, it changes nothing.

    :param cluster: the name of its Cluster
    :param cluster_set: what all members of this federation have in common, a DNS label
    :param deadline: seconds for the member to serve each kind
    :raises ApiError: also where another tool's CustomResourceDefinition or ClusterProperty is in the way
    """
    site = _Site(f"in cluster {cluster}", f"`atoll join {cluster}`", FIELD_MANAGER)
    kinds = await _serve(member, site, definitions(), deadline)
    properties = next(kind for kind in kinds if kind.kind == _PROPERTY)
    for name, value in ((CLUSTER_ID, cluster), (CLUSTER_SET, cluster_set)):
        await _tell(member, cluster, properties, name, value)


async def install_on_host(host: Api, manager: str, *, deadline: float = 30.0) -> None:
    """Make sure that a host serves the kinds of `templates()`; run again, it changes nothing.

    :raises ApiError: another tool's CustomResourceDefinition is in the way
    """
    await _serve(host, _Site("on the host", "`atoll install`", manager), templates(), deadline)


async def withdraw(member: Api) -> None:
    """Take back what `install` said of the cluster: it must not be said of one that belongs to no set.

    The kinds stay: with a CustomResourceDefinition go all objects of its kind, the users' too.
    """
    with suppress(NotFound):  # no such kind: nothing was said
        properties = resource_of(await member.get(CRDS, "clusterproperties.about.k8s.io"))
        if properties is not None:
            for name in (CLUSTER_SET, CLUSTER_ID):
                await _unsay(member, properties, name)


async def _serve(api: Api, site: _Site, wanted: Iterable[Manifest], deadline: float) -> list[Resource]:
    """Have definitions, and wait until all are served."""
    kinds = [await _define(api, site, definition) for definition in wanted]
    for kind in kinds:
        await _answers(api, site, kind, deadline)
    return kinds


async def _define(member: Api, site: _Site, definition: Manifest) -> Resource:
    """Apply a definition where it is wanted; return the type that the member serves then."""
    name, wanted = definition["metadata"]["name"], " or ".join(USABLE[definition["spec"]["group"]])
    present = await _present(member, name)
    resource = resource_of(present or definition)
    if present is None or replaces(definition, present, site.manager):
        try:
            resource = resource_of(await member.apply(CRDS, definition, manager=site.manager, force=False))
        except Conflict as conflict:
            if resource is None:  # else it is not as we would have it, but will do
                what = f"CRD {name} {site.where} is another tool's and does not serve {wanted}"
                raise _in_the_way(conflict, what, "upgrade it by that tool", site.again) from conflict
    if resource is None:
        raise ApiError(
            f"CRD {name} {site.where} is of a later release and no longer serves {wanted}; "
            f"upgrade Atoll, then run {site.again} again"
        )
    return resource


async def _present(member: Api, name: str) -> Manifest | None:
    with suppress(NotFound):
        return await member.get(CRDS, name)
    return None


async def _answers(member: Api, site: _Site, kind: Resource, deadline: float) -> None:
    try:
        async with asyncio.timeout(deadline):
            while not await answers(member, kind):  # noqa: ASYNC110 - the API has no event for it
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise ApiError(
            f"{kind.group_resource} is not served {site.where} after {deadline:.0f} s: see the conditions of "
            f"that CustomResourceDefinition there, then run {site.again} again"
        ) from None


async def _tell(member: Api, cluster: str, properties: Resource, name: str, value: str) -> None:
    """Write a ClusterProperty; another tool's is not overwritten: workloads rely on what it says."""
    manifest = {
        "apiVersion": properties.api_version,
        "kind": properties.kind,
        "metadata": {"name": name},
        "spec": {"value": value},
    }
    try:
        await member.apply(properties, manifest, manager=FIELD_MANAGER, force=False)
    except Conflict as conflict:
        what = f"ClusterProperty {name} in cluster {cluster} is another tool's, and spec.value is not {value}"
        again = f"`atoll join {cluster}`"
        raise _in_the_way(conflict, what, "take the cluster out of that tool's set", again) from conflict


async def _unsay(member: Api, properties: Resource, name: str) -> None:
    with suppress(NotFound):
        live = await member.get(properties, name)
        if written_by(FIELD_MANAGER, live):
            await member.delete(properties, name, uid=live["metadata"]["uid"])


def _in_the_way(conflict: Conflict, what: str, remedy: str, again: str) -> ApiError:
    """Say what is in the way and, as the server says it, whose it is."""
    return ApiError(f"{what} ({conflict.message}); {remedy}, then run {again} again")
