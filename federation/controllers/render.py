"""Rendering with a memory: one manifest for all clusters that get the same, made once."""

from __future__ import annotations

from typing import NamedTuple

import orjson
from cachetools import LRUCache

from federation.controllers.documents import Yaml
from federation.controllers.host import Host, subject_of
from federation.controllers.kinds import Record, Template
from federation.kube.ref import Ref
from policies.api.cluster import Cluster
from policies.overriders import Override, overrides_for
from policies.rendering import Rendered, render
from policies.verdicts import Verdict

_YAML = Yaml()


class _Key(NamedTuple):
    manifest: bytes
    replicas: int | None
    completions: int | None
    overrides: tuple[Override, ...]


class Renderer:
    """Answers what a template is to be in a cluster."""

    def __init__(self, host: Host, size: int = 512) -> None:
        self._host = host
        self._rendered: LRUCache[_Key, Rendered | Verdict] = LRUCache(maxsize=size)

    def __call__(self, ref: Ref, template: Template, record: Record, cluster: Cluster) -> Rendered | Verdict:
        """Return the manifest for a cluster, or why there is none."""
        target = next(t for t in record.spec.clusters if t.name == cluster.metadata.name)
        policies = self._host.overrides(ref.namespace)
        overrides = overrides_for(subject_of(ref, template.labels), cluster, policies, _YAML)
        key = _Key(template.manifest, target.replicas, target.completions, overrides)
        if (rendered := self._rendered.get(key)) is None:
            rendered = render(
                orjson.loads(template.manifest),
                replicas=target.replicas,
                completions=target.completions,
                overrides=overrides,
            )
            self._rendered[key] = rendered
        return rendered
