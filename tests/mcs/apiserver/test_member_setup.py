"""What joining puts into a member for Services, and what it leaves as another tool made it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from typer.testing import CliRunner

from federation.cli.main import app
from federation.install import install as install_host
from federation.kube.api import Api
from federation.kube.errors import ApiError, NotFound, NotServed
from federation.kube.resources import Manifest, Resource
from federation.kube.served import CRDS
from federation.members.join import FIELD_MANAGER
from federation.resources import CLUSTER
from federation.setup import host_id_of
from mcs.definitions import definitions, resource_of
from mcs.install import CLUSTER_ID, CLUSTER_SET, install, withdraw
from mcs.resources import SERVICE_EXPORTS, SERVICE_IMPORTS
from tests.apiserver.clients import NAMESPACES, api_of
from tests.federated import eventually
from tests.servers import ApiServer, running_apiserver

PROPERTIES = Resource("about.k8s.io", "v1beta1", "clusterproperties", "ClusterProperty", namespaced=False)
OURS = {definition["metadata"]["name"]: definition for definition in definitions()}
EXPORTS_CRD = "serviceexports.multicluster.x-k8s.io"
PROPERTIES_CRD = "clusterproperties.about.k8s.io"
TOOL = "another-tool"


@pytest.fixture
async def member(apiserver: ApiServer) -> AsyncIterator[Api]:
    """A member without any of the kinds."""
    async with api_of(apiserver) as api:
        for definition in OURS.values():
            await remove(api, definition)
        yield api


async def remove(api: Api, definition: Manifest) -> None:
    """Remove a kind and wait until it is served no more, in any version."""
    spec = definition["spec"]

    async def gone() -> bool:
        for version in ("v1", "v1beta1", "v1alpha1"):
            try:
                await api.latest(Resource(spec["group"], version, spec["names"]["plural"], ""))
            except NotServed:
                continue
            return False
        try:
            await api.get(CRDS, definition["metadata"]["name"])
        except NotFound:
            return True
        return False

    try:
        await api.delete(CRDS, definition["metadata"]["name"])
    except NotFound:
        return
    await eventually(gone, lambda: f"{definition['metadata']['name']} is still served")


def serving(name: str, *versions: str, release: str = "") -> Manifest:
    """One of the definitions, as of a release and with some versions only; the last one is stored."""
    definition = deepcopy(OURS[name])
    if release:
        definition["metadata"]["labels"] = {"multicluster.x-k8s.io/release-version": release}
    else:
        definition["metadata"].pop("labels", None)
    pattern = definition["spec"]["versions"][0]
    definition["spec"]["versions"] = [
        pattern | {"name": version, "storage": version == versions[-1]} for version in versions
    ]
    return definition


async def put(member: Api, definition: Manifest, manager: str = TOOL) -> None:
    """Have a definition in the member, and served."""
    await member.apply(CRDS, definition, manager=manager)
    spec = definition["spec"]
    kind = Resource(spec["group"], spec["versions"][-1]["name"], spec["names"]["plural"], "")

    async def served() -> bool:
        try:
            await member.latest(kind)
        except NotServed:
            return False
        return True

    await eventually(served, lambda: f"{kind} is not served")


async def told(member: Api, name: str, properties: Resource = PROPERTIES) -> str:
    return str((await member.get(properties, name))["spec"]["value"])


async def versions_of_everything(member: Api) -> dict[str, str]:
    objects = [await member.get(CRDS, name) for name in OURS]
    objects += [await member.get(PROPERTIES, name) for name in (CLUSTER_ID, CLUSTER_SET)]
    return {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in objects}


@pytest.fixture
def newcomer(
    clusters_folder: Path, control_plane_binaries: Path, request: pytest.FixtureRequest
) -> Iterator[ApiServer]:
    """A cluster of its own: what leaving removes there would not come back without controllers."""
    with running_apiserver(clusters_folder, control_plane_binaries, request.config) as server:
        yield server


async def test_a_member_serves_the_kinds_and_says_who_it_is_from_joining_to_leaving(
    apiserver: ApiServer, newcomer: ApiServer
) -> None:
    clusters = "--kubeconfig", str(newcomer.path), "--host-kubeconfig", str(apiserver.path)
    async with api_of(apiserver) as host, api_of(newcomer) as member:
        await install_host(host)
        await atoll("join", "m9", *clusters)
        assert await told(member, CLUSTER_ID) == "m9"
        assert await told(member, CLUSTER_SET) == await host_id_of(host)
        for kind in (SERVICE_EXPORTS, SERVICE_IMPORTS):
            assert await member.latest(kind)
        # No controller runs that would clean the member and let the Cluster go.
        await host.patch(CLUSTER, "m9", None, {"metadata": {"finalizers": None}}, manager="test")
        await atoll("unjoin", "m9", *clusters)
        for name in (CLUSTER_ID, CLUSTER_SET):
            with pytest.raises(NotFound):
                await told(member, name)


async def atoll(*line: str) -> None:
    result = await asyncio.to_thread(CliRunner().invoke, app, line)
    assert result.exit_code == 0, result.output


async def test_installing_again_writes_nothing(member: Api) -> None:
    await install(member, "m1", "atoll")
    before = await versions_of_everything(member)
    await install(member, "m1", "atoll")
    assert await versions_of_everything(member) == before


@pytest.mark.parametrize(
    "definition",
    [
        pytest.param(serving(EXPORTS_CRD, "v1alpha1", "v1beta1", release="v0.9.0"), id="of a later release"),
        pytest.param(serving(EXPORTS_CRD, "v1alpha1", "v1beta1", release="v0.4.0"), id="of an earlier one"),
        pytest.param(serving(EXPORTS_CRD, "v1beta1"), id="of an unknown one"),
    ],
)
async def test_a_definition_of_another_tool_that_does_is_left_alone(
    member: Api, definition: Manifest
) -> None:
    await put(member, definition)
    before = await member.get(CRDS, EXPORTS_CRD)
    await install(member, "m1", "atoll")
    after = await member.get(CRDS, EXPORTS_CRD)
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_a_definition_of_ours_is_brought_up_to_date_and_objects_stay(
    member: Api, namespace: str
) -> None:
    await put(member, serving(EXPORTS_CRD, "v1alpha1"), manager=FIELD_MANAGER)
    where = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    await member.apply(NAMESPACES, where, manager="test")
    old = SERVICE_EXPORTS._replace(version="v1alpha1")
    export = {
        "apiVersion": old.api_version,
        "kind": old.kind,
        "metadata": {"name": "web", "namespace": namespace},
    }
    made = await member.create(old, export, manager="test")
    await install(member, "m1", "atoll")
    found = await member.get(SERVICE_EXPORTS, "web", namespace)
    assert found["metadata"]["uid"] == made["metadata"]["uid"]
    live = await member.get(CRDS, EXPORTS_CRD)
    assert live["metadata"]["labels"] == OURS[EXPORTS_CRD]["metadata"]["labels"]


async def test_a_definition_of_ours_that_another_tool_took_over_stays_with_it(member: Api) -> None:
    await put(member, serving(EXPORTS_CRD, "v1alpha1", "v1beta1", release="v0.4.0"), manager=FIELD_MANAGER)
    await put(member, serving(EXPORTS_CRD, "v1beta1", "v1alpha1", release="v0.4.0"))
    before = await member.get(CRDS, EXPORTS_CRD)
    await install(member, "m1", "atoll")
    after = await member.get(CRDS, EXPORTS_CRD)
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_a_definition_of_another_tool_that_will_not_do_is_named_and_kept(member: Api) -> None:
    await put(member, serving(EXPORTS_CRD, "v1alpha1"))
    with pytest.raises(ApiError) as refusal:
        await install(member, "m1", "atoll")
    for part in (EXPORTS_CRD, "in cluster m1", "v1beta1", TOOL, ".spec.versions", "`atoll join m1` again"):
        assert part in str(refusal.value)
    kept = await member.get(CRDS, EXPORTS_CRD)
    assert [version["name"] for version in kept["spec"]["versions"]] == ["v1alpha1"]


async def test_a_definition_of_the_future_is_not_taken_back(member: Api) -> None:
    await put(member, serving(EXPORTS_CRD, "v1", release="v2.0.0"), manager=FIELD_MANAGER)
    with pytest.raises(ApiError, match=f"CRD {EXPORTS_CRD} in cluster m1 .* upgrade Atoll"):
        await install(member, "m1", "atoll")
    kept = await member.get(CRDS, EXPORTS_CRD)
    assert [version["name"] for version in kept["spec"]["versions"]] == ["v1"]


async def test_a_kind_that_is_not_served_in_time_is_named(member: Api) -> None:
    with pytest.raises(ApiError, match=r"is not served in cluster m1 after 0 s"):
        await install(member, "m1", "atoll", deadline=0.0)


async def test_an_older_definition_of_cluster_properties_does(member: Api) -> None:
    await put(member, serving(PROPERTIES_CRD, "v1alpha1"))
    await install(member, "m1", "atoll")
    assert await told(member, CLUSTER_ID, PROPERTIES._replace(version="v1alpha1")) == "m1"


async def test_the_name_that_another_tool_gave_a_cluster_is_not_changed(member: Api) -> None:
    await install(member, "m1", "atoll")
    await tell(member, CLUSTER_ID, "blue")
    with pytest.raises(ApiError) as refusal:
        await install(member, "m1", "atoll")
    for part in (CLUSTER_ID, "in cluster m1", "spec.value", TOOL, "`atoll join m1` again"):
        assert part in str(refusal.value)
    assert await told(member, CLUSTER_ID) == "blue"


async def tell(member: Api, name: str, value: str) -> None:
    """Say something of the cluster as another tool, alone."""
    await member.delete(PROPERTIES, name)
    said = {"apiVersion": PROPERTIES.api_version, "kind": PROPERTIES.kind, "metadata": {"name": name}}
    await member.apply(PROPERTIES, said | {"spec": {"value": value}}, manager=TOOL)


async def test_a_cluster_that_leaves_says_no_more_who_it_is_and_keeps_the_kinds(member: Api) -> None:
    await install(member, "m1", "atoll")
    await tell(member, CLUSTER_ID, "blue")
    await withdraw(member)
    await withdraw(member)
    with pytest.raises(NotFound):
        await told(member, CLUSTER_SET)
    assert await told(member, CLUSTER_ID) == "blue"
    for name in OURS:
        assert resource_of(await member.get(CRDS, name))


async def test_nothing_is_to_be_withdrawn_where_nothing_was_installed(member: Api) -> None:
    await withdraw(member)
