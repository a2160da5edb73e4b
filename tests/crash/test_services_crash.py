"""Crash at every write of Services across clusters: callers lose no endpoint, and nothing is left behind."""

from __future__ import annotations

import pytest

from mcs import copies, importer
from mcs.names import CONTROLLER, MANAGED_BY, SOURCE_CLUSTER
from mcs.slices import Slice, in_order
from policies.api.meta import Manifest
from tests.crash.harness import Run, Scenario
from tests.crash.incarnation import Violation
from tests.crash.service_laws import law
from tests.crash.services import ALL_END, CHANGED, SCENARIOS, Endpoints
from tests.crash.tap import BEGINNING, Perturbation
from tests.crash.test_crash import perturb_all
from tests.crash.witness import Seen
from tests.crash.world import World

RUNS = 2
"""Perturbed runs of a scenario when not soaking; the first is always a kill before anything is done."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scenario", [CHANGED, ALL_END], ids=lambda scenario: scenario.name)
async def test_harm_at_some_writes_of_services_changes_nothing(
    services_world: World, scenario: Scenario
) -> None:
    recorded = await Run(services_world, scenario).record()
    await perturb_all(services_world, scenario, recorded, recorded.sample(RUNS))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_harm_at_any_write_of_services_changes_nothing(
    services_world: World, scenario: Scenario
) -> None:
    recorded = await Run(services_world, scenario).record()
    await perturb_all(services_world, scenario, recorded, recorded.points())


# The laws find what they are there to find


@pytest.mark.soak
async def test_a_controller_that_takes_endpoints_away_before_they_are_elsewhere_is_caught(
    services_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = await Run(services_world, CHANGED).record()

    def backwards(wanted: dict[str, Manifest], held: dict[str, Slice]) -> dict[str, set[str]]:
        return {name: set() for name in reversed(in_order(wanted, held))}

    for module in (copies, importer):
        monkeypatch.setattr(module, "in_order", backwards)
    with pytest.raises(Violation, match=r"m\d: 10.2.0.1 was ready, absent, and ready again"):
        await Run(services_world, CHANGED, BEGINNING, Perturbation.KILL_BEFORE).perturb(recorded)


HELD = {"web-1": ("m1", {"10.1.0.1": True}), "web-2": ("m2", {"10.2.0.1": True})}


@pytest.mark.parametrize(
    ("name", "source", "endpoints"),
    [("web-2", "m1", {"10.2.0.1": True}), ("web-2", "m2", {"10.1.0.1": True})],
    ids=["another label", "other addresses"],
)
def test_endpoints_under_the_name_of_another_cluster_are_caught(
    name: str, source: str, endpoints: Endpoints
) -> None:
    with pytest.raises(AssertionError, match=r"m1: 10.\d.0.1 is said to be m\d's"):
        law([*STANDING, _slice("MODIFIED", name, source, endpoints)], ended=frozenset())


@pytest.mark.parametrize("between", [("MODIFIED", {"10.1.0.1": False}), ("MODIFIED", {}), ("DELETED", {})])
def test_an_endpoint_that_was_absent_for_a_moment_is_caught(between: tuple[str, Endpoints]) -> None:
    """An endpoint that is not ready is no endpoint to callers."""
    away = _slice(between[0], "web-1", "m1", between[1])
    back = _slice("MODIFIED", "web-1", "m1", {"10.1.0.1": True})
    ended = frozenset({("m1", "endpointslices/web-1")})
    law([*STANDING, away], ended=ended)
    with pytest.raises(AssertionError, match=r"m1: 10.1.0.1 was ready, absent, and ready again"):
        law([*STANDING, away, back], ended=ended)


def test_an_endpoint_that_is_in_another_slice_meanwhile_is_not_absent() -> None:
    moved = _slice("ADDED", "web-3", "m1", {"10.1.0.1": True}), _slice("MODIFIED", "web-1", "m1", {})
    law([*STANDING, *moved, _slice("MODIFIED", "web-1", "m1", {"10.1.0.1": True})], ended=frozenset())


def test_a_deletion_that_nobody_asked_for_is_caught() -> None:
    deleted = _slice("DELETED", "web-1", "m1", {"10.1.0.1": True})
    with pytest.raises(AssertionError, match="m1: endpointslices/web-1 was deleted, and nobody ended it"):
        law([*STANDING, deleted], ended=frozenset({("m2", "endpointslices/web-1")}))


@pytest.mark.parametrize("then", [["172.17.0.9"], None], ids=["another", "none"])
def test_an_ip_that_changes_is_caught(then: list[str] | None) -> None:
    seen = [_service_import(ips) for ips in (None, ["172.17.0.8"], ["172.17.0.8"])]
    law(seen, ended=frozenset())
    with pytest.raises(AssertionError, match=r"m1: the ServiceImport had the IP .*172.17.0.8.*, then "):
        law([*seen, _service_import(then)], ended=frozenset())


def _slice(type_: str, name: str, source: str, endpoints: Endpoints) -> Seen:
    metadata = {"name": name, "labels": {MANAGED_BY: CONTROLLER, SOURCE_CLUSTER: source}}
    found = [{"addresses": [a], "conditions": {"ready": r}} for a, r in endpoints.items()]
    return Seen("m1", type_, {"kind": "EndpointSlice", "metadata": metadata, "endpoints": found})


def _service_import(ips: list[str] | None) -> Seen:
    spec = {"ips": ips} if ips else {}
    return Seen(
        "m1", "MODIFIED", {"kind": "ServiceImport", "metadata": {"name": "web", "uid": "1"}, "spec": spec}
    )


STANDING = tuple(_slice("ADDED", name, *held) for name, held in HELD.items())
"""What m1 has imported."""
