"""What the fleet keeps of a member's object: enough to decide about it, not the object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import orjson
from cachetools import LRUCache

from federation.kube.ownership import entry
from federation.kube.ref import Ref
from federation.kube.resources import Manifest, Resource
from policies import workloads
from policies.copies import (
    BINDING_ANNOTATION,
    DIGEST_ANNOTATION,
    FIELD_MANAGER,
    HOST_LABEL,
    RELEASE_ANNOTATION,
    RELEASE_MANAGER,
    Copy,
)
from policies.workloads import Workload
from policies.workloads.interpretation import NONE, Interpretation, Interpretations

_WITHOUT_STATUS = frozenset(
    {
        ("", "ConfigMap"),
        ("", "Secret"),
        ("", "ServiceAccount"),
        ("", "LimitRange"),
        ("networking.k8s.io", "NetworkPolicy"),
        ("networking.k8s.io", "IngressClass"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("scheduling.k8s.io", "PriorityClass"),
        ("storage.k8s.io", "StorageClass"),
    }
)


def has_replicas(resource: Resource, interpretations: Interpretations = NONE) -> bool:
    """Return whether a kind says how many replicas it has."""
    workload = workloads.of(resource.group, resource.kind, interpretations)
    if isinstance(workload, Interpretation):
        return workload.replicas_at is not None
    return workload.replicas({"spec": {}}) is not None


def metadata_only(resource: Resource) -> bool:
    """Return whether the metadata of a member's object says all we need: its kind has no status."""
    return (resource.group, resource.kind) in _WITHOUT_STATUS


@dataclass(frozen=True, slots=True)
class MemberCopy:
    """A member's object that carries our host label. Equal when nothing we act on differs."""

    copy: Copy
    owned: bytes
    """JSON of the fieldsV1 of our apply entry in managedFields, which shrinks when others take fields; empty
    when there is none.
    """
    restrained: bytes
    """The same of the entry of a release."""
    workload: Workload
    """What is known of its kind, by which `live` was made."""
    live: Manifest
    """What health and roll-up of its kind read."""
    resource_version: str = field(compare=False)


class Named(Protocol):
    """A member, as far as its name goes."""

    @property
    def name(self) -> str: ...


class Copies(Protocol):
    """What is known of the copies in all members."""

    def __iter__(self) -> Iterator[Named]: ...

    def copy(self, cluster: str, ref: Ref) -> MemberCopy | None:
        """Return what is known of a member's object; None of one that it does not have, or is not seen."""

    def scales(self, cluster: str, ref: Ref) -> bool:
        """Whether a member has a workload whose replicas are decided there."""


_owned: LRUCache[bytes, bytes] = LRUCache(maxsize=20_000)


def _owned_by(manager: str, managed_fields: list[Manifest]) -> bytes:
    """Copies of one template own the same fields in every cluster: keep them once."""
    if (owned := entry(managed_fields, manager)) is None:
        return b""
    fields = orjson.dumps(owned, option=orjson.OPT_SORT_KEYS)
    return _owned.setdefault(fields, fields)


def fields_of(owned: bytes) -> Manifest:
    """Return fieldsV1 of which a copy has the JSON; empty where there was no entry."""
    return orjson.loads(owned) if owned else {}


def projection(
    resource: Resource, interpretations: Callable[[], Interpretations] = lambda: NONE
) -> Callable[[Manifest], MemberCopy]:
    """Return the transform of the Informer of a resource, which reads a copy as its kind is read then."""

    def transform(live: Manifest) -> MemberCopy:
        workload = workloads.of(resource.group, resource.kind, interpretations())
        metadata = live["metadata"]
        annotations = metadata.get("annotations") or {}
        managed = metadata.get("managedFields") or []
        return MemberCopy(
            copy=Copy(
                uid=metadata["uid"],
                host=(metadata.get("labels") or {}).get(HOST_LABEL, ""),
                digest=annotations.get(DIGEST_ANNOTATION, ""),
                placed_by=annotations.get(BINDING_ANNOTATION, ""),
                deleting="deletionTimestamp" in metadata,
                echo=annotations.get(RELEASE_ANNOTATION, ""),
            ),
            owned=_owned_by(FIELD_MANAGER, managed),
            restrained=_owned_by(RELEASE_MANAGER, managed),
            workload=workload,
            live=workload.project(live),
            resource_version=metadata["resourceVersion"],
        )

    return transform
