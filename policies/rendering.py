"""Rendering: a template and what was decided for a cluster, to the manifest for that cluster and its digest.

The order is prune (once for each template), replicas, overriders, digest. A manifest is the same for all
clusters with the same overrides and replicas: render once for each distinct pair, not once for each cluster.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from policies import workloads
from policies.api.meta import Manifest
from policies.jsonpath import without
from policies.matching import group_of
from policies.overriders import Override, override
from policies.pruning import prune, without_empty_metadata
from policies.release.permission import Permission
from policies.verdicts import OverrideFailed
from policies.workloads import Workload
from policies.workloads.driver import Driver
from policies.workloads.interpretation import replicas_at

__all__ = ["Rendered", "digest", "held", "prune", "render"]

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False).encode
_readable = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


class Rendered(NamedTuple):
    """What a cluster is to hold, without our label. It shares with the template: never change it."""

    manifest: Manifest
    digest: str
    restraint: Manifest | None = None
    """The fields of `spec` by which a release holds the cluster to what it may; `manifest` lacks them."""
    revision: str = ""
    """The revision of its content; empty where no release has a say."""
    echo: str = ""
    """What the copy is to say it was permitted."""

    @classmethod
    def of(cls, manifest: Manifest) -> Rendered:
        return cls(manifest, digest(manifest))

    @property
    def whole(self) -> Manifest:
        """The manifest with the restraint: both belong in one write."""
        if self.restraint is None:
            return self.manifest
        return self.manifest | {"spec": self.manifest["spec"] | self.restraint}


def render(
    pruned: Manifest,
    *,
    replicas: int | None = None,
    completions: int | None = None,
    overrides: Sequence[Override] = (),
    scaled_there: bool = False,
    labels: Mapping[str, str] = MappingProxyType({}),
    workload: Workload | None = None,
) -> Rendered | OverrideFailed:
    """Return the manifest for the clusters that get these replicas and overrides, or which rule failed.

    :param pruned: what `prune` made of the template; it stays as it is.
    :param replicas: for workloads that have them; None leaves the template's.
    :param completions: of a divided Job; None leaves the template's.
    :param scaled_there: the replicas are the clusters' own: the manifest does not speak of them.
    :param labels: to have besides the template's.
    :param workload: what is known of its kind, by default what Atoll knows by itself.
    """
    manifest = pruned
    workload = workload or workloads.of(group_of(pruned["apiVersion"]), pruned["kind"])
    if replicas is not None:
        manifest = workload.with_replicas(manifest, replicas)
    if completions is not None:
        manifest = manifest | {"spec": manifest["spec"] | {"completions": completions}}
    if labels:
        metadata = manifest["metadata"]
        manifest = manifest | {"metadata": metadata | {"labels": {**metadata.get("labels", {}), **labels}}}
    overridden = override(manifest, overrides)
    if isinstance(overridden, OverrideFailed):
        return overridden
    manifest = without_empty_metadata(overridden) if overrides else overridden
    if scaled_there and (keys := replicas_at(workload)) is not None:
        manifest = without(manifest, keys)
    return Rendered.of(manifest)


def held(rendered: Rendered, driver: Driver, may: Permission) -> Rendered:
    """Return the manifest as a release permits it."""
    manifest = rendered.manifest
    if not driver.FIELDS:  # nothing holds it: it changes only where it is written
        return rendered._replace(revision=may.revision, echo=may.echo)
    if may.part is not None:
        restraint = driver.hold(manifest, may.part, may.replicas or 0)
    elif may.max_unavailable is not None:
        restraint = driver.return_to(manifest, may.max_unavailable)
    else:
        return rendered._replace(revision=may.revision, echo=may.echo)
    spec = {field: value for field, value in manifest["spec"].items() if field not in driver.FIELDS}
    bare = manifest | {"spec": spec}
    return Rendered(bare, digest(bare | {"restrained": True}), restraint, may.revision, may.echo)


def canonical(manifest: Manifest) -> bytes:
    """Return a manifest as the controller keeps it: compact JSON with sorted keys, in UTF-8."""
    return _readable(manifest).encode()


def digest(manifest: Manifest) -> str:
    """Return 16 hex digits that are equal for equal manifests, whatever the order of their keys."""
    return hashlib.sha256(_canonical(manifest).encode()).hexdigest()[:16]
