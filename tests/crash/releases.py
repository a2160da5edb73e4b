"""The scenarios of batched release: a Deployment with a RolloutPolicy gets a new image on the host.

The law of each is about every state on the way: what clusters do was on record before, and nothing is done
twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

from bench.player import let_go
from federation.kube.resources import Manifest
from federation.resources import ROLLOUT, ROLLOUT_POLICY
from policies.release.telling import TERMINAL
from tests.crash.deployments import image, pods
from tests.crash.harness import Scenario, Step
from tests.crash.state import State
from tests.crash.tap import Written
from tests.crash.world import World
from tests.federated import DEPLOYMENTS, POLICIES, USER, deployment, policy, rollout_policy, selects

OLD, NEW, NEWER = "nginx:1.27", "nginx:1.28", "nginx:1.29"
REPLICAS = 4
"""In each of the two members."""
_DEFAULTS = {
    "progressDeadlineSeconds": 600,
    "replicas": REPLICAS,
    "revisionHistoryLimit": 10,
    "selector": {"matchLabels": {"app": "web"}},
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
}
"""What a Deployment's spec is, the pod template aside, that no release ever had a say about."""


# What a user does


def _governed(approval: str) -> Step:
    """Have web on both members, released in two halves."""

    async def create(world: World, namespace: str) -> None:
        steps = [{"name": "half", "updated": "50%", "approval": approval}, {"updated": "100%"}]
        selector = selects("apps/v1", "Deployment")
        await world.host.apply(ROLLOUT_POLICY, rollout_policy("halves", namespace, selector, steps=steps))
        placement = {"clusterAffinity": {"clusterNames": ["m1", "m2"]}}
        everywhere = policy("all", namespace, selector, placement=placement)
        await world.host.apply(POLICIES, everywhere)
        await _change(world, namespace, OLD)

    return create


async def _change(world: World, namespace: str, to: str) -> None:
    await world.host.apply(DEPLOYMENTS, deployment("web", namespace, replicas=REPLICAS, image=to))


async def _half_is_out(world: World, namespace: str, run: str) -> None:
    """Wait until a run has done its first step and asks whether to go on, and the template's status says so.

    What that says stays behind when the run is taken back, so it must not depend on who was faster.
    """

    def asks(live: Manifest | None) -> bool:
        status = live.get("status", {}) if live is not None else {}
        done: bool = status.get("phase") == "AwaitingApproval"
        return done

    def observed(live: Manifest | None) -> bool:
        if live is None:
            return False
        seen: bool = live["status"].get("observedGeneration") == live["metadata"]["generation"]
        return seen

    await world.host.until(ROLLOUT, run, namespace, asks)
    await world.host.until(DEPLOYMENTS, "web", namespace, observed)


async def _abort_at_half(world: World, namespace: str) -> None:
    await _half_is_out(world, namespace, "web-1")
    await _steer(world, namespace, "web-1", abort="Rollback")


async def _change_again_at_half(world: World, namespace: str) -> None:
    await _half_is_out(world, namespace, "web-1")
    await _change(world, namespace, NEWER)


async def _approve_the_second(world: World, namespace: str) -> None:
    await _half_is_out(world, namespace, "web-2")
    await _steer(world, namespace, "web-2", approvedStep=1)


async def _steer(world: World, namespace: str, run: str, **verbs: Any) -> None:
    await world.host.api.patch(ROLLOUT, run, namespace, {"spec": verbs}, manager=USER)


# What must be in the end


def _expect(state: State, *, at: str, runs: dict[str, str]) -> None:
    """All pods are at an image, the specs are the user's, and the runs ended as they should."""
    _expect_everywhere(state, at=at)
    assert _phases(state) == runs


def _expect_over(state: State, *, at: str) -> None:
    """All pods are at an image, the specs are the user's, and every run is over, however it ended."""
    _expect_everywhere(state, at=at)
    assert TERMINAL.issuperset(_phases(state).values())


def _expect_everywhere(state: State, *, at: str) -> None:
    for cluster in ("m1", "m2"):
        web = state[cluster]["deployments/web"]
        assert {name: value for name, value in web["spec"].items() if name != "template"} == _DEFAULTS
        assert image(web) == at
        assert pods(web) == {at: REPLICAS}


def _phases(state: State) -> dict[str, str]:
    """Return the phase of each run that says how it is now."""
    runs = [live for name, live in state["host"].items() if name.startswith("rollouts/")]
    assert all(live["status"]["observedGeneration"] == "current" for live in runs)
    return {live["metadata"]["name"]: live["status"]["phase"] for live in runs}


# What must be so on the way


def law(answers: Sequence[Written], *, images: Sequence[tuple[str, ...]]) -> None:
    """`images` are the ways that the pod template of a member may go."""
    _check_permitted(answers)
    check_steps(answers)
    for cluster, given in _templates(answers).items():
        assert given in images, f"{cluster} was given the images {', '.join(given)}"


def _check_permitted(answers: Sequence[Written]) -> None:
    """No member may bring, or brings, more pods to an image than a stored Rollout has permitted by then."""
    may: defaultdict[tuple[str, str], int] = defaultdict(int)
    revisions: dict[str, str] = {}
    for cluster, live, by_us in answers:
        if live["kind"] == "ControllerRevision":
            revisions[live["metadata"]["name"]] = _image_of(live)
        elif live["kind"] == "Rollout":
            for member, to, count in _permitted(live, revisions):
                may[member, to] = max(may[member, to], count)
        elif live["kind"] == "Deployment" and cluster != "host":
            may.setdefault((cluster, OLD), REPLICAS)  # what there was before any run
            counts = {image(live): let_go(live["spec"])} if by_us else pods(live)
            for to, count in counts.items():
                allowed = may[cluster, to]
                assert count <= allowed, f"{cluster} has {count} pods at {to}; permitted were {allowed}"


def _image_of(revision: Manifest) -> str:
    found: str = revision["data"]["template"]["spec"]["containers"][0]["image"]
    return found


def _permitted(run: Manifest, revisions: dict[str, str]) -> list[tuple[str, str, int]]:
    """Return by cluster the image that a stored Rollout lets pods go to, and how many."""
    target, stable = (revisions[run["spec"][f"{which}Revision"]] for which in ("target", "stable"))
    given = []
    for cluster in run.get("status", {}).get("clusters", []):
        match cluster["state"]:
            case "Releasing":
                given.append((cluster["name"], target, cluster["permitted"]))
            case "Released":
                given.append((cluster["name"], target, REPLICAS))
            case "Restoring" | "Restored":
                given.append((cluster["name"], stable, REPLICAS))
    return given


def check_steps(answers: Sequence[Written]) -> None:
    """No run goes back to a step it has left."""
    steps: defaultdict[str, list[int]] = defaultdict(list)
    for _, live, _ in answers:
        if live["kind"] == "Rollout":
            steps[live["metadata"]["name"]].append(live.get("status", {}).get("currentStep", 0))
    for run, passed in steps.items():
        assert passed == sorted(passed), f"Rollout {run} went through the steps {passed}"


def _templates(answers: Sequence[Written]) -> dict[str, tuple[str, ...]]:
    """Return the images that each member was given, one after the other."""
    given: defaultdict[str, list[str]] = defaultdict(list)
    for cluster, live, _ in answers:
        if live["kind"] == "Deployment" and cluster != "host" and given[cluster][-1:] != [image(live)]:
            given[cluster].append(image(live))
    return {cluster: tuple(images) for cluster, images in given.items()}


RELEASE = Scenario(
    "release in two halves",
    _governed("None"),
    partial(_change, to=NEW),
    partial(_expect, at=NEW, runs={"web-1": "Completed"}),
    law=partial(law, images=[(OLD, NEW)]),
)
ABORTED = Scenario(
    "release rolled back at half",
    _governed("Manual"),
    partial(_change, to=NEW),
    partial(_expect, at=OLD, runs={"web-1": "RolledBack"}),
    then=(_abort_at_half,),
    law=partial(law, images=[(OLD, NEW, OLD)]),
)
SUPERSEDED_AT_HALF = Scenario(
    "release superseded at half",
    _governed("Manual"),
    partial(_change, to=NEW),
    partial(_expect, at=NEWER, runs={"web-1": "Superseded", "web-2": "Completed"}),
    then=(_change_again_at_half, _approve_the_second),
    law=partial(law, images=[(OLD, NEW, NEWER)]),
)
SUPERSEDED = Scenario(
    "release superseded right after the harm",
    _governed("None"),
    partial(_change, to=NEW),
    partial(_expect_over, at=NEWER),
    meanwhile=partial(_change, to=NEWER),
    alike=False,
    law=partial(law, images=[(OLD, NEWER), (OLD, NEW, NEWER)]),
)
REVERTED = Scenario(
    "release reverted right after the harm",
    _governed("None"),
    partial(_change, to=NEW),
    partial(_expect_over, at=OLD),
    meanwhile=partial(_change, to=OLD),
    alike=False,
    law=partial(law, images=[(OLD,), (OLD, NEW, OLD)]),
)
RELEASES = (RELEASE, ABORTED, SUPERSEDED_AT_HALF, SUPERSEDED, REVERTED)
