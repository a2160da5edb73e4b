"""Kubeconfigs: one per identity with everything embedded, and the merged one that people use."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from federation.sandbox.certificates import KeyPair

Kubeconfig = dict[str, Any]


def kubeconfig(name: str, server: str, authority: Path, client: KeyPair) -> Kubeconfig:
    """A kubeconfig with one context, cluster and user, all called `name`; it refers to no file."""
    user = {"client-certificate-data": _embed(client.certificate), "client-key-data": _embed(client.key)}
    cluster = {"server": server, "certificate-authority-data": _embed(authority)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }


def renamed(config: Kubeconfig, name: str) -> Kubeconfig:
    """The current context of `config` alone, called `name` throughout."""
    context = _named(config, "contexts", config["current-context"])["context"]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{**_named(config, "clusters", context["cluster"]), "name": name}],
        "users": [{**_named(config, "users", context["user"]), "name": name}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }


def merged(configs: Iterable[Kubeconfig]) -> Kubeconfig:
    """All contexts in one; the first one's is current."""
    parts = list(configs)
    return {
        **parts[0],
        **{
            key: [entry for part in parts for entry in part[key]] for key in ("clusters", "users", "contexts")
        },
    }


def write(path: Path, config: Kubeconfig) -> None:
    """Write a kubeconfig that only its owner can read; readers never see half a file."""
    draft = path.with_name(f".{path.name}.draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        yaml.safe_dump(config, file, sort_keys=False)
    draft.replace(path)


def _named(config: Kubeconfig, section: str, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = next(entry for entry in config[section] if entry["name"] == name)
    return entry


def _embed(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
