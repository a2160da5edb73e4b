"""atoll get --watch: what changes in all members, a row each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from copy import deepcopy
from urllib.parse import urlsplit

import pytest

from federation.cli.get.following import follow
from federation.cli.get.question import Question, wanted_of
from tests.cli.joined import Joined, joined
from tests.federated import CONFIGMAPS, eventually
from tests.proxy import proxy_to
from tests.servers import Fleet


@pytest.fixture
async def shop(fleet: Fleet, namespace: str) -> AsyncIterator[Joined]:
    async with joined(fleet, namespace) as found:
        yield found


class Screen:
    """What was printed so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    @property
    def rows(self) -> list[list[str]]:
        """Event, cluster and name of each line."""
        out, err = self._capsys.readouterr()
        self.out, self.err = self.out + out, self.err + err
        return [line.split()[:3] for line in self.out.splitlines()]

    async def until(self, holds: Callable[[list[list[str]]], bool]) -> None:
        async def look() -> bool:
            return holds(self.rows)

        await eventually(look, lambda: f"{self.out}\n{self.err}")


@asynccontextmanager
async def watching(shop: Joined, capsys: pytest.CaptureFixture[str], *words: str) -> AsyncIterator[Screen]:
    question = Question(wanted_of(words), shop.namespace)
    clusters = [shop.one.name, shop.two.name]
    task = asyncio.create_task(follow(shop.host.api, question, clusters, 5.0, wide=False))
    yield Screen(capsys)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_changes_of_all_clusters_are_rows_under_one_header(
    shop: Joined, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = shop.one, shop.two
    await shop.config(one, "old")
    async with watching(shop, capsys, "cm") as screen:
        await screen.until(lambda rows: ["ADDED", one.name, "old"] in rows)
        assert screen.rows[0] == ["EVENT", "CLUSTER", "NAME"]
        await shop.config(two, "new")
        await screen.until(lambda rows: rows[-1] == ["ADDED", two.name, "new"])
        await shop.config(two, "new", team="red")
        await screen.until(lambda rows: rows[-1] == ["MODIFIED", two.name, "new"])
        await one.cluster.delete(CONFIGMAPS, "old", shop.namespace)
        await screen.until(lambda rows: rows[-1] == ["DELETED", one.name, "old"])
    assert len(screen.rows) == 5


async def test_a_name_is_watched_alone(shop: Joined, capsys: pytest.CaptureFixture[str]) -> None:
    async with watching(shop, capsys, "cm", "settings") as screen:
        await shop.config(shop.one, "other", "settings")
        await screen.until(lambda rows: ["ADDED", shop.one.name, "settings"] in rows)
    assert len(screen.rows) == 2


async def test_after_an_outage_of_a_cluster_only_what_changed_meanwhile_is_shown(
    shop: Joined, fleet: Fleet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("federation.cli.get.following._AGAIN", 0.1)
    one = shop.one
    await shop.config(one, "kept", "changed", "deleted")
    kubeconfig = deepcopy(fleet.members["m1"].kubeconfig)
    address = urlsplit(fleet.members["m1"].url)
    async with proxy_to(str(address.hostname), int(address.port or 0)) as proxy:
        kubeconfig["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{proxy.port}"
        await shop.reach(one, kubeconfig)
        async with watching(shop, capsys, "cm") as screen:
            await screen.until(lambda rows: len(rows) == 4)
            proxy.cut()
            await screen.until(lambda rows: f"error: cluster {one.name} can't be reached" in screen.err)
            await shop.config(one, "changed", team="red")
            await one.cluster.delete(CONFIGMAPS, "deleted", shop.namespace)
            proxy.heal()
            await screen.until(lambda rows: len(rows) == 6)
    assert screen.rows[4:] == [["DELETED", one.name, "deleted"], ["MODIFIED", one.name, "changed"]]
    assert screen.err.count("error: ") == 1
