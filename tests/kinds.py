"""Our kinds on a real API server, and small objects of them to begin a test with."""

from __future__ import annotations

import asyncio
from typing import Any

from federation.kube.api import Api, Resource
from mcs.api import KINDS as SERVICE_KINDS
from policies.api import KINDS as POLICY_KINDS
from policies.api.meta import API_VERSION, GROUP, VERSION, Manifest
from policies.api.schema import crds

KINDS = POLICY_KINDS + SERVICE_KINDS
CRD = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
RESOURCES = {
    kind.__name__: Resource(GROUP, VERSION, kind.plural, kind.__name__, kind.namespaced) for kind in KINDS
}

DEPLOYMENTS = {"apiVersion": "apps/v1", "kind": "Deployment"}


def manifest(kind: str, spec: Manifest, *, name: str = "example", namespace: str = "default") -> Manifest:
    """An object of one of our kinds."""
    metadata = {"name": name} | ({"namespace": namespace} if RESOURCES[kind].namespaced else {})
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def propagation(*, selectors: list[Any] | None = None, **spec: Any) -> Manifest:
    """The spec of a PropagationPolicy for all Deployments, unless `selectors` say otherwise."""
    return {"resourceSelectors": [DEPLOYMENTS] if selectors is None else selectors, **spec}


def overriding(**overriders: Any) -> Manifest:
    """The spec of an OverridePolicy with one rule."""
    return {"overrideRules": [{"overriders": overriders}]}


async def install_kinds(api: Api, *, deadline: float = 30) -> None:
    """Apply all CRDs and return once the server serves them; done again, it changes nothing."""
    async with asyncio.timeout(deadline):
        for crd in crds(KINDS):
            await api.apply(CRD, crd, manager="atoll-install")
        for kind in KINDS:
            while not await _served(api, kind.plural):  # noqa: ASYNC110 - the API has no event for it
                await asyncio.sleep(0.05)


async def _served(api: Api, plural: str) -> bool:
    """Established comes a moment before the first request succeeds, so both are asked."""
    crd = await api.get(CRD, f"{plural}.{GROUP}")
    conditions = crd.get("status", {}).get("conditions", [])
    if not any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
        return False
    group = await api.request("GET", f"/apis/{GROUP}/{VERSION}")
    return any(resource["name"] == plural for resource in group["resources"])
