"""What is known of an exported Service on a host: whether copies go with it, and exports end anyway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from federation.consequences import Consequences
from federation.controllers.host import Host
from federation.controllers.kinds import Record
from federation.install import install
from federation.kube.discovery import Discovery
from federation.kube.ref import Ref
from federation.resources import NAMESPACES
from federation.reviews import Judgment, Request
from federation.service_admission import FAILED, answers
from mcs.app import Services
from mcs.exporting import export_manifest
from mcs.names import export_name, host_namespace
from mcs.resources import CLUSTER_EXPORTS, SERVICE_EXPORTS, SERVICES
from policies.api.meta import Manifest
from policies.copies import binding_name
from tests.apiserver.clients import api_of
from tests.federated import BINDINGS, Cluster, eventually
from tests.federation.kube.scripted import until
from tests.mcs.exports import export
from tests.servers import ApiServer

CLUSTER = "m1"


class Deaf:
    """Who hears of changes on the host here."""

    def ignore(self, *changed: Any) -> None: ...

    template_changed = binding_changed = propagation_changed = override_changed = ignore
    cluster_changed = rollout_changed = rollout_policy_changed = ignore
    templates_synced = kinds_changed = ignore


class Shop:
    """The Service `web` and its ServiceExport on a host, both bound to a cluster that exports it."""

    def __init__(self, api: Cluster, namespace: str) -> None:
        self.api, self.namespace = api, namespace
        self.host = Host(api.api, Discovery(api.api), Deaf())
        self.services = Services(api.api)
        self.consequences = Consequences(self.host, self.services)

    async def open(self) -> None:
        for name in (self.namespace, host_namespace(CLUSTER)):
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            await self.api.apply(NAMESPACES, namespace)
        spec = {"ports": [{"name": "http", "port": 80}], "selector": {"app": "web"}}
        await self.api.apply(SERVICES, self.manifest("v1", "Service", "web") | {"spec": spec})
        await self.api.apply(
            SERVICE_EXPORTS, self.manifest(SERVICE_EXPORTS.api_version, "ServiceExport", "web")
        )
        exported = export(CLUSTER).model_copy(update={"namespace": self.namespace})
        await self.api.apply(CLUSTER_EXPORTS, export_manifest(exported))
        for resource in (SERVICES, SERVICE_EXPORTS):
            await self.bind(resource)

    async def close(self) -> None:
        """Leave nothing that others would take for theirs."""
        service = (self.namespace, "web")
        await self.api.delete(CLUSTER_EXPORTS, export_name(CLUSTER, service), host_namespace(CLUSTER))
        for resource in (SERVICES, SERVICE_EXPORTS):
            await self.api.delete(
                BINDINGS, binding_name(resource.plural, resource.group, "web"), self.namespace
            )

    async def bind(self, resource: Any, **spec: Any) -> None:
        name = binding_name(resource.plural, resource.group, "web")
        reference = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "plural": resource.plural,
            "namespace": self.namespace,
            "name": "web",
        }
        manifest = self.manifest(BINDINGS.api_version, "ResourceBinding", name)
        spec = {"resource": reference, "clusters": [{"name": CLUSTER}], **spec}
        await self.api.apply(BINDINGS, manifest | {"spec": spec})

    def manifest(self, api_version: str, kind: str, name: str) -> Manifest:
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata}

    async def checks_when_deleted(self) -> list[str]:
        """The checks that find something when the Service is deleted."""
        live = await self.api.get(SERVICES, "web", self.namespace)
        return [each.check for each in self.consequences.of_service(live, None)]

    async def until_it_may_go(self) -> None:
        async def free() -> bool:
            return await self.checks_when_deleted() == []

        await eventually(free, lambda: "it is still held")


@pytest.fixture(scope="module")
def prepared(apiserver: ApiServer) -> ApiServer:
    """A host with all kinds."""

    async def prepare() -> None:
        async with api_of(apiserver) as api:
            await install(api)

    asyncio.run(prepare())
    return apiserver


@pytest.fixture
async def shop(prepared: ApiServer, namespace: str) -> AsyncIterator[Shop]:
    async with api_of(prepared) as api:
        shop = Shop(Cluster(api), namespace)
        await shop.open()
        running = [asyncio.create_task(each.run()) for each in (shop.host, shop.services.records)]
        try:
            await shop.host.synced()
            await until(lambda: shop.consequences.known)
            yield shop
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await shop.close()


async def test_a_service_is_held_while_a_cluster_exports_it(shop: Shop) -> None:
    assert await shop.checks_when_deleted() == ["V23"]


async def test_one_whose_copies_stay_may_go(shop: Shop) -> None:
    await shop.bind(SERVICES, preserveResourcesOnDeletion=True)
    await shop.until_it_may_go()


async def test_one_whose_exports_are_about_to_end_may_go(shop: Shop) -> None:
    await shop.api.delete(SERVICE_EXPORTS, "web", shop.namespace)
    await shop.until_it_may_go()


async def test_one_whose_exports_stay_without_the_template_is_held(shop: Shop) -> None:
    await shop.bind(SERVICE_EXPORTS, preserveResourcesOnDeletion=True)
    await shop.api.delete(SERVICE_EXPORTS, "web", shop.namespace)
    ref = Ref(SERVICE_EXPORTS, shop.namespace, "web")
    await until(lambda: shop.host.template(ref) is None and _is_kept(shop.host.binding(ref)))
    assert await shop.checks_when_deleted() == ["V23"]


async def test_a_mistake_of_ours_keeps_nothing_out(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    answer = answers(lambda: shop.consequences)["across-services-create-update-delete"]
    odd = Request(uid="1", operation="CREATE", object={"metadata": {"name": "of no namespace"}})
    assert await answer(odd) == Judgment([FAILED])
    assert "a change was not checked" in caplog.text


def _is_kept(record: Record | None) -> bool:
    return record is not None and record.spec.preserve_resources_on_deletion
