"""Ref: one object of one API server, by resource type, namespace and name."""

from __future__ import annotations

from typing import NamedTuple

from federation.kube.resources import Resource


class Ref(NamedTuple):
    """Hashable name of an object; `str()` gives it as kubectl would: `deployments.apps/web in shop`."""

    resource: Resource
    namespace: str
    name: str

    @property
    def key(self) -> tuple[str, str]:
        """The key of the object in an Informer of its resource."""
        return self.namespace, self.name

    def __str__(self) -> str:
        group = f".{self.resource.group}" if self.resource.group else ""
        place = f" in {self.namespace}" if self.namespace else ""
        return f"{self.resource.plural}{group}/{self.name}{place}"
