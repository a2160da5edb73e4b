"""What somebody changes in a member: ours is put back at once, theirs is left alone."""

from __future__ import annotations

import json
import time

import pytest

from e2e.fleet import Fleet
from federation.kube.resources import Manifest
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

AT_ONCE = 2.0
"""Seconds from an edit in a member until it is put back."""


async def test_a_kubectl_edit_in_a_member_is_put_back_and_foreign_fields_stay(
    fleet: Fleet, namespace: str
) -> None:
    await fleet.host.apply(POLICIES, policy("all", namespace, selects("v1", "ConfigMap", name="settings")))
    await fleet.host.apply(CONFIGMAPS, configmap("settings", namespace, color="green"))
    await fleet.everywhere(CONFIGMAPS, "settings", namespace, bool)
    edit = {"data": {"color": "red", "size": "large"}, "metadata": {"labels": {"team": "theirs"}}}
    patch = ("patch", "configmap/settings", "--type=merge", "--patch", json.dumps(edit))
    await fleet.kubectl("m1", "-n", namespace, *patch)
    edited = time.monotonic()

    def restored(settings: Manifest | None) -> bool:
        return settings is not None and settings["data"]["color"] == "green"

    live = await fleet.members["m1"].until(CONFIGMAPS, "settings", namespace, restored)
    assert time.monotonic() - edited < AT_ONCE
    assert live["data"]["size"] == "large"
    assert live["metadata"]["labels"]["team"] == "theirs"


async def test_a_scale_in_a_member_is_put_back_since_replicas_are_the_hosts_to_give(
    fleet: Fleet, namespace: str
) -> None:
    await fleet.host.apply(POLICIES, policy("all", namespace, selects("apps/v1", "Deployment")))
    await fleet.host.apply(DEPLOYMENTS, deployment("web", namespace, replicas=2))
    await fleet.everywhere(DEPLOYMENTS, "web", namespace, lambda d: _ready(d, 2))
    await fleet.kubectl("m2", "-n", namespace, "scale", "deployment/web", "--replicas=5")
    scaled = time.monotonic()

    def restored(web: Manifest | None) -> bool:
        return web is not None and web["spec"]["replicas"] == 2

    await fleet.members["m2"].until(DEPLOYMENTS, "web", namespace, restored)
    assert time.monotonic() - scaled < AT_ONCE
    await fleet.members["m2"].until(DEPLOYMENTS, "web", namespace, lambda d: _ready(d, 2))


def _ready(web: Manifest | None, replicas: int) -> bool:
    return web is not None and web.get("status", {}).get("readyReplicas") == replicas
