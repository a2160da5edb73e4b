"""A federation in the test's own process over real API servers, and the questions tests ask of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from federation.app import Federation
from federation.install import install
from federation.kube.api import Api
from federation.kube.config import from_dict
from federation.kube.errors import NotFound
from federation.kube.resources import Manifest, Resource
from federation.members.join import Address, Traits, join
from federation.members.member import Companion
from federation.metrics import Metrics
from federation.settings import Settings
from federation.setup import host_id_of

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
DAEMONSETS = Resource("apps", "v1", "daemonsets", "DaemonSet")
CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS = Resource("", "v1", "secrets", "Secret")
SERVICES = Resource("", "v1", "services", "Service")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False)
GROUP = "federation.atoll.dev"
CLUSTERS = Resource(GROUP, "v1alpha1", "clusters", "Cluster", False)
POLICIES = Resource(GROUP, "v1alpha1", "propagationpolicies", "PropagationPolicy")
CLUSTER_POLICIES = Resource(
    GROUP, "v1alpha1", "clusterpropagationpolicies", "ClusterPropagationPolicy", False
)
OVERRIDES = Resource(GROUP, "v1alpha1", "overridepolicies", "OverridePolicy")
CLUSTER_ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False)
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False)
CLUSTER_BINDINGS = Resource(GROUP, "v1alpha1", "clusterresourcebindings", "ClusterResourceBinding", False)
BINDINGS = Resource(GROUP, "v1alpha1", "resourcebindings", "ResourceBinding")
USER = "test-user"


class Cluster:
    """One API server as a person with kubectl uses it."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def apply(self, resource: Resource, manifest: Manifest) -> Manifest:
        return await self.api.apply(resource, manifest, manager=USER)

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Manifest | None:
        with suppress(NotFound):
            return await self.api.get(resource, name, namespace)
        return None

    async def delete(self, resource: Resource, name: str, namespace: str | None = None) -> None:
        with suppress(NotFound):
            await self.api.delete(resource, name, namespace)

    async def until(
        self, resource: Resource, name: str, namespace: str | None, holds: Callable[[Manifest | None], Any],
        *, seconds: float = 20.0,
    ) -> Manifest:  # fmt: skip
        """Wait until what is stored under a name (None: nothing is) holds; a failure shows its last state."""
        last: Manifest | None = None

        async def look() -> bool:
            nonlocal last
            last = await self.get(resource, name, namespace)
            return bool(holds(last))

        await eventually(
            look, lambda: f"{resource.plural} {namespace}/{name}: {json.dumps(last, indent=1)}", seconds
        )
        return last or {}


async def eventually(
    check: Callable[[], Awaitable[bool]], last: Callable[[], str], seconds: float = 20.0
) -> None:
    """Ask until a condition holds, up to a deadline; `last` says what a person needs when it fails."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not await check():
        if loop.time() > until:
            raise AssertionError(f"not within {seconds:.0f} s; last: {last()}")
        await asyncio.sleep(0.03)


class Federated:
    """The host, the members by name, and the running federation."""

    def __init__(self, host: Cluster, members: dict[str, Cluster], host_id: str) -> None:
        self.host, self.members, self.host_id = host, members, host_id
        self.federation: Federation | None = None
        self.metrics = Metrics()
        self._task: asyncio.Task[None] | None = None

    async def start(
        self, host: Api | None = None, companion: Companion | None = None, **overrides: Any
    ) -> Federation:
        settings = Settings(identity="test", **overrides)
        self.federation = Federation(
            host or self.host.api, self.host_id, settings, self.metrics, companion=companion
        )
        self._task = asyncio.create_task(self.federation.run())
        ready = asyncio.create_task(self.federation.ready.wait())
        await asyncio.wait({self._task, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
        if self._task.done():
            self._task.result()
        assert self.federation.ready.is_set(), "the federation's first lists did not complete"
        return self.federation

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def everywhere(
        self, resource: Resource, name: str, namespace: str | None, holds: Callable[[Manifest | None], Any],
        *, seconds: float = 20.0,
    ) -> None:  # fmt: skip
        for member in self.members.values():
            await member.until(resource, name, namespace, holds, seconds=seconds)

    async def make_namespace(self, name: str) -> None:
        await self.host.apply(
            NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        )


@asynccontextmanager
async def connected(kubeconfig: Manifest) -> AsyncIterator[Api]:
    async with Api(await from_dict(kubeconfig)) as api:
        yield api


async def join_member(host: Api, member: Api, name: str, kubeconfig: Manifest) -> None:
    cluster = kubeconfig["clusters"][0]["cluster"]
    address = Address(cluster["server"], cluster.get("certificate-authority-data"))
    await join(host, member, name, address, Traits(cluster_admin=True, labels={"name": name}))


@asynccontextmanager
async def federated(fleet: Any) -> AsyncIterator[Federated]:
    """Install on the host, join the members; the federation itself is started by the test."""
    async with connected(fleet.host.kubeconfig) as host:
        await install(host)
        members: dict[str, Cluster] = {}
        stack = []
        try:
            for name, server in fleet.members.items():
                api = Api(await from_dict(server.kubeconfig))
                await api.__aenter__()
                stack.append(api)
                await join_member(host, api, name, server.kubeconfig)
                members[name] = Cluster(api)
            yield Federated(Cluster(host), members, await host_id_of(host))
        finally:
            for api in stack:
                await api.__aexit__(None, None, None)


@asynccontextmanager
async def reconciling(fleet: Any) -> AsyncIterator[Federated]:
    """Host and members joined and Ready, the federation reconciling."""
    async with federated(fleet) as atoll:
        await atoll.start()
        try:
            await all_ready(atoll.host, atoll.members)
            yield atoll
        finally:
            await atoll.stop()


async def all_ready(host: Cluster, names: Any) -> None:
    for name in names:
        await host.until(CLUSTERS, name, None, lambda c: c and condition(c, "Ready") == "True")


def condition(manifest: Manifest, type_: str) -> str | None:
    """The status of a condition."""
    conditions = manifest.get("status", {}).get("conditions", [])
    return next((c["status"] for c in conditions if c["type"] == type_), None)


def reason(manifest: Manifest | None, type_: str) -> str | None:
    """The reason of a condition."""
    conditions = (manifest or {}).get("status", {}).get("conditions", [])
    return next((c["reason"] for c in conditions if c["type"] == type_), None)


def deployment(name: str, namespace: str, *, replicas: int = 2, image: str = "nginx:1.27") -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
        },
    }


def policy(name: str, namespace: str, *selectors: Manifest, **spec: Any) -> Manifest:
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "PropagationPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"resourceSelectors": list(selectors), **spec},
    }


def rollout_policy(name: str, namespace: str, *selectors: Manifest, **strategy: Any) -> Manifest:
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "RolloutPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"resourceSelectors": list(selectors), **strategy},
    }


def autoscaler(name: str, namespace: str) -> Manifest:
    """An autoscaler of the Deployment of its name; without metrics it changes nothing by itself."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 30},
    }


def selects(api_version: str, kind: str, **more: Any) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, **more}


A_DEPLOYMENT = selects("apps/v1", "Deployment")
A_CONFIGMAP = selects("v1", "ConfigMap")


def configmap(name: str, namespace: str, **data: str) -> Manifest:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def crd(group: str, plural: str, kind: str) -> Manifest:
    """A custom resource of any shape."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [version],
        },
    }


def absent(manifest: Manifest | None) -> bool:
    return manifest is None
