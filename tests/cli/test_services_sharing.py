"""atoll export and unexport: a Service of members is shared, and what comes of it is said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy

import pytest

from federation.install import FIELD_MANAGER
from federation.kube.api import Api
from mcs.definitions import templates
from mcs.install import install_on_host
from tests.cli.market import Market, market
from tests.federated import CLUSTERS, USER
from tests.mcs.apiserver.test_member_setup import remove
from tests.servers import Fleet


@pytest.fixture
async def shop(fleet: Fleet, namespace: str) -> AsyncIterator[Market]:
    async with market(fleet, namespace) as found:
        yield found


async def test_an_export_is_waited_for_its_conflicts_are_said_and_again_it_stays_as_it_is(
    shop: Market,
) -> None:
    one, two = shop.one, shop.two
    await shop.make_service(one)
    await shop.make_service(two, port=8080)
    said = await shop.atoll("export", shop.title, "--cluster", one.name, "--cluster", two.name)
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert sorted(lines[:2]) == sorted(f"cluster {each.name} exports {shop.title}" for each in (one, two))
    assert lines[2].startswith("PortConflict: Conflicting ports.")
    assert await shop.exporting() == {one.name, two.name}
    before = await shop.export(one)
    said = await shop.atoll("export", shop.title, "--cluster", one.name)
    assert said.out.startswith(f"cluster {one.name} exports {shop.title}\n")
    assert await shop.export(one) == before


async def test_nothing_is_exported_anywhere_if_one_cluster_has_no_such_service_but_by_force(
    shop: Market,
) -> None:
    await shop.make_service(shop.one)
    line = ["export", shop.title, "--cluster", shop.one.name, "--cluster", shop.two.name]
    said = await shop.atoll(*line)
    assert said.code == 1
    assert said.err.startswith(f"error: Service {shop.title} is not in cluster {shop.two.name}; create it")
    assert await shop.export(shop.one) is None
    said = await shop.atoll(*line, "--force")
    assert said.code == 0
    assert f"cluster {shop.two.name}: NoService: " in said.out
    assert await shop.export(shop.two) is not None


async def test_what_can_not_be_exported_is_refused(shop: Market) -> None:
    await shop.make_service(shop.one, type="ExternalName", externalName="example.com")
    said = await shop.atoll("export", shop.title, "--cluster", shop.one.name)
    assert "has spec.type ExternalName" in said.err
    said = await shop.atoll("export", "kube-system/web", "--cluster", shop.one.name)
    assert "nothing is exported from namespace kube-system" in said.err
    said = await shop.atoll("export", shop.title, "--cluster", "m-none")
    assert said.err.startswith("error: cluster m-none is no member of this federation")
    said = await shop.atoll("export", f"{shop.namespace}-not/web", "--cluster", shop.one.name, "--force")
    assert said.err.startswith(f"error: namespace {shop.namespace}-not is not in cluster {shop.one.name}")
    assert await shop.export(shop.one) is None


async def test_a_cluster_that_does_not_answer_or_serve_the_kinds_is_named_with_the_remedy(
    shop: Market, fleet: Fleet
) -> None:
    one = shop.one
    nobody = deepcopy(fleet.members["m1"].kubeconfig)
    nobody["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    await shop.mislead(one, nobody)
    said = await shop.atoll("export", shop.title, "--cluster", one.name)
    assert said.code == 1
    assert said.err.startswith(f"error: cluster {one.name} can't be reached from here: ")
    assert f"`kubectl get cluster {one.name}`" in said.err
    await shop.mislead(shop.one, fleet.host.kubeconfig)
    async with without_the_kinds(shop.host.api):
        said = await shop.atoll("export", shop.title, "--cluster", shop.one.name)
    assert "serves no serviceexports.multicluster.x-k8s.io v1beta1" in said.err
    assert f"`atoll join {shop.one.name}` again" in said.err


@asynccontextmanager
async def without_the_kinds(host: Api) -> AsyncIterator[None]:
    """Have a host that serves no ServiceExports."""
    for definition in templates():
        await remove(host, definition)
    yield
    await install_on_host(host, FIELD_MANAGER)


async def test_nothing_is_written_to_another_cluster_than_the_one_that_joined(shop: Market) -> None:
    await shop.make_service(shop.one)
    status = {"status": {"clusterUid": "of-another"}}
    await shop.host.api.patch(CLUSTERS, shop.one.name, None, status, manager=USER, subresource="status")
    said = await shop.atoll("export", shop.title, "--cluster", shop.one.name)
    assert "at its address is another cluster than the one that joined" in said.err
    assert await shop.export(shop.one) is None


async def test_an_export_that_nobody_takes_up_is_an_error_after_the_time_and_stays(shop: Market) -> None:
    await shop.make_service(shop.one)
    await shop.stop()
    said = await shop.atoll("export", shop.title, "--cluster", shop.one.name, "--timeout", "0.5")
    assert said.code == 1
    assert f"cluster {shop.one.name} does not export {shop.title} after" in said.err
    assert await shop.export(shop.one) is not None
    said = await shop.atoll("export", shop.title, "--cluster", shop.one.name, "--no-wait")
    assert said.code == 0


async def test_the_end_of_an_export_is_waited_for_and_of_the_last_it_is_said_what_goes(shop: Market) -> None:
    one, two = shop.one, shop.two
    await shop.make_service(one, two)
    await shop.atoll("export", shop.title, "--cluster", one.name, "--cluster", two.name)
    said = await shop.atoll("unexport", shop.title, "--cluster", one.name)
    assert said == (0, f"cluster {one.name} exports {shop.title} no more\n", "")
    assert await shop.exporting() == {two.name}
    said = await shop.atoll("unexport", shop.title, "--cluster", two.name)
    assert said.code == 0
    assert f"no other cluster exports {shop.title}: every cluster loses the ServiceImport" in said.err
    assert await shop.exporting() == set()
    said = await shop.atoll("unexport", shop.title, "--cluster", two.name)
    assert said.err.startswith(f"error: cluster {two.name} has no ServiceExport {shop.title}")


async def test_on_a_terminal_the_last_export_is_ended_only_by_consent(shop: Market) -> None:
    await shop.make_service(shop.one)
    await shop.atoll("export", shop.title, "--cluster", shop.one.name)
    assert await shop.on_a_terminal("n", "unexport", shop.title, "--cluster", shop.one.name) == 1
    assert await shop.exporting() == {shop.one.name}
