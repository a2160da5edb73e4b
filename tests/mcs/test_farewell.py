"""What stands in the way of a member that leaves, as its Cluster will say it."""

from __future__ import annotations

import pytest
from aiohttp import web

from federation.kube.api import Api
from federation.kube.config import Configuration
from federation.kube.errors import Unreachable
from mcs.app import Services
from tests.federation.kube.scripted import answer, failure, listing, scripted


@pytest.fixture
def services() -> Services:
    """Of a host that has no Clusters."""
    return Services(Api(Configuration("http://127.0.0.1:1")))


async def test_nothing_is_left_where_the_kinds_were_never_served(services: Services) -> None:
    async def handle(request: web.Request) -> web.Response:
        if request.path.startswith("/apis/multicluster.x-k8s.io/"):
            return web.Response(status=404, text="404 page not found")
        if request.path.startswith("/apis/apiextensions.k8s.io/"):
            return failure(404, "NotFound", "no such definition", details={"name": "clusterproperties"})
        return listing(1)

    async with scripted(handle) as member:
        assert await services.leave("m1", member, "Delete") == ""


async def test_what_atoll_may_not_do_is_named_with_the_way_out(services: Services) -> None:
    async def handle(request: web.Request) -> web.Response:
        return failure(403, "Forbidden", "serviceexports is forbidden: User atoll cannot list it")

    async with scripted(handle) as member:
        told = await services.leave("m1", member, "Delete")
    assert "User atoll cannot list it" in told
    assert "`atoll unjoin m1 --detach`" in told


async def test_a_deletion_that_is_refused_ends_the_attempt_not_the_other_deletions(
    services: Services,
) -> None:
    deleted: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        if request.method == "DELETE":
            deleted.append(request.path)
            return failure(403, "Forbidden", "no") if "web-1" in request.path else answer({"kind": "Status"})
        if not request.path.endswith("/endpointslices"):
            return listing(1)
        names = ("web-1", "web-2")
        metadata = [
            {"namespace": "shop", "name": name, "uid": name, "resourceVersion": "1"} for name in names
        ]
        return listing(1, *({"metadata": each} for each in metadata))

    async with scripted(handle) as member:
        assert "403" in await services.leave("m1", member, "Delete")
    assert [path.rpartition("/")[2] for path in sorted(deleted)] == ["web-1", "web-2"]


async def test_a_member_that_gives_no_answer_is_found_out_of_reach(services: Services) -> None:
    async with Api(Configuration("http://127.0.0.1:1")) as member:
        with pytest.raises(Unreachable):
            await services.leave("m1", member, "Delete")
