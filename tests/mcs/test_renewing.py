"""Signs of life are due in time, however long the host was away."""

from __future__ import annotations

import asyncio

from federation.kube.api import Api
from federation.kube.config import Configuration
from federation.settings import Staleness
from mcs.app import Services
from tests.federation.kube.scripted import until

SOON = Staleness(renew=2.0, silent=6.0, frozen=6.0, grace=1.0)


async def test_a_sign_of_life_is_put_off_no_longer_than_until_the_next_one_is_due() -> None:
    cluster = {"metadata": {"name": "m1", "resourceVersion": "1"}, "spec": {}}
    async with Api(Configuration("http://127.0.0.1:1")) as api:
        services = Services(api, staleness=SOON)
        services.records.memberships.mirror.observe(cluster)
        renew, queue = services.renew, services.renew.queue
        running = asyncio.create_task(renew.run())
        try:
            for _ in range(11):
                queue.add("m1")
                await until(lambda: queue.idle() and "m1" in queue._timers)
            assert queue._timers["m1"].when() - asyncio.get_running_loop().time() <= SOON.renew
            assert services.records.leases.accepted == {"m1": False}
        finally:
            running.cancel()
            await asyncio.wait([running])
