"""What the host's API server refuses by itself: no controller runs here, so no webhook answers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import orjson
import pytest

from federation.install import ACCOUNT, install
from federation.kube.api import Api
from federation.kube.config import from_dict, open_session
from federation.kube.resources import Manifest, Resource
from federation.resources import CLUSTER_ROLE_BINDINGS, NAMESPACES, SERVICE_ACCOUNTS, WEBHOOKS
from federation.sandbox import ports
from federation.service_webhooks import NAME as SERVICE_WEBHOOKS
from federation.service_webhooks import service_webhook_configuration
from federation.settings import NAMESPACE
from federation.setup import request_token
from mcs.names import CONTROLLER, FIELD_MANAGER, MANAGED_BY
from mcs.resources import ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICE_IMPORTS, SERVICES
from policies.api.meta import FORCE
from tests.apiserver.clients import api_of
from tests.federated import eventually
from tests.servers import ApiServer

PORTS = [{"name": "http", "port": 80}]


class Answer(NamedTuple):
    code: int
    message: str
    warnings: list[str]


class Person:
    """One who may do anything, but is not above the rules; nothing that is asked is carried out."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session, self._url = session, url
        self._headers = {"Authorization": f"Bearer {token}"}

    async def creates(self, resource: Resource, manifest: Manifest, manager: str = "kubectl") -> Answer:
        return await self._ask("POST", resource.path(manifest["metadata"]["namespace"]), manifest, manager)

    async def replaces(self, resource: Resource, manifest: Manifest) -> Answer:
        metadata = manifest["metadata"]
        path = resource.path(metadata["namespace"], metadata["name"])
        return await self._ask("PUT", path, manifest, "kubectl")

    async def deletes(self, resource: Resource, namespace: str, name: str) -> Answer:
        return await self._ask("DELETE", resource.path(namespace, name), None, "")

    async def _ask(self, verb: str, path: str, body: Manifest | None, manager: str) -> Answer:
        query = {"dryRun": "All"} | ({"fieldManager": manager} if manager else {})
        async with self._session.request(
            verb, self._url + path, params=query, json=body, headers=self._headers
        ) as response:
            answer = orjson.loads(await response.read())
            warnings = [each.replace("\\", "") for each in response.headers.getall("Warning", [])]
            return Answer(response.status, answer.get("message", ""), warnings)


@pytest.fixture(scope="module")
def shop() -> str:
    """The namespace of these tests."""
    return f"test-{uuid.uuid4().hex[:10]}"


@pytest.fixture(scope="module")
def token(apiserver: ApiServer, shop: str) -> Iterator[str]:
    """The token of a person on a host with the rules."""

    async def begin() -> str:
        async with api_of(apiserver) as host:
            await install(host)
            await host.create(NAMESPACES, {"metadata": {"name": shop}}, manager="test")
            metadata = {"name": "person", "namespace": shop}
            await host.create(SERVICE_ACCOUNTS, {"metadata": metadata}, manager="test")
            await host.create(CLUSTER_ROLE_BINDINGS, _administrator(shop), manager="test")
            return await request_token(host, shop, "person")

    async def end() -> None:
        async with api_of(apiserver) as host:
            await host.delete(CLUSTER_ROLE_BINDINGS, shop)

    given = asyncio.run(begin())
    asyncio.run(_held(apiserver, given, shop))
    yield given
    asyncio.run(end())


@pytest.fixture
async def host(apiserver: ApiServer, token: str) -> AsyncIterator[Api]:
    async with api_of(apiserver) as api:
        yield api


@pytest.fixture
async def person(apiserver: ApiServer, token: str) -> AsyncIterator[Person]:
    async with _as_person(apiserver, token) as found:
        yield found


@asynccontextmanager
async def _as_person(apiserver: ApiServer, token: str) -> AsyncIterator[Person]:
    users = [{"name": each["name"], "user": {"token": token}} for each in apiserver.kubeconfig["users"]]
    configuration = await from_dict(apiserver.kubeconfig | {"users": users})
    async with open_session(configuration) as session:
        yield Person(session, configuration.host, token)


async def _held(apiserver: ApiServer, token: str, shop: str) -> None:
    """Wait until the API server has taken up the rules."""
    async with _as_person(apiserver, token) as person:

        async def held() -> bool:
            refused = [
                await person.creates(SERVICES, service("derived-a", shop)),
                await person.creates(ENDPOINT_SLICES, endpoint_slice("a", shop)),
                await person.creates(SERVICE_IMPORTS, service_import("a", shop)),
                await person.creates(SERVICE_EXPORTS, service_export("a", "kube-public")),
            ]
            advised = await person.creates(SERVICE_EXPORTS, service_export("a", "default"))
            return [each.code for each in refused] == [403] * 4 and advised.warnings != []

        await eventually(held, lambda: "the API server has not taken up the rules")


def _administrator(shop: str) -> Manifest:
    return {
        "metadata": {"name": shop},
        "roleRef": {"apiGroup": CLUSTER_ROLE_BINDINGS.group, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "person", "namespace": shop}],
    }


def service_export(name: str, namespace: str, force: str = "", **spec: Any) -> Manifest:
    annotations = {FORCE: force} if force else {}
    metadata = {"name": name, "namespace": namespace, "annotations": annotations}
    manifest = {"apiVersion": SERVICE_EXPORTS.api_version, "kind": "ServiceExport", "metadata": metadata}
    return manifest | ({"spec": spec} if spec else {})


def service_import(name: str, namespace: str) -> Manifest:
    return {
        "apiVersion": SERVICE_IMPORTS.api_version,
        "kind": "ServiceImport",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": "ClusterSetIP", "ports": PORTS},
    }


def service(name: str, namespace: str) -> Manifest:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": PORTS}}


def endpoint_slice(name: str, namespace: str, managed_by: str = CONTROLLER) -> Manifest:
    return {
        "apiVersion": ENDPOINT_SLICES.api_version,
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": namespace, "labels": {MANAGED_BY: managed_by}},
        "addressType": "IPv4",
        "endpoints": [],
    }


async def refused(answer: Answer, says: str) -> None:
    assert answer.code in (403, 422)
    assert answer.message.endswith(says), answer.message


async def test_v03_an_export_has_the_name_of_a_service(person: Person, shop: str) -> None:
    says = (
        "metadata.name: must be a DNS label of at most 63 characters because exports are name-mapped to a "
        "Service (got 71)"
    )
    await refused(await person.creates(SERVICE_EXPORTS, service_export("a" * 71, shop)), says)
    dotted = await person.creates(SERVICE_EXPORTS, service_export("web.shop", shop))
    assert "must be a DNS label" in dotted.message
    assert await person.creates(SERVICE_EXPORTS, service_export("a" * 63, shop)) == Answer(201, "", [])


async def test_v05_nothing_of_the_cluster_itself_is_exported_by_mistake(person: Person, shop: str) -> None:
    says = (
        'exports from namespace "kube-system" are not allowed; to do it nevertheless, annotate the object '
        f'with {FORCE}: "<reason>"'
    )
    await refused(await person.creates(SERVICE_EXPORTS, service_export("dns", "kube-system")), says)
    forced = await person.creates(SERVICE_EXPORTS, service_export("dns", "kube-system", "one resolver"))
    assert forced.code == 201
    assert 'exports from namespace "kube-system" are discouraged' in forced.warnings[0]
    default = await person.creates(SERVICE_EXPORTS, service_export("dns", "default"))
    assert default.code == 201
    assert 'exports from namespace "default" are discouraged' in default.warnings[0]


@pytest.mark.parametrize(
    ("field", "key", "value", "says"),
    [
        ("exportedLabels", "kubernetes.io/service-name", "a", "key is reserved"),
        ("exportedLabels", "federation.atoll.dev/host", "a", "key is reserved"),
        ("exportedAnnotations", "multicluster.kubernetes.io/derived-service", "a", "key is reserved"),
        ("exportedLabels", "a b", "a", "key is no valid key"),
        ("exportedAnnotations", "UPPER.example.com/a", "a", "key is no valid key"),
        ("exportedAnnotations", "example.com/" + "a" * 64, "a", "key is no valid key"),
        ("exportedLabels", "tier", "a b", "what it says is no valid label value"),
        ("exportedLabels", "tier", "a" * 64, "what it says is no valid label value"),
    ],
)
async def test_v06_what_is_exported_beside_a_service(
    person: Person, shop: str, field: str, key: str, value: str, says: str
) -> None:
    wrong = service_export("web", shop, **{field: {"fine": "fine", key: value}})
    await refused(await person.creates(SERVICE_EXPORTS, wrong), f'spec.{field}["{key}"]: {says}')


async def test_v06_labels_and_annotations_of_applications_may_be_exported(person: Person, shop: str) -> None:
    labels = {"app.kubernetes.io/name": "web", "example.com/" + "a" * 63: "", "tier": "a" * 63}
    good = service_export("web", shop, exportedLabels=labels, exportedAnnotations={"note": "any text: é"})
    assert await person.creates(SERVICE_EXPORTS, good) == Answer(201, "", [])


async def test_v25_serviceimports_are_not_made_by_hand(host: Api, person: Person, shop: str) -> None:
    says = "ServiceImport objects are managed by the MCS controller"
    manifest = service_import("web", shop)
    await refused(await person.creates(SERVICE_IMPORTS, manifest), says)
    assert (await person.creates(SERVICE_IMPORTS, manifest, FIELD_MANAGER)).code == 201
    stored = await host.create(SERVICE_IMPORTS, manifest, manager=FIELD_MANAGER)
    await refused(await person.replaces(SERVICE_IMPORTS, stored), says)
    await refused(await person.deletes(SERVICE_IMPORTS, shop, "web"), says)


async def test_v26_our_endpointslices_are_not_made_by_hand(host: Api, person: Person, shop: str) -> None:
    says = 'EndpointSlice "web" is managed by mcs-controller.federation.atoll.dev'
    manifest = endpoint_slice("web", shop)
    await refused(await person.creates(ENDPOINT_SLICES, manifest), says)
    assert (await person.creates(ENDPOINT_SLICES, endpoint_slice("web", shop, "me"))).code == 201
    assert (await person.creates(ENDPOINT_SLICES, manifest, FIELD_MANAGER)).code == 201
    stored = await host.create(ENDPOINT_SLICES, manifest, manager=FIELD_MANAGER)
    stolen = stored | {"metadata": stored["metadata"] | {"labels": {}}}
    await refused(await person.replaces(ENDPOINT_SLICES, stolen), says)
    await refused(await person.deletes(ENDPOINT_SLICES, shop, "web"), says)


async def test_our_own_account_deletes_what_is_ours(apiserver: ApiServer, host: Api, shop: str) -> None:
    """It has no field manager by which to be known: a deletion names none."""
    await host.create(ENDPOINT_SLICES, endpoint_slice("ours", shop), manager=FIELD_MANAGER)
    async with _as_person(apiserver, await request_token(host, NAMESPACE, ACCOUNT)) as ours:
        assert (await ours.deletes(ENDPOINT_SLICES, shop, "ours")).code == 200


async def test_while_nobody_answers_new_exports_wait_and_all_else_goes_on(
    host: Api, person: Person, shop: str
) -> None:
    """The webhook leads nowhere, as while the controller is away."""
    nobody = {"url": f"https://127.0.0.1:{ports.free(1)[0]}"}
    await host.apply(WEBHOOKS, service_webhook_configuration(nobody), manager="atoll-install")
    try:

        async def waits() -> bool:
            return (await person.creates(SERVICE_EXPORTS, service_export("web", shop))).code == 500

        await eventually(waits, lambda: "the webhook is not asked")
        refused_anyway = await person.creates(SERVICES, service("derived-web", shop))
        assert "are reserved" in refused_anyway.message
        await host.create(SERVICES, service("web", shop), manager="kubectl")
        await host.patch(SERVICES, "web", shop, {"spec": {"selector": {"a": "b"}}}, manager="kubectl")
        await host.create(SERVICE_EXPORTS, service_export("dns", "kube-system", "why"), manager="kubectl")
        for resource, namespace, name in ((SERVICES, shop, "web"), (SERVICE_EXPORTS, "kube-system", "dns")):
            assert (await person.deletes(resource, namespace, name)).code == 200
    finally:
        await host.delete(WEBHOOKS, SERVICE_WEBHOOKS)
        await host.delete(SERVICE_EXPORTS, "dns", "kube-system")

    async def stored() -> bool:
        return (await person.creates(SERVICE_EXPORTS, service_export("web", shop))).code == 201

    await eventually(stored, lambda: "the webhook is still asked")


async def test_v37_names_of_derived_services_are_ours(person: Person, shop: str) -> None:
    says = 'Service names starting with "derived-" are reserved'
    await refused(await person.creates(SERVICES, service("derived-web", shop)), says)
    assert (await person.creates(SERVICES, service("derived-web", shop), FIELD_MANAGER)).code == 201
    assert (await person.creates(SERVICES, service("web-derived", shop))).code == 201
