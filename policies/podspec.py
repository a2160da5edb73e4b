"""Pod specs: where a workload keeps its pod template, and changing a container without touching the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from policies.api.meta import Manifest
from policies.matching import group_of

Path = tuple[str, ...]

_TEMPLATE: Path = ("spec", "template", "spec")
_PATHS: Mapping[tuple[str, str], Path] = {
    ("", "Pod"): ("spec",),
    ("apps", "Deployment"): _TEMPLATE,
    ("apps", "StatefulSet"): _TEMPLATE,
    ("apps", "DaemonSet"): _TEMPLATE,
    ("apps", "ReplicaSet"): _TEMPLATE,
    ("batch", "Job"): _TEMPLATE,
    ("batch", "CronJob"): ("spec", "jobTemplate", *_TEMPLATE),
    ("apps.kruise.io", "CloneSet"): _TEMPLATE,
    ("apps.kruise.io", "DaemonSet"): _TEMPLATE,
    ("apps.kruise.io", "StatefulSet"): _TEMPLATE,
}


def has_pods(group: str, kind: str) -> bool:
    """Whether objects of a kind have pods."""
    return (group, kind) in _PATHS


def pod_spec_path(manifest: Manifest) -> Path | None:
    """Return the keys that lead to the pod spec, or None for a kind that has none."""
    return _PATHS.get((group_of(manifest["apiVersion"]), manifest["kind"]))


def pod_template_path(manifest: Manifest) -> Path | None:
    """Return the keys that lead to the pod template, or None for a kind that has none."""
    path = pod_spec_path(manifest)
    return path[:-1] if path and path != ("spec",) else None


def with_containers(manifest: Manifest, change: Callable[[Manifest], Manifest]) -> Manifest:
    """Return a manifest with every container and init container changed."""
    path = pod_spec_path(manifest)
    return manifest if path is None else replaced(manifest, path, lambda spec: _changed(spec, change))


def replaced(value: Manifest, path: Path, change: Callable[[Any], Any]) -> Manifest:
    """Return a value with what stands at a path changed; unchanged where the path leads nowhere."""
    if not isinstance(value, dict) or path[0] not in value:
        return value
    key, rest = path[0], path[1:]
    return value | {key: replaced(value[key], rest, change) if rest else change(value[key])}


def _changed(spec: Any, change: Callable[[Manifest], Manifest]) -> Any:
    if not isinstance(spec, dict):
        return spec
    lists = {
        name: spec[name] for name in ("containers", "initContainers") if isinstance(spec.get(name), list)
    }
    return spec | {
        name: [_applied(change, each) for each in containers] for name, containers in lists.items()
    }


def _applied(change: Callable[[Manifest], Manifest], container: Any) -> Any:
    return change(container) if isinstance(container, dict) else container
