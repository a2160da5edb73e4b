"""atoll rebalance: what is placed is placed afresh when somebody asks for it, and not before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from federation.cli.main import app
from tests.federated import (
    A_CONFIGMAP,
    BINDINGS,
    CLUSTERS,
    CONFIGMAPS,
    POLICIES,
    Federated,
    Manifest,
    configmap,
    policy,
    reason,
)

pytestmark = pytest.mark.soak
SETTINGS = "settings.configmaps"
FIRST_CHOICE = {
    "clusterAffinities": [
        {"affinityName": "best", "labelSelector": {"matchLabels": {"best": "yes"}}},
        {"affinityName": "reserve", "clusterNames": ["m1"]},
    ]
}


class Said(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


class Person:
    """Somebody at a command line."""

    def __init__(self, federated: Federated, path: str, namespace: str) -> None:
        self.federated, self._path, self.namespace = federated, path, namespace

    async def rebalances(self, *words: str) -> Said:
        line = ["rebalance", *words, "--kubeconfig", self._path, "-n", self.namespace]
        result = await asyncio.to_thread(CliRunner().invoke, app, line)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
async def person(running: Federated, fleet: Any, shop: str) -> AsyncIterator[Person]:
    """With a template in the reserve, since there was no best cluster; now there is one."""
    host = running.host
    await host.apply(POLICIES, policy("all", shop, A_CONFIGMAP, placement=FIRST_CHOICE))
    await host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    await host.until(BINDINGS, SETTINGS, shop, lambda b: targets(b) == ["m1"])
    await label(host, "yes")
    yield Person(running, str(fleet.host.path), shop)
    await label(host, None)


async def label(host: Any, value: str | None) -> None:
    body = {"metadata": {"labels": {"best": value}}}
    await host.api.patch(CLUSTERS, "m2", None, body, manager="test-user")


def targets(binding: Manifest | None) -> list[str]:
    return [each["name"] for each in (binding or {}).get("spec", {}).get("clusters", [])]


async def test_it_returns_to_the_first_group_that_fits_and_leaves_no_trace(person: Person) -> None:
    host, shop = person.federated.host, person.namespace
    said = await person.rebalances("cm/settings")
    assert said == Said(0, f"configmaps/settings in {shop}: from m1 to m2\n", "")
    binding = await host.get(BINDINGS, SETTINGS, shop)
    assert binding
    assert "rebalanceTriggeredAt" not in binding["spec"]
    assert binding["spec"]["affinityName"] == "best"
    await person.federated.members["m2"].until(CONFIGMAPS, "settings", shop, bool)
    again = await person.rebalances("--all")
    assert again.out == f"configmaps/settings in {shop}: stays on m2\n"


async def test_what_can_not_be_stays_asked_for_and_says_why(person: Person) -> None:
    host, shop = person.federated.host, person.namespace
    nowhere = {"clusterAffinity": {"clusterNames": ["m9"]}}
    await host.apply(POLICIES, policy("all", shop, A_CONFIGMAP, placement=nowhere))
    await host.until(BINDINGS, SETTINGS, shop, lambda b: reason(b, "Scheduled") == "NoClusterFit")
    said = await person.rebalances("configmap/settings")
    assert said.code == 1
    assert "not placed afresh yet: NoClusterFit: 0/2 clusters fit" in said.out
    await host.apply(POLICIES, policy("all", shop, A_CONFIGMAP, placement=FIRST_CHOICE))
    binding = await host.until(BINDINGS, SETTINGS, shop, lambda b: targets(b) == ["m2"])
    assert "rebalanceTriggeredAt" not in binding["spec"]


async def test_what_is_asked_wrongly_is_answered_with_the_way_out(person: Person) -> None:
    async def refused(*words: str) -> str:
        said = await person.rebalances(*words)
        assert said.code != 0
        return " ".join(said.err.replace("\u2502", " ").split())

    shop = person.namespace
    assert f"cm/other in {shop}: no policy places it; name it as KIND/NAME" in await refused("cm/other")
    assert f"settings in {shop}: no policy places it" in await refused("settings")
    assert "name templates as KIND/NAME, or give --all" in await refused()
    assert "name templates as KIND/NAME, or give --all" in await refused("cm/settings", "--all")
