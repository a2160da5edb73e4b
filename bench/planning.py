"""`atoll plan` from files alone: Deployments as people write them, in many clusters, each rendered anew."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import yaml

from bench.manifests import FIRST_IMAGE, GROUP, deployment, policy
from federation.kube.resources import Manifest

NAMESPACE = "shop"


class Planned(NamedTuple):
    """What a plan took."""

    templates: int
    clusters: int
    seconds: float
    updated: int
    """Copies that the plan updates: all of them."""


def run(templates: int, clusters: int) -> Planned:
    """Plan a new image for every Deployment, in half of the clusters from another registry."""
    with TemporaryDirectory() as folder:
        base, given = Path(folder, "base.yaml"), Path(folder, "given.yaml")
        members = (_cluster(f"m{n}", "near" if n % 2 else "far") for n in range(clusters))
        rules = (policy(NAMESPACE), _override())
        _write(base, [*members, *rules, *_deployments(templates, FIRST_IMAGE)])
        _write(given, _deployments(templates, "registry.example.com/shop/web:2.0"))
        atoll = Path(sys.executable).with_name("atoll")
        words: list[str | Path] = [atoll, "plan", "-f", given, "--base", base, "-o", "json"]
        began = time.monotonic()
        printed = subprocess.run(words, check=True, capture_output=True).stdout
        seconds = time.monotonic() - began
    return Planned(templates, clusters, seconds, json.loads(printed)["counts"]["update"])


def _write(path: Path, manifests: Iterable[Manifest]) -> None:
    path.write_text(yaml.dump_all(manifests, Dumper=yaml.CSafeDumper))


def _deployments(count: int, image: str) -> list[Manifest]:
    return [deployment(f"web-{n:04}", NAMESPACE, image) for n in range(count)]


def _cluster(name: str, tier: str) -> Manifest:
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "Cluster",
        "metadata": {"name": name, "labels": {"tier": tier}},
    }


def _override() -> Manifest:
    change = {"component": "Registry", "operator": "replace", "value": "far.example.com"}
    far = {"labelSelector": {"matchLabels": {"tier": "far"}}}
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "OverridePolicy",
        "metadata": {"name": "far", "namespace": NAMESPACE},
        "spec": {"overrideRules": [{"targetCluster": far, "overriders": {"imageOverrider": [change]}}]},
    }
