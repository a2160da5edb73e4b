"""The harness finds what it is there to find: controllers made faulty on purpose do not pass."""

from __future__ import annotations

from typing import Any

import pytest

from federation.controllers.writer import Writer
from federation.kube.informer import Informer
from tests.crash.harness import Run
from tests.crash.incarnation import Violation
from tests.crash.scenarios import DELETION, UPDATE
from tests.crash.tap import BEGINNING, Perturbation
from tests.crash.world import World


@pytest.mark.soak
async def test_a_controller_that_does_not_list_again_is_caught_missing_events(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = await Run(world, DELETION).record()
    relist = Informer._relist

    async def believe_in_the_past(informer: Informer[Any]) -> str:
        if informer.synced.is_set():
            return await informer._api.latest(informer.resource)
        return await relist(informer)

    monkeypatch.setattr(Informer, "_relist", believe_in_the_past)
    with pytest.raises(Violation, match=r"host: resourcebindings/web.deployments.apps: should not be there"):
        await Run(world, DELETION, BEGINNING, Perturbation.MISSED).perturb(recorded)


async def test_a_controller_that_replaces_objects_is_caught_deleting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Writer.put

    async def replace(writer: Writer, member: Any, ref: Any, record: Any, rendered: Any, copy: Any) -> Any:
        if copy is not None:
            await writer.remove(member, ref, copy.copy.uid)
        return await put(writer, member, ref, record, rendered, copy)

    monkeypatch.setattr(Writer, "put", replace)
    with pytest.raises(Violation, match=r"deleted on the way: .*deployments/web"):
        await Run(world, UPDATE).record()
