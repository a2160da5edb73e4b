"""Names of things at an API server: resource types, their paths, and the keys of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

Manifest = dict[str, Any]
Selector = Mapping[str, str]  # labelSelector, fieldSelector
Key = tuple[str, str]  # (namespace, name); the namespace of a cluster-scoped object is ""


class Resource(NamedTuple):
    """One resource type in one version, as discovery names it."""

    group: str  # "" for the core group
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """`deployments.apps`, as kubectl and metrics name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """The URL path of the collection, of one object, or of a part of it; names are quoted."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{quote(namespace, safe='')}" if self.namespaced and namespace else ""
        parts = (root + scope, self.plural, quote(name, safe="") if name else None, subresource)
        return "/".join(part for part in parts if part)


def key_of(manifest: Manifest) -> Key:
    metadata = manifest["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def newer(version: str, than: str) -> bool:
    """Whether one resourceVersion is later than another of the same resource type of the same server.

    They are comparable since Kubernetes 1.35 (KEP-5504); of a server that does not count, nothing is newer.
    """
    try:
        return int(version) > int(than)
    except ValueError:
        return False
