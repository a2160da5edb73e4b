"""What resource types an API server serves, and in which versions.

Two requests where the server aggregates (Kubernetes >= 1.27), one more for each group version elsewhere.
https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator

from .api import Api
from .errors import StatusError
from .resources import Manifest, Resource
from .types import ServedType

log = logging.getLogger(__name__)
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
_ACCEPT = ",".join([_AGGREGATED.format("v2"), _AGGREGATED.format("v2beta1"), "application/json"])


class Discovery:
    """The served types as of the last `refresh`, which asks at most once in `ttl` seconds.

    After NotServed call `invalidate`: the type went away, or its CRD moved to another version.
    """

    def __init__(self, api: Api, *, ttl: float = 120.0) -> None:
        self._api, self._ttl = api, ttl
        self._fresh_until = 0.0
        self._by_kind: dict[tuple[str, str], tuple[Resource, ...]] = {}  # preferred version first
        self.types: tuple[ServedType, ...] = ()

    def invalidate(self) -> None:
        self._fresh_until = 0.0

    async def refresh(self) -> None:
        """Ask the server, unless it was asked lately.

        :raises ApiError: what was known stays
        """
        if time.monotonic() < self._fresh_until:
            return
        types = [served for root in ("/api", "/apis") for served in await self._discover(root)]
        by_kind: dict[tuple[str, str], tuple[Resource, ...]] = {}
        for resource, *_ in types:
            key = resource.group, resource.kind
            by_kind[key] = (*by_kind.get(key, ()), resource)
        self._by_kind, self._fresh_until = by_kind, time.monotonic() + self._ttl
        self.types = tuple(types)

    def resource(self, group: str, kind: str, version: str | None = None) -> Resource | None:
        """The type in this version, or in the one the server prefers; None if it is not served."""
        for resource in self._by_kind.get((group, kind), ()):
            if version in (None, resource.version):
                return resource
        return None

    def serves(self, group: str, plural: str) -> bool:
        """Whether a type is served, by the name it has in URLs."""
        known = (resource for resources in self._by_kind.values() for resource in resources)
        return any((resource.group, resource.plural) == (group, plural) for resource in known)

    def served(self) -> dict[str, tuple[str, ...]]:
        """The kinds of each group version, both sorted."""
        kinds: dict[str, set[str]] = {}
        for resources in self._by_kind.values():
            for resource in resources:
                kinds.setdefault(resource.api_version, set()).add(resource.kind)
        return {group_version: tuple(sorted(kinds[group_version])) for group_version in sorted(kinds)}

    async def _discover(self, root: str) -> list[ServedType]:
        answer = await self._api.request("GET", root, accept=_ACCEPT)
        if answer.get("kind") == "APIGroupDiscoveryList":
            return list(self._aggregated(answer))
        found: list[ServedType] = []
        for group, version in _group_versions(answer):
            path = f"/apis/{group}/{version}" if group else f"/api/{version}"
            try:
                types = await self._api.request("GET", path)
            except StatusError as error:  # an aggregated API server that is down takes only itself away
                log.warning("discovery of %s: %s", path, error)
                found.extend(self._known(group, version))
                continue
            found.extend(_classic(group, version, types["resources"]))
        return found

    def _aggregated(self, answer: Manifest) -> Iterator[ServedType]:
        for item in answer["items"]:
            group = item["metadata"].get("name", "")
            for served in item["versions"]:
                version, entries = served["version"], served.get("resources", ())
                if not entries and served.get("freshness") == "Stale":
                    yield from self._known(group, version)
                for entry in entries:
                    if kind := entry.get("responseKind", {}).get("kind"):
                        namespaced = entry["scope"] == "Namespaced"
                        resource = Resource(group, version, entry["resource"], kind, namespaced)
                        yield _type(resource, entry, entry.get("singularResource", ""))

    def _known(self, group: str, version: str) -> Iterator[ServedType]:
        """What this group version served before its server went down, which is no proof that it is gone."""
        yield from (each for each in self.types if each.resource[:2] == (group, version))


def _classic(group: str, version: str, entries: Iterable[Manifest]) -> Iterator[ServedType]:
    for entry in entries:
        if "/" not in entry["name"]:  # a subresource
            resource = Resource(group, version, entry["name"], entry["kind"], bool(entry["namespaced"]))
            yield _type(resource, entry, entry.get("singularName", ""))


def _type(resource: Resource, entry: Manifest, singular: str) -> ServedType:
    lists = (tuple(entry.get(field) or ()) for field in ("shortNames", "categories", "verbs"))
    return ServedType(resource, singular, *lists)


def _group_versions(answer: Manifest) -> Iterator[tuple[str, str]]:
    """All group versions of an APIVersions or APIGroupList, the preferred version of each group first."""
    if answer.get("kind") == "APIVersions":
        yield from (("", version) for version in answer["versions"])
        return
    for group in answer.get("groups", ()):
        preferred = group["preferredVersion"]["version"]
        versions = [entry["version"] for entry in group["versions"]]
        for version in sorted(versions, key=lambda version: version != preferred):
            yield group["name"], version
