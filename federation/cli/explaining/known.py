"""What the host says of one object, read once into the same mirrors that the controller keeps up to date.

So that a command answers by the controller's own classes, which ask the mirrors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from typing import NamedTuple

from federation.cli.explaining.objects import object_named
from federation.controllers.host import Host, Override, PolicyKey, Propagation
from federation.controllers.kinds import Record, Template
from federation.kube.api import Api, Manifest, Resource
from federation.kube.discovery import Discovery
from federation.kube.errors import ApiError, NotFound
from federation.kube.ref import Ref
from federation.resources import (
    CLUSTER,
    CLUSTER_OVERRIDE,
    CLUSTER_PROPAGATION,
    CLUSTER_ROLLOUT_POLICY,
    CONTROLLER_REVISIONS,
    OVERRIDE,
    PROPAGATION,
    RESOURCE_INTERPRETER,
    ROLLOUT,
    ROLLOUT_POLICY,
)
from policies.interpreting import GroupKind
from policies.release.revision import WORKLOAD_LABEL
from policies.workloads import drivers


class Known(NamedTuple):
    """One object of the host, and all that decides about it."""

    host: Host
    ref: Ref
    template: Template
    record: Record | None
    """What its binding says; None without one."""


class Nobody:
    """Whom a read host tells of changes."""

    def template_changed(self, ref: Ref) -> None: ...
    def binding_changed(self, ref: Ref) -> None: ...
    def propagation_changed(
        self, key: PolicyKey, old: Propagation | None, new: Propagation | None
    ) -> None: ...
    def override_changed(self, key: PolicyKey, old: Override | None, new: Override | None) -> None: ...
    def cluster_changed(self, name: str) -> None: ...
    def rollout_changed(self, ref: Ref) -> None: ...
    def rollout_policy_changed(self, key: PolicyKey) -> None: ...
    def interpreters_changed(self, kinds: Set[GroupKind]) -> None: ...
    def templates_synced(self, resource: Resource) -> None: ...
    def kinds_changed(self, resources: frozenset[Resource]) -> None: ...


async def known(api: Api, words: Sequence[str], namespace: str) -> Known:
    """Read an object of the host and all that decides about it.

    :raises ApiError: it is not there, or its kind is not served
    """
    discovery = Discovery(api)
    asked = await object_named(api, discovery, words, namespace)
    host = Host(api, discovery, Nobody())
    ref = await bound(host, asked)
    live = await found(api, ref)
    if live is None:
        raise ApiError(f"{ref}: not found on the host; is it in another namespace? Name that with -n")
    return await known_as(host, ref, live)


async def bound(host: Host, asked: Ref) -> Ref:
    """Read the binding of an object, if there is one; return the object in the version in which it is
    bound.
    """
    resource, (place, name) = host.binding_key(asked)
    if (binding := await found(host.api, Ref(resource, place, name))) is not None:
        host.observe_binding(resource, binding)
    record = host.binding(asked)
    return record.ref if record is not None else asked


async def known_as(host: Host, ref: Ref, live: Manifest) -> Known:
    """Read all that decides about an object that is on the host like this, or is to be."""
    reads = (_policies(host, ref.namespace), _clusters(host), _release(host, ref, live), _interpreters(host))
    await asyncio.gather(*reads)
    host.templates.want({ref.resource})
    host.observe_template(ref, live)
    template = host.template(ref)
    assert template is not None
    return Known(host, ref, template, host.binding(ref))


async def _policies(host: Host, namespace: str) -> None:
    for resource in (PROPAGATION, CLUSTER_PROPAGATION, OVERRIDE, CLUSTER_OVERRIDE):
        if namespace or not resource.namespaced:
            for policy in await _all(host.api, resource, namespace):
                host.observe_policy(resource, policy)


async def _clusters(host: Host) -> None:
    for cluster in await _all(host.api, CLUSTER, ""):
        host.clusters.observe(cluster)


async def _interpreters(host: Host) -> None:
    for interpreter in await _all(host.api, RESOURCE_INTERPRETER, ""):
        host.interpreters.observe(interpreter)


async def _release(host: Host, ref: Ref, live: Manifest) -> None:
    """Read what concerns the releases of a workload, where it can have any."""
    if not ref.namespace or drivers.of(ref.resource.group, ref.resource.kind) is None:
        return
    for resource in (ROLLOUT_POLICY, CLUSTER_ROLLOUT_POLICY):
        for policy in await _all(host.api, resource, ref.namespace):
            host.rollouts.observe_policy(resource, policy)
    for run in await _all(host.api, ROLLOUT, ref.namespace):
        host.rollouts.observe_run(run)
    selector = f"{WORKLOAD_LABEL}={live['metadata']['uid']}"
    for revision in await _all(host.api, CONTROLLER_REVISIONS, ref.namespace, selector):
        host.rollouts.observe_revision(revision)


async def found(api: Api, ref: Ref) -> Manifest | None:
    try:
        return await api.get(ref.resource, ref.name, ref.namespace)
    except NotFound:
        return None


async def _all(api: Api, resource: Resource, namespace: str, labels: str = "") -> list[Manifest]:
    place = namespace if resource.namespaced else None
    selector = {"labelSelector": labels} if labels else None
    pages = api.list(resource, namespace=place, selector=selector, limit=500)
    return [item async for page in pages for item in page.items]
