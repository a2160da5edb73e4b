"""A member leaves in one of three ways, and comes back."""

from __future__ import annotations

import pytest

from e2e.fleet import Fleet, applied, result
from federation.kube.resources import Manifest
from policies.copies import BINDING_ANNOTATION, DIGEST_ANNOTATION, FIELD_MANAGER, HOST_LABEL
from tests.federated import CLUSTERS, CONFIGMAPS, POLICIES, absent, configmap, policy, selects

pytestmark = pytest.mark.timeout(300)

LEAVING = "m3"


@pytest.fixture
async def settings(fleet: Fleet, namespace: str) -> str:
    """A ConfigMap in every member; returns its namespace."""
    await fleet.host.apply(POLICIES, _policy(namespace))
    await fleet.host.apply(CONFIGMAPS, configmap("settings", namespace, color="green"))
    await fleet.binding(CONFIGMAPS, "settings", namespace, applied)
    return namespace


async def test_a_member_that_leaves_loses_its_copies_and_gets_them_again_when_it_joins(
    fleet: Fleet, settings: str
) -> None:
    await fleet.unjoin(LEAVING)
    assert await fleet.host.get(CLUSTERS, LEAVING) is None
    assert await fleet.members[LEAVING].get(CONFIGMAPS, "settings", settings) is None
    await fleet.binding(CONFIGMAPS, "settings", settings, lambda b: not result(b, LEAVING))
    await fleet.join(LEAVING)
    await fleet.members[LEAVING].until(CONFIGMAPS, "settings", settings, bool)


async def test_what_a_member_keeps_bears_no_mark_of_ours_and_is_not_taken_up_again_unasked(
    fleet: Fleet, settings: str
) -> None:
    before = await _live(fleet, settings)
    await fleet.unjoin(LEAVING, "--keep")
    kept = await _live(fleet, settings)
    assert kept["metadata"]["uid"] == before["metadata"]["uid"]
    assert kept["data"] == {"color": "green"}
    assert HOST_LABEL not in kept["metadata"].get("labels", {})
    assert not kept["metadata"].get("annotations", {}).keys() & {DIGEST_ANNOTATION, BINDING_ANNOTATION}
    assert FIELD_MANAGER not in {owner["manager"] for owner in kept["metadata"].get("managedFields", [])}

    await fleet.join(LEAVING)
    await fleet.binding(
        CONFIGMAPS, "settings", settings,
        lambda b: result(b, LEAVING).get("reason") == "ConflictResolutionAbort",
    )  # fmt: skip
    await fleet.host.apply(POLICIES, _policy(settings, conflictResolution="Overwrite"))
    await fleet.binding(CONFIGMAPS, "settings", settings, applied)
    assert (await _live(fleet, settings))["metadata"]["uid"] == before["metadata"]["uid"]


async def test_a_member_that_is_away_can_be_detached_and_is_taken_up_as_it_was(
    fleet: Fleet, settings: str
) -> None:
    before = await _live(fleet, settings)
    async with fleet.outage(LEAVING):
        await fleet.unjoin(LEAVING, "--detach")
        await fleet.host.until(CLUSTERS, LEAVING, None, absent)
        await fleet.binding(CONFIGMAPS, "settings", settings, lambda b: not result(b, LEAVING))
    await fleet.join(LEAVING)
    await fleet.binding(
        CONFIGMAPS, "settings", settings, lambda b: result(b, LEAVING).get("applied") and applied(b)
    )
    after = await _live(fleet, settings)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


async def _live(fleet: Fleet, namespace: str) -> Manifest:
    live = await fleet.members[LEAVING].get(CONFIGMAPS, "settings", namespace)
    assert live is not None
    return live


def _policy(namespace: str, **spec: str) -> Manifest:
    return policy("all", namespace, selects("v1", "ConfigMap", name="settings"), **spec)
