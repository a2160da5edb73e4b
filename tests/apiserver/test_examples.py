"""The examples of placement and failover are what an API server takes, and do what they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from policies.validation import validate
from tests.federated import BINDINGS, CONFIGMAPS, POLICIES, Federated, Manifest, condition, configmap

EXAMPLES = Path(__file__).parents[2] / "examples"


def documents() -> Iterator[Manifest]:
    for path in sorted(
        each for folder in ("placement", "failover") for each in (EXAMPLES / folder).iterdir()
    ):
        yield from yaml.safe_load_all(path.read_text())


@pytest.mark.parametrize("manifest", [*documents()], ids=lambda manifest: manifest["metadata"]["name"])
async def test_an_example_is_valid_and_stored(running: Federated, shop: str, manifest: Manifest) -> None:
    manifest["metadata"]["namespace"] = shop
    assert validate(manifest) == ((), ())
    await running.host.apply(POLICIES, manifest)
    await running.host.delete(POLICIES, manifest["metadata"]["name"], shop)  # else it asks for room for ever


async def test_the_reserve_is_used_while_there_is_no_primary(running: Federated, shop: str) -> None:
    (groups,) = yaml.safe_load_all((EXAMPLES / "placement" / "groups.yaml").read_text())
    groups["metadata"]["namespace"] = shop
    await running.host.apply(POLICIES, groups)
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, a="1"))
    binding = await running.host.until(
        BINDINGS, "settings.configmaps", shop, lambda b: b and condition(b, "Scheduled") == "False"
    )
    said = binding["status"]["conditions"][0]["message"]
    assert said.startswith("no group of clusterAffinities fits: primary: 0/2 clusters fit: ")
