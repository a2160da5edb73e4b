"""Downloads the control-plane programs from their release sites, verified by published SHA-256 digests.

Kubernetes publishes digests beside its programs; GitHub's API names the digest of each release asset.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
import tarfile
import urllib.request
from collections.abc import Callable
from pathlib import Path

from federation.sandbox.versions import ETCD, KUBERNETES, KWOK

_TIMEOUT = (
    4.0  # seconds without an answer; where the sites are blocked, a build is the way and nobody shall wait
)
_KUBERNETES_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def is_allowed() -> bool:
    """Whether to try: CI builds what it tests, and releases of the control plane exist for Linux only."""
    return (
        os.environ.get("CI", "").lower() not in ("1", "true")
        and sys.platform == "linux"
        and platform.machine() in _ARCHITECTURES
    )


def all_programs(
    folder: Path,
    report: Callable[[str], None],
    kubernetes_site: str = "https://dl.k8s.io",
    github_api: str = "https://api.github.com",
) -> None:
    """Download every program into `folder`.

    :raises OSError: a site can't be reached or lacks the file, or what arrived has another digest.
    """
    architecture = _ARCHITECTURES[platform.machine()]
    for program in _KUBERNETES_PROGRAMS:
        url = f"{kubernetes_site}/release/v{KUBERNETES}/bin/linux/{architecture}/{program}"
        report(f"downloading {program} v{KUBERNETES}")
        digest = _read(f"{url}.sha256").decode().split()[0]
        _fetch(url, digest, folder / program).chmod(0o755)
    report(f"downloading etcd v{ETCD} and kwok v{KWOK}")
    kwok = _asset(github_api, "kubernetes-sigs/kwok", KWOK, f"kwok-linux-{architecture}", folder / "kwok")
    kwok.chmod(0o755)
    name = f"etcd-v{ETCD}-linux-{architecture}"
    archive = _asset(github_api, "etcd-io/etcd", ETCD, f"{name}.tar.gz", folder / "etcd.tar.gz")
    _unpack(archive, f"{name}/etcd", folder / "etcd")


def _asset(api: str, repository: str, version: str, name: str, path: Path) -> Path:
    """Download a release asset of a GitHub repository."""
    release = json.loads(_read(f"{api}/repos/{repository}/releases/tags/v{version}"))
    asset = next((asset for asset in release.get("assets", []) if asset["name"] == name), None)
    if asset is None or not str(asset.get("digest")).startswith("sha256:"):
        raise OSError(f"release v{version} of {repository} names no digest of {name}")
    return _fetch(asset["browser_download_url"], asset["digest"].removeprefix("sha256:"), path)


def _fetch(url: str, digest: str, path: Path) -> Path:
    """Download `url` to `path` and verify it."""
    arrived = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as response, path.open("wb") as file:
        while chunk := response.read(1 << 20):
            arrived.update(chunk)
            file.write(chunk)
    if arrived.hexdigest() != digest:
        path.unlink()
        raise OSError(f"{url} has the digest {arrived.hexdigest()} instead of {digest}")
    return path


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
        content: bytes = response.read()
        return content


def _unpack(archive: Path, member: str, path: Path) -> None:
    """Take one file out of a tar archive, and remove the archive."""
    with tarfile.open(archive) as files, path.open("wb") as file:
        content = files.extractfile(member)
        if content is None:
            raise OSError(f"{archive.name} has no {member}")
        shutil.copyfileobj(content, file)
    archive.unlink()
    path.chmod(0o755)
