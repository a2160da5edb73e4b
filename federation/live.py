"""Live: what a host holds, as the base of a plan. It is listed, and never written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import get_args

from federation.kube.api import Api
from federation.kube.discovery import Discovery
from federation.kube.errors import ApiError, NotServed
from federation.kube.resources import Resource
from federation.manifests import Document, Unreadable
from federation.planning import Base, Planned, checked, is_cluster, planned, recorded
from federation.resources import (
    CLUSTER,
    CLUSTER_OVERRIDE,
    CLUSTER_PROPAGATION,
    CLUSTER_RESOURCE_BINDING,
    OVERRIDE,
    PROPAGATION,
    RESOURCE_BINDING,
    RESOURCE_INTERPRETER,
)
from policies.api.meta import GROUP, Manifest
from policies.dependencies import DependencyKind
from policies.matching import group_of
from policies.planning.world import Identity, identity_of
from policies.validation import validate
from policies.verdicts import Verdict

_PROPAGATIONS = (PROPAGATION, CLUSTER_PROPAGATION)
_POLICIES = (*_PROPAGATIONS, OVERRIDE, CLUSTER_OVERRIDE)
_BINDINGS = (RESOURCE_BINDING, CLUSTER_RESOURCE_BINDING)


async def live(api: Api, given: Sequence[Document], namespace: str) -> Planned:
    """Plan from what the host holds.

    :param namespace: the one of objects that name none.
    :raises Unreadable: naming file, document and field of each mistake
    :raises ApiError: the host can't be read
    """
    discovery = Discovery(api)
    await discovery.refresh()
    try:
        base = await _base(api, discovery, given)
    except NotServed:
        raise ApiError("the host serves no policies; `atoll install` installs Atoll's kinds") from None
    _served(discovery, given)
    clusters = [key.name for key in base.manifests if is_cluster(key)]
    wanted = checked(given, lambda each: _resource(discovery, each).namespaced, namespace, clusters)
    return planned(base, wanted.manifests, notes=wanted.warnings)


def _served(discovery: Discovery, given: Iterable[Document]) -> None:
    """Refuse kinds that the host does not serve."""
    mistakes = [
        f"{document.place}: the host serves no {document.manifest['kind']} in "
        f"{document.manifest['apiVersion']}; apply its CustomResourceDefinition first"
        for document in given
        if _find(discovery, document.manifest) is None
    ]
    if mistakes:
        raise Unreadable(*mistakes)


def _find(discovery: Discovery, manifest: Manifest) -> Resource | None:
    group, _, version = manifest["apiVersion"].rpartition("/")
    return discovery.resource(group, manifest["kind"], version)


def _resource(discovery: Discovery, manifest: Manifest) -> Resource:
    resource = _find(discovery, manifest)
    assert resource is not None  # or `_served` had refused it
    return resource


async def _base(api: Api, discovery: Discovery, given: Sequence[Document]) -> Base:
    """List clusters, policies and bindings, then the templates of every kind that these or the files name."""
    ours = (CLUSTER, RESOURCE_INTERPRETER, *_POLICIES)
    manifests = {identity_of(each): each async for each in _listed(api, ours)}
    standing = dict(recorded([each async for each in _listed(api, _BINDINGS)]))
    invalid = dict(_invalid(manifests))
    for key in invalid:
        del manifests[key]
    policies = [*manifests.values(), *(document.manifest for document in given)]
    kinds = {
        *((spec.resource.api_version, spec.resource.kind) for spec in standing.values()),
        *_selected(policies),
        *((document.manifest["apiVersion"], document.manifest["kind"]) for document in given),
    }
    found = {discovery.resource(group_of(version), kind) for version, kind in kinds}
    resources = sorted(each for each in found if each is not None and each.group != GROUP)
    manifests |= {identity_of(each): each async for each in _listed(api, resources)}
    return Base(manifests, standing, live=True, invalid=invalid)


async def _listed(api: Api, resources: Iterable[Resource]) -> AsyncIterator[Manifest]:
    for resource in resources:
        async for page in api.list(resource):
            for item in page.items:
                yield item


def _selected(manifests: Iterable[Manifest]) -> set[tuple[str, str]]:
    """Return what propagation policies select, and what goes along; those in files may not be valid yet."""
    kinds = {resource.kind for resource in _PROPAGATIONS}
    specs = [each.get("spec") or {} for each in manifests if each["kind"] in kinds]
    selectors = (
        selector
        for spec in specs
        for selector in spec.get("resourceSelectors") or ()
        if isinstance(selector, dict)
    )
    selected = {(str(each.get("apiVersion", "")), str(each.get("kind", ""))) for each in selectors}
    along = get_args(DependencyKind) if any(spec.get("propagateDeps") for spec in specs) else ()
    return selected | {("v1", kind) for kind in along}


def _invalid(manifests: Mapping[Identity, Manifest]) -> Iterable[tuple[Identity, Verdict]]:
    """Return the stored policies that are not valid, with what the controller says of them."""
    for key, manifest in manifests.items():
        if key.kind == "Cluster" or not (denials := validate(manifest).denials):
            continue
        message = "; ".join(map(str, denials))
        yield key, Verdict("PolicyInvalid", f"{key.kind} {key.name} is not valid: {message}")
