"""A namespace that is on its way out in a member: nothing can be created there until it is gone."""

from __future__ import annotations

import pytest

from e2e.fleet import Fleet, applied, result
from tests.federated import CONFIGMAPS, NAMESPACES, POLICIES, configmap, policy, selects

pytestmark = pytest.mark.timeout(300)


async def test_a_copy_waits_for_the_namespace_to_be_gone_and_is_applied_then(
    fleet: Fleet, namespace: str
) -> None:
    member = fleet.members["m1"]
    await fleet.host.apply(POLICIES, policy("all", namespace, selects("v1", "ConfigMap", name="settings")))
    await fleet.host.apply(CONFIGMAPS, configmap("settings", namespace, color="green"))
    first = await member.until(CONFIGMAPS, "settings", namespace, bool)
    held = configmap("held", namespace)
    held["metadata"]["finalizers"] = ["example.com/held"]
    await member.apply(CONFIGMAPS, held)

    await member.delete(NAMESPACES, namespace)
    waiting = await fleet.binding(
        CONFIGMAPS, "settings", namespace, lambda b: result(b, "m1").get("reason") == "NamespaceTerminating"
    )
    assert not result(waiting, "m1").get("applied")
    assert result(waiting, "m2")["applied"]

    await member.api.patch(CONFIGMAPS, "held", namespace, {"metadata": {"finalizers": None}}, manager="test")
    anew = await member.until(CONFIGMAPS, "settings", namespace, bool)
    assert anew["metadata"]["uid"] != first["metadata"]["uid"]
    await fleet.binding(CONFIGMAPS, "settings", namespace, applied)
