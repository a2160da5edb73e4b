"""A release by cluster: a ConfigMap with a RolloutPolicy gets new data on the host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from federation.resources import ROLLOUT_POLICY
from tests.crash.harness import Scenario
from tests.crash.releases import check_steps
from tests.crash.state import State
from tests.crash.tap import Written
from tests.crash.world import World
from tests.federated import CONFIGMAPS, POLICIES, configmap, policy, rollout_policy, selects

OLD, NEW = "old", "new"


async def _govern(world: World, namespace: str) -> None:
    """Have settings in both members, released to one after the other."""
    selector = selects("v1", "ConfigMap")
    await world.host.apply(ROLLOUT_POLICY, rollout_policy("halves", namespace, selector, batches=2))
    placement = {"clusterAffinity": {"clusterNames": ["m1", "m2"]}}
    await world.host.apply(POLICIES, policy("all", namespace, selector, placement=placement))
    await _change(world, namespace, OLD)


async def _change(world: World, namespace: str, to: str) -> None:
    await world.host.apply(CONFIGMAPS, configmap("settings", namespace, what=to))


def _expect(state: State) -> None:
    for cluster in ("m1", "m2"):
        assert state[cluster]["configmaps/settings"]["data"] == {"what": NEW}
    assert state["host"]["rollouts/settings-1"]["status"]["phase"] == "Completed"


def _law(answers: Sequence[Written]) -> None:
    """No member is given the new data before a stored Rollout has permitted it."""
    check_steps(answers)
    may: defaultdict[str, int] = defaultdict(int)
    for cluster, live, _ in answers:
        if live["kind"] == "Rollout":
            for each in live.get("status", {}).get("clusters", []):
                may[each["name"]] = max(may[each["name"]], each.get("permitted", 0))
        elif live["kind"] == "ConfigMap" and cluster != "host" and live["data"]["what"] == NEW:
            assert may[cluster], f"{cluster} was given the new data, and nothing had permitted it"


BY_CLUSTER = Scenario("release by cluster", _govern, partial(_change, to=NEW), _expect, law=_law)
