"""What the credential of an agent in a member lets it do on the host, and what it does not: I23."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any, NamedTuple

import pytest

from federation.cli.services.handover import HostPlace, prepared, to_host
from federation.install import install
from federation.kube.api import Api
from federation.kube.config import from_dict
from federation.kube.errors import ApiError, Forbidden, NotFound
from federation.kube.lease import LEASES
from federation.kube.resources import Manifest, Resource
from federation.resources import (
    CLUSTER,
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    NAMESPACES,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
)
from federation.settings import NAMESPACE
from federation.setup import apply, request_token
from mcs.credential import grant, host_manifests, revoke
from mcs.names import AGENT, FIELD_MANAGER, export_name, host_namespace
from mcs.resources import (
    CLUSTER_EXPORTS,
    ENDPOINT_SLICES,
    MULTI_CLUSTER_SERVICES,
    SERVICE_SETS,
    SOURCE_STATES,
)
from policies.api.meta import API_VERSION
from tests.apiserver.clients import api_of
from tests.federated import eventually
from tests.mcs.imports import content, service_set
from tests.servers import ApiServer


class Granted(NamedTuple):
    """The host as an administrator, and as the agent of `cluster` sees it; `other` is another member."""

    admin: Api
    agent: Api
    cluster: str
    other: str

    @property
    def home(self) -> str:
        return host_namespace(self.cluster)

    async def may(self, verb: str, kind: Resource, namespace: str | None, name: str = "") -> bool:
        """Ask the host as the agent."""
        attributes = {"verb": verb, "group": kind.group, "resource": kind.plural, "name": name}
        if namespace:
            attributes["namespace"] = namespace
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        return bool((await self.agent.request("POST", path, body=review))["status"]["allowed"])


@pytest.mark.usefixtures("clusters")
async def test_a_host_that_makes_no_token_is_named_with_what_to_look_at(apiserver: ApiServer) -> None:
    """This server runs no controllers."""
    cluster = f"c-{uuid.uuid4().hex[:8]}"
    async with api_of(apiserver) as admin:
        await admin.create(CLUSTER, _manifest(API_VERSION, "Cluster", None, cluster), manager="test")
        with pytest.raises(
            ApiError, match=rf"no token into Secret fed-{cluster}/{AGENT}.*serviceaccount-token"
        ):
            await grant(admin, cluster, deadline=0.3)
        await revoke(admin, cluster)
        await admin.delete(CLUSTER, cluster)


@pytest.mark.usefixtures("clusters")
@pytest.mark.parametrize("work", [prepared, to_host])
async def test_only_a_member_has_an_agent(apiserver: ApiServer, work: Any) -> None:
    place = HostPlace(str(apiserver.path), None, "")
    with pytest.raises(ApiError, match="cluster m-none is no member of this federation"):
        await (work(place, "m-none", None) if work is prepared else work(place, "m-none"))


@pytest.fixture(scope="module")
def clusters(apiserver: ApiServer) -> Iterator[tuple[str, str, str]]:
    """Two Clusters whose agents have an account each, and the token of the first."""
    names = [f"c-{uuid.uuid4().hex[:8]}" for _ in range(2)]

    async def make() -> str:
        async with api_of(apiserver) as admin:
            await install(admin)
            for name in names:
                await _account(admin, name)
            return await request_token(admin, host_namespace(names[0]), AGENT)

    async def forget() -> None:
        async with api_of(apiserver) as admin:
            for name in names:
                await revoke(admin, name)
                await admin.delete(CLUSTER, name)

    token = asyncio.run(make())
    yield names[0], names[1], token
    asyncio.run(forget())


@pytest.fixture
async def granted(apiserver: ApiServer, clusters: tuple[str, str, str]) -> AsyncIterator[Granted]:
    cluster, other, token = clusters
    kubeconfig = _with_token(apiserver.kubeconfig, token)
    async with api_of(apiserver) as admin, Api(await from_dict(kubeconfig)) as agent:
        found = Granted(admin, agent, cluster, other)

        async def known() -> bool:
            """The API server takes a moment to know new roles."""
            allowed = [
                await found.may("list", ENDPOINT_SLICES, None),
                await found.may("create", CLUSTER_EXPORTS, found.home),
                await found.may("patch", SOURCE_STATES, NAMESPACE, cluster),
            ]
            return all(allowed)

        await eventually(known, lambda: "the roles are not known", seconds=5)
        yield found


async def _account(admin: Api, cluster: str) -> list[Manifest]:
    made = await admin.create(CLUSTER, _manifest(API_VERSION, "Cluster", None, cluster), manager="test")
    manifests = host_manifests(cluster, made["metadata"]["uid"])
    for manifest in manifests:
        await apply(admin, manifest, manager="test")
    return manifests


async def test_it_says_what_the_cluster_exports(granted: Granted) -> None:
    agent, home = granted.agent, granted.home
    export = _export(granted.cluster, home)
    piece = _manifest("discovery.k8s.io/v1", "EndpointSlice", home, "web") | content("10.0.0.1")
    lease = _manifest(LEASES.api_version, "Lease", home, "mcs-source")
    for kind, manifest in ((CLUSTER_EXPORTS, export), (ENDPOINT_SLICES, piece), (LEASES, lease)):
        name = manifest["metadata"]["name"]
        await agent.create(kind, manifest, manager=FIELD_MANAGER)
        body = {"metadata": {"labels": {"x": "y"}}}
        await agent.patch(kind, name, home, body, manager=FIELD_MANAGER)
    for kind, name in ((CLUSTER_EXPORTS, export["metadata"]["name"]), (ENDPOINT_SLICES, "web")):
        await agent.delete(kind, name, home)


async def test_it_makes_its_own_source_state_if_need_be_and_no_other(granted: Granted) -> None:
    """A role can't limit the names of a POST; it does those of an apply, which has the name in its path."""
    await granted.agent.apply(SOURCE_STATES, _state(granted.cluster), manager=FIELD_MANAGER)
    await granted.agent.apply(SOURCE_STATES, _state(granted.cluster, synced=True), manager=FIELD_MANAGER)
    with pytest.raises(Forbidden):
        await granted.agent.apply(SOURCE_STATES, _state(granted.other), manager=FIELD_MANAGER)
    with pytest.raises(Forbidden):
        await granted.agent.create(SOURCE_STATES, _state(granted.other), manager=FIELD_MANAGER)
    with pytest.raises(Forbidden):
        await granted.agent.delete(SOURCE_STATES, granted.cluster, NAMESPACE)
    await granted.admin.delete(SOURCE_STATES, granted.cluster, NAMESPACE)


async def test_it_reads_what_all_clusters_export(granted: Granted) -> None:
    for kind in (
        CLUSTER_EXPORTS,
        SERVICE_SETS,
        SOURCE_STATES,
        MULTI_CLUSTER_SERVICES,
        ENDPOINT_SLICES,
        LEASES,
    ):
        assert [page async for page in granted.agent.list(kind)]
    assert (await granted.agent.get(CLUSTER, granted.cluster))["metadata"]["name"] == granted.cluster


async def test_it_writes_nothing_that_is_not_its_own(granted: Granted) -> None:
    """Everything that is written for Services, everywhere but at home; and what gives rights."""
    namespaces = (host_namespace(granted.other), NAMESPACE, "default", "kube-system")
    kinds = (CLUSTER_EXPORTS, ENDPOINT_SLICES, LEASES, SERVICE_SETS, SOURCE_STATES)
    verbs = ("create", "update", "patch", "delete", "deletecollection")
    asked = [(verb, kind, each, granted.other) for verb in verbs for kind in kinds for each in namespaces]
    asked += [(verb, kind, granted.home, "") for verb in verbs for kind in (SERVICE_SETS, SOURCE_STATES)]
    asked += [("deletecollection", kind, granted.home, "") for kind in kinds]
    asked += [
        (verb, kind, namespace, AGENT)
        for verb in ("get", "list", *verbs)
        for kind in (SECRETS, ROLES, ROLE_BINDINGS)
        for namespace in (granted.home, *namespaces)
    ]
    asked += [(verb, kind, None, granted.other) for verb in verbs for kind in (NAMESPACES, CLUSTER)]
    asked += [(verb, CLUSTER, None, granted.cluster) for verb in verbs]
    allowed = [each for each in asked if await granted.may(*each)]
    assert not allowed


async def test_what_is_not_its_own_is_refused_indeed(granted: Granted) -> None:
    other = host_namespace(granted.other)
    with pytest.raises(Forbidden):
        await granted.agent.create(CLUSTER_EXPORTS, _export(granted.other, other), manager=FIELD_MANAGER)
    with pytest.raises(Forbidden):
        await granted.agent.get(SECRETS, AGENT, granted.home)
    found = _manifest(API_VERSION, "ServiceSet", NAMESPACE, "s-x")
    with pytest.raises(Forbidden):
        await granted.agent.create(
            SERVICE_SETS, found | {"spec": service_set("m1").dump()}, manager=FIELD_MANAGER
        )


async def test_what_it_has_beyond_its_namespace_goes_with_the_cluster(granted: Granted) -> None:
    """The garbage collector, which this server does not run, goes by the owner."""
    uid = (await granted.admin.get(CLUSTER, granted.cluster))["metadata"]["uid"]
    for manifest in host_manifests(granted.cluster, uid):
        metadata = manifest["metadata"]
        owners = [each["uid"] for each in metadata.get("ownerReferences", ())]
        inside = manifest["kind"] == "Namespace" or metadata.get("namespace") == granted.home
        assert owners == ([] if inside else [uid]), manifest


@pytest.mark.usefixtures("clusters")
async def test_it_is_taken_back_and_what_was_exported_stays(apiserver: ApiServer) -> None:
    cluster = f"c-{uuid.uuid4().hex[:8]}"
    kinds = (
        CLUSTER_ROLES,
        CLUSTER_ROLE_BINDINGS,
        NAMESPACES,
        ROLES,
        ROLE_BINDINGS,
        SECRETS,
        SERVICE_ACCOUNTS,
    )
    by_kind = {each.kind: each for each in kinds}
    async with api_of(apiserver) as admin:
        manifests = await _account(admin, cluster)
        export = _export(cluster, host_namespace(cluster))
        await admin.create(CLUSTER_EXPORTS, export, manager=FIELD_MANAGER)
        await revoke(admin, cluster)
        left = []
        for each in manifests:
            with suppress(NotFound):
                name, namespace = each["metadata"]["name"], each["metadata"].get("namespace")
                left.append((await admin.get(by_kind[each["kind"]], name, namespace))["kind"])
        assert left == ["Namespace"]
        assert await admin.get(CLUSTER_EXPORTS, export["metadata"]["name"], host_namespace(cluster))
        await admin.delete(CLUSTER_EXPORTS, export["metadata"]["name"], host_namespace(cluster))
        await admin.delete(CLUSTER, cluster)


def _manifest(api_version: str, kind: str, namespace: str | None, name: str) -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _state(cluster: str, *, synced: bool = False) -> Manifest:
    manifest = _manifest(API_VERSION, "SourceState", NAMESPACE, cluster)
    return manifest | {"spec": {"cluster": cluster, "synced": synced}}


def _export(cluster: str, namespace: str) -> Manifest:
    manifest = _manifest(API_VERSION, "ClusterExport", namespace, export_name(cluster, ("shop", "web")))
    spec = {
        "cluster": cluster,
        "namespace": "shop",
        "name": "web",
        "exportCreationTimestamp": "2026-01-01T00:00:00Z",
        "service": service_set().service.dump(),
    }
    return manifest | {"spec": spec}


def _with_token(kubeconfig: Manifest, token: str) -> Manifest:
    found = deepcopy(kubeconfig)
    for user in found["users"]:
        user["user"] = {"token": token}
    return found
