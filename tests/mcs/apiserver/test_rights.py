"""The accounts that `atoll install` and `atoll join` make may do what Services across clusters take."""

from __future__ import annotations

from federation.install import install
from federation.kube.api import Api
from federation.kube.resources import Resource
from federation.members.join import FIELD_MANAGER, member_manifests
from federation.resources import NAMESPACES
from federation.setup import apply
from mcs.names import SOURCE_LEASE
from mcs.resources import (
    CLUSTER_EXPORTS,
    ENDPOINT_SLICES,
    LEASES,
    SERVICE_EXPORTS,
    SERVICE_IMPORTS,
    SERVICE_SETS,
    SERVICES,
    SOURCE_STATES,
)
from tests.apiserver.clients import api_of
from tests.federated import eventually
from tests.servers import ApiServer

READ = ("get", "list", "watch")
APPLY_AND_DELETE = ("create", "patch", "delete")
PROPERTIES = Resource("about.k8s.io", "v1beta1", "clusterproperties", "ClusterProperty", namespaced=False)


async def test_the_controller_keeps_what_members_export_on_the_host(apiserver: ApiServer) -> None:
    async with api_of(apiserver) as host:
        await install(host)
        for kind in (CLUSTER_EXPORTS, SERVICE_SETS, SOURCE_STATES, ENDPOINT_SLICES, NAMESPACES):
            for verb in READ + APPLY_AND_DELETE:
                await may(host, "atoll-controller", verb, kind)
        for verb in ("create", "patch"):
            await may(host, "atoll-controller", verb, LEASES, name=SOURCE_LEASE)


async def test_a_member_lets_us_export_and_import(apiserver: ApiServer) -> None:
    async with api_of(apiserver) as member:
        for manifest in member_manifests(cluster_admin=False):
            await apply(member, manifest, manager=FIELD_MANAGER)
        for kind in (SERVICES, ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICE_IMPORTS, PROPERTIES):
            for verb in READ + APPLY_AND_DELETE:
                await may(member, "atoll", verb, kind)
        for kind in (SERVICE_EXPORTS, SERVICE_IMPORTS):
            await may(member, "atoll", "patch", kind, "status")
        for verb in READ:
            await may(member, "atoll", verb, NAMESPACES)


async def may(
    api: Api, account: str, verb: str, kind: Resource, subresource: str = "", *, name: str = ""
) -> None:
    """Wait until an account has a right everywhere: the API server takes a moment to know new roles."""
    attributes = {
        "verb": verb,
        "group": kind.group,
        "resource": kind.plural,
        "subresource": subresource,
        "name": name,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": f"system:serviceaccount:atoll-system:{account}", "resourceAttributes": attributes},
    }

    async def allowed() -> bool:
        answer = await api.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body=review)
        return bool(answer["status"]["allowed"])

    await eventually(
        allowed, lambda: f"{account} may not {verb} {kind.group_resource}/{subresource}", seconds=5
    )
