"""The verbs of atoll rollout: each writes one field of the spec, or refuses and says what to do instead."""

from __future__ import annotations

import pytest

from federation.cli.rollout import verbs
from federation.kube.api import Manifest
from federation.kube.errors import ApiError
from tests.cli.shop import ROLLOUTS, Shop


@pytest.mark.parametrize(
    ("words", "phase", "changed"),
    [
        (["pause"], "Releasing", {"paused": True}),
        (["approve"], "AwaitingApproval", {"approvedStep": 1}),
        (["approve", "--step", "3"], "Releasing", {"approvedStep": 3}),
        (["promote", "--full"], "Baking", {"promote": True}),
        (["retry"], "Halted", {"retry": 1}),
        (["abort"], "Releasing", {"abort": "Stop"}),
        (["abort", "--rollback"], "Halted", {"abort": "Rollback"}),
    ],
)
async def test_a_verb_is_a_field_of_the_spec(
    shop: Shop, words: list[str], phase: str, changed: Manifest
) -> None:
    await shop.run(phase=phase)
    before = await shop.spec()
    said = await shop.atoll(words[0], "deployment/web", *words[1:])
    assert said.code == 0, said.err
    assert said.out.startswith(f"rollouts/web-1 in {shop.namespace}")
    assert await shop.spec() == {**before, **changed}


async def test_a_pause_ends_with_resume(shop: Shop) -> None:
    await shop.run(phase="Releasing")
    await shop.atoll("pause", "deployment/web")
    await shop.atoll("resume", "deployment/web")
    assert (await shop.spec())["paused"] is False


async def test_a_cluster_is_skipped_and_taken_back(shop: Shop) -> None:
    await shop.run(phase="Releasing", clusters=[{"name": "m1"}, {"name": "m2"}])
    await shop.atoll("skip-cluster", "deployment/web", "m2")
    assert (await shop.spec())["skipClusters"] == ["m2"]
    await shop.atoll("skip-cluster", "deployment/web", "m2", "--undo")
    assert (await shop.spec())["skipClusters"] == []


async def test_a_verb_that_is_carried_out_already_writes_nothing(shop: Shop) -> None:
    await shop.run(phase="Releasing")
    await shop.atoll("pause", "deployment/web")
    before = await shop.api.get(ROLLOUTS, "web-1", shop.namespace)
    assert "paused already" in (await shop.atoll("pause", "deployment/web")).out
    assert await shop.api.get(ROLLOUTS, "web-1", shop.namespace) == before


@pytest.mark.parametrize(
    ("words", "phase", "says"),
    [
        (["pause"], "Completed", "is over (Completed)"),
        (["abort"], "RolledBack", "atoll rollout undo deployment/web"),
        (["pause"], "RollingBack", "is rolling back"),
        (["retry"], "Releasing", "only a halted run can be retried"),
        (["resume"], "Halted", "atoll rollout retry deployment/web"),
        (["approve"], "Releasing", "does not wait for approval"),
        (["approve", "--step", "9"], "Releasing", "has 3 steps"),
        (["skip-cluster", "m9"], "Releasing", "it is about m1"),
    ],
)
async def test_a_verb_that_makes_no_sense_changes_nothing(
    shop: Shop, words: list[str], phase: str, says: str
) -> None:
    await shop.run(phase=phase, clusters=[{"name": "m1"}])
    before = await shop.spec()
    said = await shop.atoll(words[0], "deployment/web", *words[1:])
    assert said.code == 1
    assert says in said.err
    assert await shop.spec() == before


async def test_a_verb_is_carried_out_although_the_controller_wrote_meanwhile(shop: Shop) -> None:
    await shop.run(phase="Releasing")
    seen = await shop.rollout()
    await shop.stands(phase="Releasing", updated=2)
    await verbs.steer(shop.api, seen, verbs.pause)
    assert (await shop.spec())["paused"] is True


async def test_a_verb_is_judged_anew_when_the_run_has_moved_on(shop: Shop) -> None:
    await shop.run(phase="Halted")
    seen = await shop.rollout()
    await shop.stands(phase="Completed")
    with pytest.raises(ApiError, match="is over"):
        await verbs.steer(shop.api, seen, verbs.retry)
    assert "retry" not in await shop.spec()
