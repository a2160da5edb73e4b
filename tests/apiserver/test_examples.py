"""The examples of policies are what an API server takes, and do what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from policies.validation import validate
from tests.federated import (
    A_CONFIGMAP,
    A_DEPLOYMENT,
    BINDINGS,
    CONFIGMAPS,
    DEPLOYMENTS,
    OVERRIDES,
    POLICIES,
    Federated,
    Manifest,
    condition,
    configmap,
    deployment,
    policy,
)

EXAMPLES = Path(__file__).parents[2] / "examples"


def documents() -> Iterator[Manifest]:
    for folder in ("failover", "overrides", "placement"):
        for path in sorted((EXAMPLES / folder).iterdir()):
            yield from yaml.safe_load_all(path.read_text())


async def test_every_example_is_valid_and_stored(running: Federated, shop: str) -> None:
    for manifest in documents():
        name = manifest["metadata"]["name"]
        manifest["metadata"]["namespace"] = shop
        assert validate(manifest) == ((), ()), name
        resource = POLICIES if manifest["kind"] == POLICIES.kind else OVERRIDES
        await running.host.apply(resource, manifest)
        await running.host.delete(resource, name, shop)  # else it asks for room for ever


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


async def test_one_cluster_gets_what_its_overrides_say(running: Federated, shop: str) -> None:
    for manifest in yaml.safe_load_all((EXAMPLES / "overrides" / "settings.yaml").read_text()):
        manifest["metadata"]["namespace"] = shop
        await running.host.apply(OVERRIDES, manifest)
    await running.host.apply(POLICIES, policy("web", shop, A_CONFIGMAP, A_DEPLOYMENT))
    settings = configmap("web-settings", shop, **{"app.json": '{"region": "south"}'})
    await running.host.apply(CONFIGMAPS, settings)
    await running.host.apply(DEPLOYMENTS, deployment("web", shop))
    for name, region, label in (("m1", "north", "m1"), ("m2", "south", None)):
        member = running.members[name]
        web = await member.until(DEPLOYMENTS, "web", shop, bool)
        held = await member.until(CONFIGMAPS, "web-settings", shop, bool)
        assert json.loads(held["data"]["app.json"]) == {"region": region}
        assert web["metadata"]["labels"].get("shown-in") == label
        env = web["spec"]["template"]["spec"]["containers"][0].get("env", [])
        assert env == ([{"name": "REGION", "value": "north"}] if name == "m1" else [])
