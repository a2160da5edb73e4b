"""A member that is away for a while: the others do not notice, and it catches up when it is back."""

from __future__ import annotations

import time

import pytest

from e2e.fleet import Fleet, applied, is_ready, reason, result
from federation.kube.resources import Manifest
from policies.eviction import UNREACHABLE_TAINT
from tests.federated import CLUSTERS, CONFIGMAPS, POLICIES, condition, configmap, policy, selects

pytestmark = pytest.mark.timeout(300)

AWAY = 20.0
"""Seconds of the outage: long enough for a back-off to grow beyond CAUGHT_UP."""
AT_ONCE = 5.0
CAUGHT_UP = 3.0


async def test_a_stopped_member_holds_up_nobody_and_catches_up_as_soon_as_it_is_ready(
    fleet: Fleet, namespace: str
) -> None:
    await fleet.host.apply(POLICIES, policy("all", namespace, selects("v1", "ConfigMap", labelSelector=OURS)))
    await fleet.host.apply(CONFIGMAPS, _settings(namespace, 0))
    await fleet.everywhere(CONFIGMAPS, "settings", namespace, lambda c: _round(c) == "0")
    async with fleet.outage("m3"):
        stopped, number = time.monotonic(), 0
        while time.monotonic() - stopped < AWAY or number == 0:
            number += 1
            await _reaches_the_others_at_once(fleet, namespace, number)
        await _is_reported_unreachable(fleet, namespace)
    await fleet.host.until(CLUSTERS, "m3", None, is_ready)
    await fleet.members["m3"].until(
        CONFIGMAPS, "settings", namespace, lambda c: _round(c) == str(number), seconds=CAUGHT_UP
    )
    await fleet.host.until(CLUSTERS, "m3", None, lambda c: not _taints(c), seconds=CAUGHT_UP)
    await fleet.binding(CONFIGMAPS, "settings", namespace, applied)


OURS = {"matchLabels": {"app": "settings"}}


async def _reaches_the_others_at_once(fleet: Fleet, namespace: str, number: int) -> None:
    await fleet.host.apply(CONFIGMAPS, _settings(namespace, number))
    for name in ("m1", "m2"):
        await fleet.members[name].until(
            CONFIGMAPS, "settings", namespace, lambda c: _round(c) == str(number), seconds=AT_ONCE
        )


async def _is_reported_unreachable(fleet: Fleet, namespace: str) -> None:
    cluster = await fleet.host.until(CLUSTERS, "m3", None, lambda c: reason(c, "Ready") == "Unreachable")
    assert condition(cluster, "Ready") == "Unknown"
    assert [(taint["key"], taint["effect"]) for taint in _taints(cluster)] == [
        (UNREACHABLE_TAINT, "NoSchedule")
    ]
    binding = await fleet.binding(
        CONFIGMAPS, "settings", namespace, lambda b: reason(b, "Applied") == "ClusterNotReady"
    )
    assert result(binding, "m3")["reason"] == "ClusterNotReady"
    assert result(binding, "m1")["applied"]
    assert result(binding, "m2")["applied"]


def _settings(namespace: str, number: int) -> Manifest:
    manifest = configmap("settings", namespace, round=str(number))
    manifest["metadata"]["labels"] = OURS["matchLabels"]
    return manifest


def _round(settings: Manifest | None) -> str | None:
    return settings["data"]["round"] if settings else None


def _taints(cluster: Manifest | None) -> list[Manifest]:
    taints: list[Manifest] = (cluster or {}).get("spec", {}).get("taints", [])
    return taints
