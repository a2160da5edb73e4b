"""What a shell proposes for atoll, and kubectl for `kubectl atoll`."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner

from federation.cli.completion import kubectl
from federation.cli.main import app
from tests.cli.joined import Joined, joined
from tests.servers import Fleet


@pytest.fixture
async def shop(fleet: Fleet, namespace: str) -> AsyncIterator[Joined]:
    async with joined(fleet, namespace) as found:
        yield found


async def proposed(shop: Joined, *words: str) -> list[str]:
    """What is proposed for the last word."""
    command, *rest = words
    line = ["atoll", command, "--kubeconfig", str(shop.server.path), *rest]
    asked = {
        "_ATOLL_COMPLETE": "complete_bash",
        "COMP_WORDS": shlex.join(line),
        "COMP_CWORD": str(len(line) - 1),
    }
    result = await asyncio.to_thread(CliRunner().invoke, app, [], prog_name="atoll", env=asked)
    return result.stdout.split()


async def test_kinds_are_proposed_also_after_a_comma(shop: Joined) -> None:
    assert await proposed(shop, "get", "deploy") == ["deployments"]
    assert await proposed(shop, "get", "svc,deploy") == ["svc,deployments"]
    assert "events.events.k8s.io" in await proposed(shop, "get", "events")


async def test_names_are_proposed_that_are_in_some_member_and_not_given_yet(shop: Joined) -> None:
    await shop.config(shop.one, "settings", "other")
    await shop.config(shop.two, "settings", "set-top")
    line = ["get", "-n", shop.namespace, "cm"]
    assert await proposed(shop, *line, "set") == ["set-top", "settings"]
    assert await proposed(shop, *line, "settings", "set") == ["set-top"]


@pytest.mark.parametrize("line", [["get", "cm", "--cluster"], ["cordon"], ["uncordon"]])
async def test_clusters_are_proposed(shop: Joined, line: list[str]) -> None:
    assert await proposed(shop, *line, shop.one.name[:4]) == [shop.one.name]


def test_without_a_host_nothing_is_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"_ATOLL_COMPLETE": "complete_bash", "COMP_CWORD": "2", "COMP_WORDS": "atoll cordon m"}
    result = CliRunner().invoke(app, [], prog_name="atoll", env={**asked, "KUBECONFIG": "/nowhere"})
    assert (result.exit_code, result.output.strip()) == (0, "")


def test_kubectl_is_answered_in_its_own_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-atoll", "unc"])
    monkeypatch.setattr(os, "environ", dict(os.environ))
    kubectl()
    assert capsys.readouterr().out.split() == ["uncordon", ":4"]
