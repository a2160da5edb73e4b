"""A namespace that is deleted on the host takes its templates along, in any order, and so their copies."""

from __future__ import annotations

from tests.federated import (
    BINDINGS,
    CONFIGMAPS,
    NAMESPACES,
    POLICIES,
    Federated,
    absent,
    condition,
    configmap,
    policy,
    selects,
)

BINDING = "settings.configmaps"


async def test_a_binding_that_goes_before_its_template_does_not_leave_the_copies_behind(
    running: Federated, shop: str
) -> None:
    """The namespace controller deletes kind by kind, in no order."""
    await running.host.apply(POLICIES, policy("all", shop, selects("v1", "ConfigMap", name="settings")))
    await running.host.apply(CONFIGMAPS, configmap("settings", shop, color="green"))
    await running.host.until(BINDINGS, BINDING, shop, lambda b: b and condition(b, "Applied") == "True")
    await running.host.delete(NAMESPACES, shop)
    await running.host.delete(BINDINGS, BINDING, shop)
    await running.host.until(BINDINGS, BINDING, shop, absent)
    await running.everywhere(CONFIGMAPS, "settings", shop, absent)
    assert await running.host.get(CONFIGMAPS, "settings", shop) is not None
