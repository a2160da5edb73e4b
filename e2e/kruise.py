"""OpenKruise: the definition of its kinds, out of its own Go module."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from e2e.fleet import SETTLE, connected
from federation.kube.resources import Manifest, Resource
from federation.sandbox import binaries
from federation.sandbox.sandbox import Sandbox
from tests.federated import CRDS, absent

MODULE, VERSION = "github.com/openkruise/kruise", "v1.9.1"
CLONESETS = Resource("apps.kruise.io", "v1alpha1", "clonesets", "CloneSet")
DAEMONSETS = Resource("apps.kruise.io", "v1beta1", "daemonsets", "DaemonSet")
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


@contextmanager
def served(sandbox: Sandbox, resource: Resource) -> Iterator[None]:
    """Have host and members serve a kind for the time of a block; what there is of it then goes, too."""
    asyncio.run(_serve(sandbox, resource))
    try:
        yield
    finally:
        asyncio.run(_serve_no_more(sandbox, resource))


async def _serve(sandbox: Sandbox, resource: Resource) -> None:
    made = definition(resource)
    async with connected(sandbox) as fleet:
        for cluster in (fleet.host, *fleet.members.values()):
            await cluster.apply(CRDS, made)
            await cluster.until(CRDS, _name(resource), None, _is_established)


async def _serve_no_more(sandbox: Sandbox, resource: Resource) -> None:
    async with connected(sandbox) as fleet:
        for cluster in (fleet.host, *fleet.members.values()):
            await cluster.delete(CRDS, _name(resource))
            await cluster.until(CRDS, _name(resource), None, absent, seconds=SETTLE)


def _name(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}"


def _is_established(definition: Manifest | None) -> bool:
    status = definition.get("status", {}) if definition else {}
    return any(c["type"] == "Established" and c["status"] == "True" for c in status.get("conditions") or ())
