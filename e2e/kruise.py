"""OpenKruise: the definition of its kinds, out of its own Go module."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml

from e2e.fleet import SETTLE, Fleet
from federation.kube.resources import Manifest, Resource
from federation.sandbox import binaries
from tests.federated import CRDS, absent

MODULE, VERSION = "github.com/openkruise/kruise", "v1.9.1"
CLONESETS = Resource("apps.kruise.io", "v1alpha1", "clonesets", "CloneSet")
_DOWNLOAD = 300.0
"""Seconds that the module may take: it has 40 MB."""


def definition(resource: Resource) -> Manifest:
    """Return the CustomResourceDefinition of a kind; it is kept beside the control-plane programs."""
    name = f"{resource.group}_{resource.plural}.yaml"
    copy = kept() / name
    if not copy.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(shutil.copy(module() / "config" / "crd" / "bases" / name, f"{copy}.draft"))
        draft.replace(copy)
    found: Manifest = yaml.safe_load(copy.read_text())
    return found


def kept() -> Path:
    """Return the folder of what was made of the module."""
    return binaries.cache_folder().parent / f"kruise-{VERSION}"


def module() -> Path:
    """Return the folder of the module's source."""
    go = shutil.which("go")
    assert go, "OpenKruise comes as a Go module: install Go (https://go.dev/dl)"
    words = [go, "mod", "download", "-json", f"{MODULE}@{VERSION}"]
    with tempfile.TemporaryDirectory() as folder:  # outside of any module
        said = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=_DOWNLOAD)
    assert said.returncode == 0, said.stdout + said.stderr
    return Path(json.loads(said.stdout)["Dir"])


async def serve(fleet: Fleet, resource: Resource) -> None:
    """Have host and members serve a kind of OpenKruise."""
    made = definition(resource)
    for cluster in (fleet.host, *fleet.members.values()):
        await cluster.apply(CRDS, made)
        await cluster.until(CRDS, _name(resource), None, _is_established)


async def serve_no_more(fleet: Fleet, resource: Resource) -> None:
    """Leave host and members as they were before; what there is of the kind goes too."""
    for cluster in (fleet.host, *fleet.members.values()):
        await cluster.delete(CRDS, _name(resource))
        await cluster.until(CRDS, _name(resource), None, absent, seconds=SETTLE)


def _name(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}"


def _is_established(definition: Manifest | None) -> bool:
    status = definition.get("status", {}) if definition else {}
    return any(c["type"] == "Established" and c["status"] == "True" for c in status.get("conditions") or ())
