"""What the core believes about API servers, shown on a real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from federation.kube import config
from federation.kube.api import JSON_PATCH, Api
from federation.kube.errors import (
    BadConfiguration,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    NotServed,
    SchemaError,
    StatusError,
    Unauthorized,
    Unreachable,
)
from federation.kube.resources import Manifest, Resource
from tests.apiserver.clients import NAMESPACES, api_of, first_event, serve_widgets
from tests.servers import ApiServer

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS = Resource("", "v1", "secrets", "Secret")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
CLUSTER_ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")


@pytest.fixture
async def api(apiserver: ApiServer) -> AsyncIterator[Api]:
    async with api_of(apiserver) as api:
        yield api


@pytest.fixture
async def shop(api: Api, namespace: str) -> str:
    """A namespace that is there."""
    await api.create(NAMESPACES, {"metadata": {"name": namespace}}, manager="test")
    return namespace


def config_map(namespace: str, name: str = "settings", **entries: str) -> Manifest:
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": entries}


def deployment(namespace: str, app: str = "web", **spec: Any) -> Manifest:
    labels = {"app": app}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "nginx"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": template, **spec}
    metadata = {"namespace": namespace, "name": "web"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


async def test_apply_creates_and_updates_and_takes_back_what_is_no_longer_sent(api: Api, shop: str) -> None:
    await api.apply(CONFIG_MAPS, config_map(shop, a="1", b="2"), manager="atoll")
    await api.patch(CONFIG_MAPS, "settings", shop, {"data": {"c": "3"}}, manager="someone")
    await api.apply(CONFIG_MAPS, config_map(shop, a="9"), manager="atoll")
    assert (await api.get(CONFIG_MAPS, "settings", shop))["data"] == {"a": "9", "c": "3"}


async def test_an_apply_that_changes_nothing_keeps_the_version(api: Api, shop: str) -> None:
    first = await api.apply(DEPLOYMENTS, deployment(shop, replicas=2), manager="atoll")
    again = await api.apply(DEPLOYMENTS, deployment(shop, replicas=2), manager="atoll")
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_a_dry_run_changes_nothing(api: Api, shop: str) -> None:
    shown = await api.apply(CONFIG_MAPS, config_map(shop, a="1"), manager="atoll", dry_run=True)
    assert shown["data"] == {"a": "1"}
    with pytest.raises(NotFound):
        await api.get(CONFIG_MAPS, "settings", shop)


async def test_an_unforced_apply_names_who_owns_the_field(api: Api, shop: str) -> None:
    await api.apply(CONFIG_MAPS, config_map(shop, a="1"), manager="theirs")
    with pytest.raises(Conflict) as caught:
        await api.apply(CONFIG_MAPS, config_map(shop, a="2"), manager="atoll", force=False)
    assert (caught.value.cause, caught.value.transient) == ("FieldManagerConflict", False)
    [cause] = caught.value.details["causes"]
    assert cause["field"] == ".data.a"
    assert "theirs" in cause["message"]


async def test_an_apply_with_a_uid_never_resurrects(api: Api, shop: str) -> None:
    manifest = config_map(shop, a="1")
    manifest["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(Conflict) as caught:
        await api.apply(CONFIG_MAPS, manifest, manager="atoll")
    assert caught.value.cause == "UidMismatch"


async def test_deletion_is_held_to_its_preconditions(api: Api, shop: str) -> None:
    made = await api.create(CONFIG_MAPS, config_map(shop), manager="test")
    with pytest.raises(Conflict) as caught:
        await api.delete(CONFIG_MAPS, "settings", shop, uid="another")
    assert caught.value.cause == "UidMismatch"
    with pytest.raises(Conflict):
        await api.delete(CONFIG_MAPS, "settings", shop, resource_version="1")
    await api.delete(CONFIG_MAPS, "settings", shop, uid=made["metadata"]["uid"])
    with pytest.raises(NotFound):
        await api.get(CONFIG_MAPS, "settings", shop)


async def test_a_replace_of_an_old_version_is_a_conflict(api: Api, shop: str) -> None:
    made = await api.create(CONFIG_MAPS, config_map(shop, a="1"), manager="test")
    await api.replace(CONFIG_MAPS, {**made, "data": {"a": "2"}}, manager="test")
    with pytest.raises(Conflict) as caught:
        await api.replace(CONFIG_MAPS, {**made, "data": {"a": "3"}}, manager="test")
    assert caught.value.transient


async def test_a_second_creation_already_exists(api: Api, shop: str) -> None:
    await api.create(CONFIG_MAPS, config_map(shop), manager="test")
    with pytest.raises(Conflict) as caught:
        await api.create(CONFIG_MAPS, config_map(shop), manager="test")
    assert caught.value.cause == "AlreadyExists"


async def test_metadata_alone_can_be_read_listed_and_watched(api: Api, shop: str) -> None:
    await api.create(CONFIG_MAPS, config_map(shop, a="large"), manager="test")
    one = await api.get(CONFIG_MAPS, "settings", shop, metadata_only=True)
    assert (one["kind"], one["metadata"]["name"], "data" in one) == (
        "PartialObjectMetadata",
        "settings",
        False,
    )
    [page] = [page async for page in api.list(CONFIG_MAPS, namespace=shop, metadata_only=True)]
    assert [(item["kind"], "data" in item) for item in page.items] == [("PartialObjectMetadata", False)]
    async with api.watch(CONFIG_MAPS, "0", namespace=shop, metadata_only=True) as events:
        kind, manifest = await anext(events)
    assert (kind, manifest["kind"], "data" in manifest) == ("ADDED", "PartialObjectMetadata", False)


async def test_pages_of_a_list_are_one_snapshot_with_typed_items(api: Api, shop: str) -> None:
    for number in range(5):
        await api.create(CONFIG_MAPS, config_map(shop, f"n{number}"), manager="test")
    pages = [page async for page in api.list(CONFIG_MAPS, namespace=shop, limit=2)]
    assert [len(page.items) for page in pages] == [2, 2, 1]
    assert len({page.resource_version for page in pages}) == 1
    assert {(item["apiVersion"], item["kind"]) for page in pages for item in page.items} == {
        ("v1", "ConfigMap")
    }


async def test_selectors_select(api: Api, shop: str) -> None:
    await api.create(CONFIG_MAPS, config_map(shop, "a"), manager="test")
    labelled = config_map(shop, "b")
    labelled["metadata"]["labels"] = {"host": "h1"}
    await api.create(CONFIG_MAPS, labelled, manager="test")
    for selector in ({"labelSelector": "host=h1"}, {"fieldSelector": "metadata.name=b"}):
        [page] = [page async for page in api.list(CONFIG_MAPS, namespace=shop, selector=selector)]
        assert [item["metadata"]["name"] for item in page.items] == ["b"]


async def test_a_watch_from_before_the_oldest_version_kept_is_gone(api: Api, namespace: str) -> None:
    widgets = await serve_widgets(api, f"{namespace}.example")  # its history begins now
    with pytest.raises(Gone):
        await first_event(api, widgets, "1")


async def test_names_with_colons_and_dots_are_found(api: Api) -> None:
    assert (await api.get(CLUSTER_ROLES, "system:node"))["metadata"]["name"] == "system:node"
    manifest = {
        "apiVersion": CLUSTER_ROLES.api_version,
        "kind": "ClusterRole",
        "metadata": {"name": "atoll.test:a.b"},
    }
    made = await api.apply(CLUSTER_ROLES, manifest, manager="test")
    await api.delete(CLUSTER_ROLES, manifest["metadata"]["name"], uid=made["metadata"]["uid"])


@pytest.mark.parametrize(
    "resource",
    [Resource("nobody.example", "v1", "widgets", "Widget"), Resource("apps", "v1", "widgets", "Widget")],
    ids=["group", "type"],
)
async def test_a_type_that_is_not_served_is_told_from_a_missing_object(api: Api, resource: Resource) -> None:
    with pytest.raises(NotServed):
        await api.get(resource, "a", "default")
    with pytest.raises(NotFound):
        await api.get(CONFIG_MAPS, "a", "nowhere")


async def test_a_missing_namespace_is_not_found(api: Api, namespace: str) -> None:
    with pytest.raises(NotFound, match=f'namespaces "{namespace}" not found'):
        await api.apply(CONFIG_MAPS, config_map(namespace), manager="atoll")


async def test_a_terminating_namespace_is_recognized(api: Api, shop: str) -> None:
    await api.delete(NAMESPACES, shop)  # no controller ends it here
    with pytest.raises(Forbidden) as caught:
        await api.apply(CONFIG_MAPS, config_map(shop), manager="atoll")
    assert (caught.value.cause, caught.value.transient) == ("NamespaceTerminating", False)


async def test_an_exceeded_quota_is_recognized(api: Api, shop: str) -> None:
    quotas = Resource("", "v1", "resourcequotas", "ResourceQuota")
    hard = {"count/secrets": "0"}
    quota = {"metadata": {"namespace": shop, "name": "q"}, "spec": {"hard": hard}}
    made = await api.create(quotas, quota, manager="test")
    await api.replace(
        quotas,
        {**made, "status": {"hard": hard, "used": {"count/secrets": "0"}}},
        manager="test",
        subresource="status",
    )
    with pytest.raises(Forbidden) as caught:
        await api.create(SECRETS, {"metadata": {"namespace": shop, "name": "s"}}, manager="test")
    assert (caught.value.cause, caught.value.transient) == ("QuotaExceeded", False)


async def test_an_immutable_field_is_invalid_and_named(api: Api, shop: str) -> None:
    await api.apply(DEPLOYMENTS, deployment(shop), manager="atoll")
    with pytest.raises(Invalid, match="field is immutable") as caught:
        await api.apply(DEPLOYMENTS, deployment(shop, app="other"), manager="atoll")
    assert "spec.selector" in [cause["field"] for cause in caught.value.details["causes"]]
    assert not caught.value.transient


@pytest.mark.parametrize(
    "spec",
    [
        {"nonsense": 1},
        {"replicas": "three"},
        {"template": {"spec": {"containers": [{"name": "a"}, {"name": "a"}]}}},
    ],
    ids=["unknown field", "wrong type", "duplicate key"],
)
async def test_what_does_not_fit_the_schema_is_no_server_error(
    api: Api, shop: str, spec: dict[str, Any]
) -> None:
    with pytest.raises(SchemaError) as caught:
        await api.apply(DEPLOYMENTS, deployment(shop, **spec), manager="atoll")
    assert not caught.value.transient


async def test_errors_about_secrets_do_not_show_them(api: Api, shop: str) -> None:
    metadata = {"namespace": shop, "name": "s"}
    secret: Manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    for data in ({"key": {"hunter2": "x"}}, {"key": 4711}, {"key": "!hunter2!"}):
        with pytest.raises(StatusError) as caught:
            await api.apply(SECRETS, {**secret, "data": data}, manager="atoll")
        assert "hunter2" not in str(caught.value)
        assert "4711" not in str(caught.value)


async def test_a_json_patch_tests_before_it_changes(api: Api, shop: str) -> None:
    await api.create(CONFIG_MAPS, config_map(shop, a="1"), manager="test")
    operations = [
        {"op": "test", "path": "/data/a", "value": "other"},
        {"op": "replace", "path": "/data/a", "value": "2"},
    ]
    with pytest.raises(Invalid):
        await api.patch(CONFIG_MAPS, "settings", shop, operations, manager="test", content_type=JSON_PATCH)
    operations[0]["value"] = "1"
    patched = await api.patch(
        CONFIG_MAPS, "settings", shop, operations, manager="test", content_type=JSON_PATCH
    )
    assert patched["data"] == {"a": "2"}


async def test_a_wrong_token_is_unauthorized_and_rights_are_forbidden(
    apiserver: ApiServer, api: Api, shop: str
) -> None:
    await api.create(SERVICE_ACCOUNTS, {"metadata": {"namespace": shop, "name": "nobody"}}, manager="test")
    path = SERVICE_ACCOUNTS.path(shop, "nobody", "token")
    answer = await api.request("POST", path, body={"spec": {"expirationSeconds": 600}})
    for token, error in (("wrong", Unauthorized), (answer["status"]["token"], Forbidden)):
        kubeconfig = with_token(apiserver.kubeconfig, token)
        async with Api(await config.from_dict(kubeconfig)) as other:
            with pytest.raises(error) as caught:
                await other.get(CONFIG_MAPS, "settings", shop)
            assert token not in f"{caught.value} {caught.value!r}" or token == "wrong"


async def test_a_server_of_another_authority_is_unreachable(apiserver: ApiServer) -> None:
    kubeconfig = with_token(apiserver.kubeconfig, "x")
    for cluster in kubeconfig["clusters"]:
        for field in ("certificate-authority", "certificate-authority-data"):
            cluster["cluster"].pop(field, None)
    async with Api(await config.from_dict(kubeconfig)) as api:
        with pytest.raises(Unreachable, match="certificate verify failed"):
            await api.get(NAMESPACES, "default")


async def test_a_kubeconfig_file_leads_to_the_server(apiserver: ApiServer) -> None:
    async with Api(await config.load(apiserver.path)) as api:
        assert await api.text("/readyz") == "ok"
        assert (await api.request("GET", "/version"))["gitVersion"].startswith("v1.")
    with pytest.raises(BadConfiguration, match="no-such-context"):
        await config.from_file(apiserver.path, "no-such-context")


def with_token(kubeconfig: dict[str, Any], token: str) -> dict[str, Any]:
    users = [{"name": user["name"], "user": {"token": token}} for user in kubeconfig["users"]]
    clusters = [{**entry, "cluster": dict(entry["cluster"])} for entry in kubeconfig["clusters"]]
    return {**kubeconfig, "users": users, "clusters": clusters}
