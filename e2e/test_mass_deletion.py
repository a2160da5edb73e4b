"""Templates vanish in numbers and nobody recorded it: a restore looks like that, so deletions are held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import pytest

from e2e.fleet import Fleet, applied, binding_of, explained, names, reason
from federation.sandbox.sandbox import CONTROLLER, HOST
from tests.federated import BINDINGS, CLUSTERS, CONFIGMAPS, POLICIES, configmap, eventually, policy, selects

pytestmark = pytest.mark.timeout(300)

ALL = [f"settings-{number:02}" for number in range(50)]
MANY, FEW = ALL[:40], ALL[40:43]
OURS = {"matchLabels": {"app": "settings"}}


@pytest.fixture
async def templates(fragile: Fleet, fragile_namespace: str) -> AsyncIterator[str]:
    """Fifty ConfigMaps on two members; a host that was stopped in part runs again in the end."""
    await fragile.host.apply(
        POLICIES, policy("all", fragile_namespace, selects("v1", "ConfigMap", labelSelector=OURS))
    )
    for name in ALL:
        manifest = configmap(name, fragile_namespace)
        manifest["metadata"]["labels"] = OURS["matchLabels"]
        await fragile.host.apply(CONFIGMAPS, manifest)
    for name in ALL:
        await fragile.binding(CONFIGMAPS, name, fragile_namespace, applied)
    yield fragile_namespace
    await fragile.start(HOST)


async def test_the_deletions_of_many_vanished_templates_are_held_until_somebody_says_so(
    fragile: Fleet, templates: str
) -> None:
    await fragile.stop(CONTROLLER)
    fragile.program(HOST, "kube-controller-manager").stop()
    await _delete(fragile, MANY, templates)
    await fragile.start(CONTROLLER)
    for name in MANY:
        await fragile.binding(CONFIGMAPS, name, templates, lambda b: reason(b, "Scheduled") == "DeletionHeld")
    for cluster in fragile.members:
        held = await fragile.host.until(
            CLUSTERS, cluster, None, lambda c: reason(c, "Held") == "DeletionsHeld"
        )
        assert explained(held, "Held")[1].startswith("40 deletions are held")
    await _members_hold(fragile, ALL, templates)

    for name in MANY:
        await fragile.host.delete(BINDINGS, binding_of(CONFIGMAPS, name), templates)
    await _members_hold(fragile, ALL[40:], templates)
    for cluster in fragile.members:
        await fragile.host.until(CLUSTERS, cluster, None, lambda c: not reason(c, "Held"))


async def test_a_few_vanished_templates_are_believed(fragile: Fleet, templates: str) -> None:
    fragile.program(HOST, "kube-controller-manager").stop()
    await _delete(fragile, FEW, templates)
    await _members_hold(fragile, sorted(set(ALL) - set(FEW)), templates)


async def _delete(fragile: Fleet, names: Iterable[str], namespace: str) -> None:
    for name in names:
        await fragile.host.delete(CONFIGMAPS, name, namespace)


async def _members_hold(fragile: Fleet, wanted: list[str], namespace: str) -> None:
    """Wait until exactly these copies are in every member."""
    held: dict[str, list[str]] = {}

    async def as_wanted() -> bool:
        for cluster, member in fragile.members.items():
            held[cluster] = sorted(await names(member, CONFIGMAPS, namespace))
        return all(found == wanted for found in held.values())

    await eventually(as_wanted, lambda: str(held), 30)
