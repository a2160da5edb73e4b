"""Rendering with a memory: one manifest for all clusters that get the same, made once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import orjson
from cachetools import LRUCache

from federation.controllers.documents import Yaml
from federation.controllers.gate import Gate
from federation.controllers.host import Host, subject_of
from federation.controllers.kinds import Record, Template
from federation.kube.ref import Ref
from policies.api.binding import TargetCluster
from policies.api.cluster import Cluster
from policies.api.override import OverridePolicy
from policies.interpreting import replicas_unknown
from policies.overriders import Override, overrides_for
from policies.release.content import content, with_content
from policies.release.permission import Permission
from policies.release.revision import Revision
from policies.rendering import Rendered, held, render
from policies.verdicts import Verdict
from policies.workloads import Workload, drivers

_YAML = Yaml()


class _Key(NamedTuple):
    manifest: bytes
    workload: Workload
    revision: str
    """The revision that its content is of, when it is not the present one."""
    replicas: int | None
    scaled_there: bool
    completions: int | None
    labels: tuple[tuple[str, str], ...]
    """Preserved of the copy whose place it took."""
    overrides: tuple[Override, ...]
    past: tuple[Override, ...]
    """The override rules of that revision."""


class Renderer:
    """Answers what a template is to be in a cluster."""

    def __init__(self, host: Host, gate: Gate, size: int = 512) -> None:
        self._host, self._gate = host, gate
        self._rendered: LRUCache[_Key, Rendered | Verdict] = LRUCache(maxsize=size)
        self._held: LRUCache[tuple[_Key, Permission], Rendered] = LRUCache(maxsize=size)

    def __call__(
        self,
        ref: Ref,
        template: Template,
        record: Record,
        cluster: Cluster,
        may: Permission | None = None,
        *,
        scaled_there: bool = False,
    ) -> Rendered | Verdict:
        """Return the manifest for a cluster, or why there is none.

        :param may: what a release permits there; None where none has a say.
        :param scaled_there: how many replicas it has is decided in the cluster.
        """
        target = next(t for t in record.spec.clusters if t.name == cluster.metadata.name)
        overrides = self._overrides(ref, template, cluster, self._host.overrides(ref.namespace))
        revision = self._revision(ref, template, may) if may is not None else None
        if isinstance(revision, Verdict):
            return revision
        if target.replicas is not None and template.replicas is None:
            return replicas_unknown(ref.resource.kind)
        key = _Key(
            template.manifest,
            template.workload,
            revision.name if revision else "",
            None if scaled_there else _replicas(target, may),
            scaled_there,
            target.completions,
            tuple(sorted((target.preserved_labels or {}).items())),
            overrides,
            self._overrides(ref, template, cluster, revision.overrides) if revision else (),
        )
        rendered = self._make(key, target, revision)
        if may is None or isinstance(rendered, Verdict):
            return rendered
        return self._hold(ref, key, rendered, may)

    def _overrides(
        self, ref: Ref, template: Template, cluster: Cluster, policies: Iterable[OverridePolicy]
    ) -> tuple[Override, ...]:
        return overrides_for(subject_of(ref, template.labels), cluster, policies, _YAML)

    def _revision(self, ref: Ref, template: Template, may: Permission) -> Revision | Verdict | None:
        """Return the revision that is permitted if it is not the one the template is at."""
        present = self._gate.present(ref, template)
        if present.name == may.revision:
            return None
        stored = self._host.rollouts.revision(template.uid, may.revision)
        if stored is None:
            return Verdict(
                "RevisionMissing",
                f"{ref}: ControllerRevision {may.revision} in {ref.namespace} is not there, so that what the "
                "cluster may hold can't be told; it stays as it is: restore the revision, or delete the "
                "Rollout to release the present template",
            )
        return stored.revision

    def _make(self, key: _Key, target: TargetCluster, revision: Revision | None) -> Rendered | Verdict:
        if (rendered := self._rendered.get(key)) is None:
            pruned = orjson.loads(key.manifest)
            rendered = render(
                pruned,
                replicas=key.replicas,
                completions=key.completions,
                overrides=key.overrides,
                scaled_there=key.scaled_there,
                labels=dict(key.labels),
                workload=key.workload,
            )
            if revision is not None and isinstance(rendered, Rendered):
                past = render(
                    with_content(pruned, revision.content),
                    replicas=key.replicas,  # what a ResourceInterpreter finds replicas in is content
                    overrides=key.past,
                    scaled_there=key.scaled_there,
                    workload=key.workload,
                )
                rendered = past if isinstance(past, Verdict) else _with_content_of(rendered, past)
            self._rendered[key] = rendered
        return rendered

    def _hold(self, ref: Ref, key: _Key, rendered: Rendered, may: Permission) -> Rendered:
        driver = drivers.required(ref.resource.group, ref.resource.kind)
        if (restrained := self._held.get((key, may))) is None:
            restrained = self._held[key, may] = held(rendered, driver, may)
        return restrained


def _replicas(target: TargetCluster, may: Permission | None) -> int | None:
    return target.replicas if may is None or may.replicas is None else may.replicas


def _with_content_of(rendered: Rendered, other: Rendered) -> Rendered:
    """Return a rendering with the content of another."""
    return Rendered.of(with_content(rendered.manifest, content(other.manifest)))
