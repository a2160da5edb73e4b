"""Content: what of an object is released in steps. All else of it is applied at once.

Of a kind with a pod template it is that template; of every other kind all but what names it and its metadata.
"""

from __future__ import annotations

from functools import reduce
from operator import getitem

from policies.api.meta import Manifest
from policies.api.override import Overriders
from policies.podspec import pod_template_path, replaced

_NAMES = ("apiVersion", "kind", "metadata")


def content(manifest: Manifest) -> Manifest:
    """Return what of a manifest, which is pruned, is released in steps."""
    if (path := pod_template_path(manifest)) is not None:
        found: Manifest = reduce(getitem, path, manifest)
        return found
    return {field: value for field, value in manifest.items() if field not in _NAMES}


def with_content(manifest: Manifest, other: Manifest) -> Manifest:
    """Return a manifest with another content."""
    if (path := pod_template_path(manifest)) is not None:
        return replaced(manifest, path, lambda _: other)
    return {field: manifest[field] for field in _NAMES if field in manifest} | other


def noun(manifest: Manifest) -> str:
    """Return what people call it."""
    return "content" if pod_template_path(manifest) is None else "pod template"


def concerns(overriders: Overriders, manifest: Manifest) -> bool:
    """Whether overriders can change the content of an object of this kind."""
    paths = [change.path for change in overriders.plaintext]
    paths += [change.field_path for change in overriders.field_overrider]
    if pod_template_path(manifest) is not None:
        return _concern_containers(overriders) or any(map(_leads_to_pods, paths)) or _merges_pods(overriders)
    paths += [change.predicate.path for change in overriders.image_overrider if change.predicate]
    merged = set(overriders.merge or ()) - {"metadata"}
    return bool(merged) or not all((path + "/").startswith("/metadata/") for path in paths)


def _concern_containers(overriders: Overriders) -> bool:
    return bool(
        overriders.image_overrider
        or overriders.command_overrider
        or overriders.args_overrider
        or overriders.env_overrider
    )


def _leads_to_pods(pointer: str) -> bool:
    return pointer in ("", "/spec") or (pointer + "/").startswith(("/spec/template/", "/spec/jobTemplate/"))


def _merges_pods(overriders: Overriders) -> bool:
    spec = (overriders.merge or {}).get("spec")
    return isinstance(spec, dict) and bool({"template", "jobTemplate"} & spec.keys())
