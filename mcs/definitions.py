"""The CustomResourceDefinitions of others that Services across clusters need, and which of two prevails."""

from __future__ import annotations

import re
from importlib import resources

import yaml

from federation.kube.resources import Manifest, Resource

USABLE = {"multicluster.x-k8s.io": ("v1beta1",), "about.k8s.io": ("v1beta1", "v1alpha1")}
"""By group, the versions that do; the first one that a cluster serves is used."""
_RELEASE = "multicluster.x-k8s.io/release-version"
_REVISION = "multicluster.x-k8s.io/crd-schema-revision"


def definitions() -> list[Manifest]:
    """Return ours: ClusterProperty, ServiceExport and ServiceImport. See `mcs/crds/README.md`."""
    files = sorted(resources.files("mcs").joinpath("crds").iterdir(), key=lambda file: file.name)
    return [yaml.safe_load(file.read_text("utf-8")) for file in files if file.name.endswith(".yaml")]


def templates() -> list[Manifest]:
    """Return those that a host serves as well: a ServiceExport there is a template."""
    return [each for each in definitions() if each["spec"]["group"] == "multicluster.x-k8s.io"]


def resource_of(definition: Manifest) -> Resource | None:
    """Return the type that a definition serves, in the best version that does; None if it has none."""
    spec, names = definition["spec"], definition["spec"]["names"]
    served = {version["name"] for version in spec["versions"] if version["served"]}
    version = next((version for version in USABLE[spec["group"]] if version in served), None)
    if version is None:
        return None
    return Resource(spec["group"], version, names["plural"], names["kind"], spec["scope"] == "Namespaced")


def replaces(definition: Manifest, present: Manifest, manager: str) -> bool:
    """Whether `manager` is to put a definition in the place of the one that a cluster has.

    One of a later release never yields (the labels are there for that, mcs-api v0.5.0); one that the manager
    never wrote only if nothing that it serves will do.
    """
    if release_of(present) > release_of(definition):
        return False
    if resource_of(present) is None:
        return True
    return written_by(manager, present) and release_of(present) < release_of(definition)


def release_of(definition: Manifest) -> tuple[int, ...]:
    """Return major, minor, patch and revision of the schema, as its labels say; empty if they don't."""
    labels = definition["metadata"].get("labels") or {}
    release, revision = (re.findall(r"\d+", labels.get(label, "")) for label in (_RELEASE, _REVISION))
    return tuple(int(number) for number in (*release[:3], *revision))


def written_by(manager: str, live: Manifest) -> bool:
    """Whether some field of an object is a field manager's."""
    return any(entry.get("manager") == manager for entry in live["metadata"].get("managedFields") or ())
