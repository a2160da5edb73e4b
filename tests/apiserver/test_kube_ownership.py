"""What real API servers write into managedFields, and what we read out of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from federation.kube import ownership
from federation.kube.api import Api
from federation.kube.discovery import Discovery
from federation.kube.resources import Manifest, Resource
from tests.apiserver.clients import NAMESPACES, api_of, serve_widgets
from tests.servers import ApiServer

GOLDENS = Path(__file__).parent.parent / "federation" / "kube" / "goldens"
MANIFESTS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(GOLDENS.glob("*.yaml"))}


@pytest.fixture
async def api(apiserver: ApiServer, namespace: str) -> AsyncIterator[Api]:
    async with api_of(apiserver) as api:
        await api.create(NAMESPACES, {"metadata": {"name": namespace}}, manager="test")
        yield api


async def typed(api: Api, manifest: Manifest, namespace: str) -> tuple[Resource, Manifest]:
    """The manifest in this test's namespace, with its type."""
    if manifest["kind"] == "Widget":
        resource = await serve_widgets(api, f"{namespace}.example")
        manifest = {**manifest, "apiVersion": resource.api_version}
    else:
        discovery = Discovery(api)
        await discovery.refresh()
        group, _, version = manifest["apiVersion"].rpartition("/")
        found = discovery.resource(group, manifest["kind"], version)
        assert found is not None
        resource = found
    return resource, {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


@pytest.mark.parametrize("kind", MANIFESTS)
async def test_all_that_was_applied_is_owned(api: Api, namespace: str, kind: str) -> None:
    resource, manifest = await typed(api, MANIFESTS[kind], namespace)
    live = await api.apply(resource, manifest, manager="atoll")
    fields = ownership.entry(live["metadata"]["managedFields"], "atoll")
    assert fields is not None
    assert ownership.missing(manifest, fields) == []


@pytest.mark.parametrize("kind", MANIFESTS)
async def test_the_golden_is_what_this_server_writes(api: Api, namespace: str, kind: str) -> None:
    """To renew a golden, write what this test got into its file."""
    resource, manifest = await typed(api, MANIFESTS[kind], namespace)
    live = await api.apply(resource, manifest, manager="atoll")
    golden = orjson.loads((GOLDENS / f"{kind}.fields.json").read_bytes())
    assert ownership.entry(live["metadata"]["managedFields"], "atoll") == golden


async def test_a_field_that_another_took_is_missing(api: Api, namespace: str) -> None:
    resource, manifest = await typed(api, MANIFESTS["deployment"], namespace)
    await api.apply(resource, manifest, manager="atoll")
    theirs = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "nginx:evil"}]
    await api.patch(
        resource, "web", namespace, theirs, manager="kubectl-edit", content_type="application/json-patch+json"
    )
    await api.patch(resource, "web", namespace, {"spec": {"replicas": 7}}, manager="hpa", subresource="scale")
    managed = (await api.get(resource, "web", namespace))["metadata"]["managedFields"]
    fields = ownership.entry(managed, "atoll")
    assert fields is not None
    image = "spec.template.spec.containers[name=web].image"
    assert ownership.missing(manifest, fields) == ["spec.replicas", image]


async def test_a_removed_label_is_missing(api: Api, namespace: str) -> None:
    resource, manifest = await typed(api, MANIFESTS["configmap"], namespace)
    await api.apply(resource, manifest, manager="atoll")
    body: dict[str, Any] = {"metadata": {"labels": {"app.kubernetes.io/name": None}}}
    await api.patch(resource, "settings", namespace, body, manager="someone")
    managed = (await api.get(resource, "settings", namespace))["metadata"]["managedFields"]
    fields = ownership.entry(managed, "atoll")
    assert fields is not None
    assert ownership.missing(manifest, fields) == ["metadata.labels.app.kubernetes.io/name"]


async def test_an_entry_taken_out_frees_the_fields_and_keeps_their_values(api: Api, namespace: str) -> None:
    resource, manifest = await typed(api, MANIFESTS["configmap"], namespace)
    live = await api.apply(resource, manifest, manager="atoll")
    live["metadata"]["managedFields"] = ownership.without(live["metadata"]["managedFields"], "atoll") or [{}]
    await api.replace(resource, live, manager="release")
    freed = await api.get(resource, "settings", namespace)
    assert ownership.entry(freed["metadata"].get("managedFields", []), "atoll") is None
    assert freed["data"] == manifest["data"]
