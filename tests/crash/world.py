"""World: the clusters a scenario plays in, and how they are made as they were."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from federation.kube.errors import NotFound
from federation.kube.resources import Manifest, Resource
from tests.crash.state import Kinds
from tests.federated import BINDINGS, CLUSTER_POLICIES, NAMESPACES, OVERRIDES, POLICIES, Cluster


@dataclass(frozen=True)
class World:
    """A host and its members as a person with kubectl sees them."""

    clusters: Mapping[str, Cluster]
    kubeconfigs: Mapping[str, Manifest]
    host_id: str

    @property
    def host(self) -> Cluster:
        return self.clusters["host"]

    @property
    def members(self) -> dict[str, Cluster]:
        return {name: cluster for name, cluster in self.clusters.items() if name != "host"}

    async def latest(self) -> dict[str, str]:
        """Return the resourceVersion each cluster is at."""
        versions = await asyncio.gather(*(c.api.latest(NAMESPACES) for c in self.clusters.values()))
        return dict(zip(self.clusters, versions, strict=True))

    async def make_namespace(self, name: str) -> None:
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await self.host.apply(NAMESPACES, manifest)


async def clear(world: World, namespace: str, kinds: Kinds) -> None:
    """Remove a namespace with all that scenarios put there. No controller may run."""
    for cluster in world.clusters.values():
        for resource in kinds.on_host if cluster is world.host else kinds.payload:
            await cluster.api.request("DELETE", resource.path(namespace))
    for home, resource in kinds.records:
        await world.host.api.request("DELETE", resource.path(home))
    await _let_go(world.host, BINDINGS, namespace)
    for cluster in world.clusters.values():
        await finalize(cluster, namespace)


async def clear_policies(world: World) -> None:
    """Remove what other tests have left for a federation to do."""
    for resource in (POLICIES, CLUSTER_POLICIES, OVERRIDES, BINDINGS):
        async for page, _ in world.host.api.list(resource):
            for manifest in page:
                metadata = manifest["metadata"]
                await world.host.delete(resource, metadata["name"], metadata.get("namespace"))
    await _let_go(world.host, BINDINGS, None)


async def _let_go(cluster: Cluster, resource: Resource, namespace: str | None) -> None:
    """Take the finalizers off what is being deleted."""
    async for page, _ in cluster.api.list(resource, namespace=namespace):
        for manifest in page:
            metadata = manifest["metadata"]
            with suppress(NotFound):
                await cluster.api.patch(
                    resource,
                    metadata["name"],
                    metadata["namespace"],
                    {"metadata": {"finalizers": None}},
                    manager="test",
                )


async def finalize(cluster: Cluster, namespace: str) -> None:
    """Delete a namespace and do what the namespace controller would: no controller runs in these clusters."""
    await cluster.delete(NAMESPACES, namespace)
    path = NAMESPACES.path(None, namespace, "finalize")
    manifest = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace},
        "spec": {"finalizers": []},
    }
    with suppress(NotFound):
        await cluster.api.request("PUT", path, body=manifest)
