"""Bindings as commands read and name them."""

from __future__ import annotations

from collections.abc import Sequence

from federation.kube.api import Api, Resource
from policies.api.binding import ResourceBinding, TargetCluster


async def bindings_of(api: Api, resource: Resource, namespace: str | None) -> list[ResourceBinding]:
    pages = [page async for page in api.list(resource, namespace=namespace)]
    return [ResourceBinding.model_validate(item) for page in pages for item in page.items]


def placed_on(clusters: Sequence[TargetCluster]) -> str:
    parts = (each.name if each.replicas is None else f"{each.name} ({each.replicas})" for each in clusters)
    return ", ".join(parts) or "no cluster"


def label_of(binding: ResourceBinding) -> str:
    resource = binding.spec.resource
    return f"{resource.plural}/{resource.name}" + (f" in {resource.namespace}" if resource.namespace else "")
