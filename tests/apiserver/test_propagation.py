"""The way of a manifest: host to members and back, over real API servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.federated import (
    BINDINGS,
    DEPLOYMENTS,
    POLICIES,
    Federated,
    all_ready,
    condition,
    deployment,
    federated,
    policy,
    selects,
)


@pytest.fixture
async def running(fleet: Any) -> AsyncIterator[Federated]:
    async with federated(fleet) as atoll:
        await atoll.start()
        await all_ready(atoll.host, atoll.members)
        yield atoll
        await atoll.stop()


async def test_a_deployment_reaches_every_member_and_its_binding_says_so(
    running: Federated, namespace: str
) -> None:
    await running.make_namespace(namespace)
    await running.host.apply(POLICIES, policy("all", namespace, selects("apps/v1", "Deployment")))
    await running.host.apply(DEPLOYMENTS, deployment("web", namespace))
    await running.everywhere(DEPLOYMENTS, "web", namespace, lambda d: d and d["spec"]["replicas"] == 2)
    binding = await running.host.until(
        BINDINGS, "web.deployments.apps", namespace, lambda b: b and condition(b, "Applied") == "True"
    )
    assert condition(binding, "Scheduled") == "True"
    assert [c["name"] for c in binding["status"]["clusters"]] == ["m1", "m2"]
