"""When nothing happens, nothing is written: neither on the host nor in a member."""

from __future__ import annotations

from functools import partial

import pytest

from bench.writes import Writes, read, without_leases
from e2e.fleet import Fleet, applied
from e2e.silence import nothing_is_written
from tests.federated import (
    CONFIGMAPS,
    DEPLOYMENTS,
    POLICIES,
    configmap,
    deployment,
    policy,
    selects,
)

pytestmark = pytest.mark.timeout(300)

IDLE = 20.0
"""Seconds in which nothing but Leases may be written."""


async def test_a_federation_at_rest_writes_nothing_but_leases(fragile: Fleet, fragile_namespace: str) -> None:
    selectors = [selects("v1", "ConfigMap", name="settings"), selects("apps/v1", "Deployment")]
    await fragile.host.apply(POLICIES, policy("all", fragile_namespace, *selectors))
    await fragile.host.apply(CONFIGMAPS, configmap("settings", fragile_namespace, color="green"))
    await fragile.host.apply(DEPLOYMENTS, deployment("web", fragile_namespace))
    for resource, name in ((CONFIGMAPS, "settings"), (DEPLOYMENTS, "web")):
        await fragile.binding(resource, name, fragile_namespace, applied)
    await nothing_is_written(partial(_writes, fragile), IDLE)


async def _writes(fragile: Fleet) -> dict[str, Writes]:
    clusters = {"host": fragile.host, **fragile.members}
    return {name: without_leases(await read(cluster.api)) for name, cluster in clusters.items()}
