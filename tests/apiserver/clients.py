"""Ways to a real API server, direct or through a proxy, and a custom type to play with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from urllib.parse import urlsplit

from federation.kube import config
from federation.kube.api import Api, WatchEvent
from federation.kube.errors import NotServed, TooManyRequests
from federation.kube.resources import Manifest, Resource
from tests.federation.kube.scripted import until
from tests.proxy import Proxy, proxy_to
from tests.servers import ApiServer

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
CRDS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)


@asynccontextmanager
async def api_of(apiserver: ApiServer, server: str | None = None) -> AsyncIterator[Api]:
    """An administrator's Api, at another address of the same server if one is given."""
    kubeconfig = deepcopy(apiserver.kubeconfig)
    for entry in kubeconfig["clusters"]:
        entry["cluster"]["server"] = server or entry["cluster"]["server"]
    async with Api(await config.from_dict(kubeconfig)) as api:
        yield api


@asynccontextmanager
async def through_proxy(apiserver: ApiServer) -> AsyncIterator[tuple[Api, Proxy]]:
    address = urlsplit(apiserver.url)
    assert address.hostname is not None
    assert address.port is not None
    async with (
        proxy_to(address.hostname, address.port) as proxy,
        api_of(apiserver, f"https://127.0.0.1:{proxy.port}") as api,
    ):
        yield api, proxy


def widget_type(group: str) -> tuple[Resource, Manifest]:
    """A custom type with a schema of lists of all sorts, and its definition."""
    item = {"type": "object", "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}}
    lists = {
        "plain": {"type": "array", "items": {"type": "string"}},
        "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "parts": {
            "type": "array",
            "items": {**item, "required": ["name"]},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    }
    spec = {"type": "object", "properties": {"x": {"type": "integer"}, **lists}}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    definition: Manifest = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    return Resource(group, "v1", "widgets", "Widget"), definition


async def serve_widgets(api: Api, group: str) -> Resource:
    """Install the custom type and wait until it is served."""
    resource, definition = widget_type(group)
    await api.apply(CRDS, definition, manager="test")
    served = False

    async def look() -> None:
        nonlocal served
        try:  # from its watch cache, which is there a little later than the type
            await api.request("GET", resource.path(), query={"resourceVersion": "0"})
        except (NotServed, TooManyRequests):
            return
        served = True

    await until(lambda: served, poll=look)
    return resource


async def first_event(api: Api, resource: Resource, version: str) -> WatchEvent:
    async with api.watch(resource, version) as events:
        return await anext(events)
