"""References: how an object of the host is named in other objects, and what such a name means."""

from __future__ import annotations

from federation.kube.ref import Ref
from federation.kube.resources import Manifest, Resource
from policies.api.binding import ResourceReference


def reference(ref: Ref, uid: str) -> ResourceReference:
    """Return the name of a template in a binding or a Rollout."""
    return ResourceReference(
        api_version=ref.resource.api_version,
        kind=ref.resource.kind,
        plural=ref.resource.plural,
        namespace=ref.namespace,
        name=ref.name,
        uid=uid,
    )


def ref_of(named: ResourceReference, *, namespaced: bool = True) -> Ref:
    """Return what a reference names."""
    group, _, version = named.api_version.rpartition("/")
    resource = Resource(group, version, named.plural, named.kind, namespaced)
    return Ref(resource, named.namespace, named.name)


def owner(ref: Ref, uid: str) -> Manifest:
    """Return the owner reference by which what belongs to a template goes with it."""
    return {
        "apiVersion": ref.resource.api_version,
        "kind": ref.resource.kind,
        "name": ref.name,
        "uid": uid,
    }
