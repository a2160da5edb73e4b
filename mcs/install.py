"""What `atoll join` puts into a member for Services across clusters: kinds, and who the cluster is.

A member may have them from another tool that speaks the same API. So nothing there is downgraded, and nothing
is taken over: what is in the way is named, with the remedy.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from federation.kube.api import Api
from federation.kube.errors import ApiError, Conflict, NotFound
from federation.kube.resources import Manifest, Resource
from federation.kube.served import CRDS, answers
from federation.members.join import FIELD_MANAGER
from mcs.definitions import USABLE, definitions, replaces, resource_of, written_by

CLUSTER_ID = "cluster.clusterset.k8s.io"
"""The ClusterProperty with the name of a cluster in its set (KEP-2149)."""
CLUSTER_SET = "clusterset.k8s.io"
"""The ClusterProperty with the name of the set; there as long as the cluster belongs to it (KEP-2149)."""
_PROPERTY = "ClusterProperty"


async def install(member: Api, cluster: str, cluster_set: str, *, deadline: float = 30.0) -> None:
    """Make sure that a member serves the kinds and says who it is; run again, it changes nothing.

    :param cluster: the name of its Cluster
    :param cluster_set: what all members of this federation have in common, a DNS label
    :param deadline: seconds for the member to serve each kind
    :raises ApiError: also where another tool's CustomResourceDefinition or ClusterProperty is in the way
    """
    kinds = [await _define(member, cluster, definition) for definition in definitions()]
    for kind in kinds:
        await _answers(member, cluster, kind, deadline)
    properties = next(kind for kind in kinds if kind.kind == _PROPERTY)
    for name, value in ((CLUSTER_ID, cluster), (CLUSTER_SET, cluster_set)):
        await _tell(member, cluster, properties, name, value)


async def withdraw(member: Api) -> None:
    """Take back what `install` said of the cluster: it must not be said of one that belongs to no set.

    The kinds stay: with a CustomResourceDefinition go all objects of its kind, the users' too.
    """
    with suppress(NotFound):  # no such kind: nothing was said
        properties = resource_of(await member.get(CRDS, "clusterproperties.about.k8s.io"))
        if properties is not None:
            for name in (CLUSTER_SET, CLUSTER_ID):
                await _unsay(member, properties, name)


async def _define(member: Api, cluster: str, definition: Manifest) -> Resource:
    """Apply a definition where it is wanted; return the type that the member serves then."""
    name, wanted = definition["metadata"]["name"], " or ".join(USABLE[definition["spec"]["group"]])
    present = await _present(member, name)
    resource = resource_of(present or definition)
    if present is None or replaces(definition, present, FIELD_MANAGER):
        try:
            resource = resource_of(await member.apply(CRDS, definition, manager=FIELD_MANAGER, force=False))
        except Conflict as conflict:
            if resource is None:  # else it is not as we would have it, but will do
                what = f"CRD {name} in cluster {cluster} is another tool's and does not serve {wanted}"
                raise _in_the_way(conflict, what, "upgrade it by that tool", cluster) from conflict
    if resource is None:
        raise ApiError(
            f"CRD {name} in cluster {cluster} is of a later release and no longer serves {wanted}; "
            f"upgrade Atoll, then run `atoll join {cluster}` again"
        )
    return resource


async def _present(member: Api, name: str) -> Manifest | None:
    with suppress(NotFound):
        return await member.get(CRDS, name)
    return None


async def _answers(member: Api, cluster: str, kind: Resource, deadline: float) -> None:
    try:
        async with asyncio.timeout(deadline):
            while not await answers(member, kind):  # noqa: ASYNC110 - the API has no event for it
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise ApiError(
            f"cluster {cluster} does not serve {kind.group_resource} after {deadline:.0f} s: see the "
            f"conditions of that CustomResourceDefinition there, then run `atoll join {cluster}` again"
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
        raise _in_the_way(conflict, what, "take the cluster out of that tool's set", cluster) from conflict


async def _unsay(member: Api, properties: Resource, name: str) -> None:
    with suppress(NotFound):
        live = await member.get(properties, name)
        if written_by(FIELD_MANAGER, live):
            await member.delete(properties, name, uid=live["metadata"]["uid"])


def _in_the_way(conflict: Conflict, what: str, remedy: str, cluster: str) -> ApiError:
    """Say what is in the way and, as the server says it, whose it is."""
    return ApiError(f"{what} ({conflict.message}); {remedy}, then run `atoll join {cluster}` again")
