"""Leadership on a real API server: one holder at a time, whatever the network does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from federation.kube.api import Api
from federation.kube.errors import LeaseLost
from federation.kube.lease import LEASES, Lease
from tests.apiserver.clients import api_of, through_proxy
from tests.federated import eventually
from tests.federation.kube.scripted import until
from tests.servers import ApiServer

QUICK = {"duration": 2, "renew_deadline": 1, "retry_period": 0.1}


class Candidate:
    """A process that wants to lead; `working` counts how many of them do at a time."""

    working = 0

    def __init__(self, api: Api, name: str, identity: str, **times: float) -> None:
        self.lease = Lease(api, "default", name, identity, **{**QUICK, **times})
        self.task: asyncio.Task[None] = asyncio.create_task(self.lease.lead(self.work))
        self.finish = asyncio.Event()
        self.leads = False

    async def work(self) -> None:
        assert self.lease.held
        assert Candidate.working == 0, "two lead at a time"
        Candidate.working += 1
        self.leads = True
        try:
            await self.finish.wait()
        finally:
            Candidate.working -= 1
            self.leads = False

    async def end(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError, LeaseLost):
            await self.task


@asynccontextmanager
async def candidates(*all_of_them: Candidate) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for candidate in all_of_them:
            await candidate.end()


@pytest.fixture
async def api(apiserver: ApiServer) -> AsyncIterator[Api]:
    async with api_of(apiserver) as api:
        yield api


async def stored(api: Api, name: str) -> Any:
    return (await api.get(LEASES, name, "default"))["spec"]


async def test_one_of_two_leads_and_the_other_follows_as_soon_as_it_ends(api: Api, namespace: str) -> None:
    first = Candidate(api, namespace, "first")
    await until(lambda: first.leads)
    second = Candidate(api, namespace, "second")
    async with candidates(first, second):
        await asyncio.wait([second.task], timeout=0.3)
        assert not second.leads
        assert not second.lease.held
        first.finish.set()
        await first.task
        assert not first.lease.held
        await until(lambda: second.leads, 1.5)
        spec = await stored(api, namespace)
        assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("second", 1)


async def test_many_candidates_never_lead_together(api: Api, namespace: str) -> None:
    group = [Candidate(api, namespace, f"c{number}", retry_period=0.05) for number in range(5)]
    async with candidates(*group):
        for _ in range(5):
            await until(lambda: any(candidate.leads for candidate in group))
            leader = next(candidate for candidate in group if candidate.leads)
            leader.finish.set()
            await leader.task
            group.remove(leader)


async def test_it_is_given_back_when_the_holder_is_cancelled(api: Api, namespace: str) -> None:
    first = Candidate(api, namespace, "first")
    await until(lambda: first.leads)
    await first.end()
    assert (await stored(api, namespace))["holderIdentity"] in (None, "")
    assert Candidate.working == 0


async def test_a_failure_of_the_work_is_the_callers_and_frees_the_lease(api: Api, namespace: str) -> None:
    async def fail() -> None:
        raise KeyError("spec")

    lease = Lease(api, "default", namespace, "only", **QUICK)
    with pytest.raises(KeyError):
        await lease.lead(fail)
    assert (await stored(api, namespace)).get("holderIdentity") in (None, "")


async def test_it_is_renewed_without_counting_transitions(api: Api, namespace: str) -> None:
    first = Candidate(api, namespace, "first")
    async with candidates(first):
        await until(lambda: first.leads)
        begin = await stored(api, namespace)
        renewed: list[Any] = []

        async def look() -> None:
            renewed.append(await stored(api, namespace))

        await until(lambda: renewed and renewed[-1]["renewTime"] > begin["renewTime"], poll=look)
        assert renewed[-1]["acquireTime"] == begin["acquireTime"]
        assert renewed[-1]["leaseTransitions"] == 0
        assert first.lease.held


async def test_a_holder_cut_off_stops_before_another_may_begin(
    apiserver: ApiServer, api: Api, namespace: str
) -> None:
    async with through_proxy(apiserver) as (unsteady, proxy):
        first = Candidate(unsteady, namespace, "first")
        await until(lambda: first.leads)
        second = Candidate(api, namespace, "second")
        async with candidates(first, second):
            proxy.cut()
            with pytest.raises(LeaseLost, match="not renewed for 1 s"):
                await first.task
            assert not second.leads
            await until(lambda: second.leads, 5)  # asserts in work() that nobody else does


async def test_a_server_that_does_not_answer_is_like_one_that_is_away(
    apiserver: ApiServer, namespace: str
) -> None:
    async with through_proxy(apiserver) as (unsteady, proxy):
        first = Candidate(unsteady, namespace, "first")
        async with candidates(first):
            await until(lambda: first.leads)
            proxy.stall()
            await until(lambda: not first.lease.held, 3)  # by the clock, before anything was cancelled or not
            with pytest.raises(LeaseLost):
                await first.task
            assert Candidate.working == 0
            proxy.heal()


async def test_a_short_outage_is_survived(apiserver: ApiServer, namespace: str) -> None:
    async with through_proxy(apiserver) as (unsteady, proxy):
        first = Candidate(unsteady, namespace, "first", renew_deadline=5, duration=6)
        async with candidates(first):
            await until(lambda: first.leads)
            renewed = first.lease._renewed
            proxy.cut()
            accepted = proxy.accepted
            await until(lambda: proxy.accepted > accepted)
            proxy.heal()
            await until(lambda: first.lease._renewed > renewed)
            assert first.leads


async def test_a_stolen_lease_is_given_up_at_once(api: Api, namespace: str) -> None:
    first = Candidate(api, namespace, "first")
    await until(lambda: first.leads)
    await api.patch(LEASES, namespace, "default", {"spec": {"holderIdentity": "thief"}}, manager="thief")
    with pytest.raises(LeaseLost, match="taken by thief"):
        await first.task
    assert (await stored(api, namespace))["holderIdentity"] == "thief", "not ours to give back"


async def test_a_touched_lease_that_is_still_ours_is_kept(api: Api, namespace: str) -> None:
    first = Candidate(api, namespace, "first")
    async with candidates(first):
        await until(lambda: first.leads)
        labels = {"metadata": {"labels": {"touched": "yes"}}}
        await api.patch(LEASES, namespace, "default", labels, manager="someone")
        touched = first.lease._renewed
        await until(lambda: first.lease._renewed > touched)
        assert first.leads
        assert (await api.get(LEASES, namespace, "default"))["metadata"]["labels"] == {"touched": "yes"}


async def test_a_deleted_lease_is_lost(api: Api, namespace: str) -> None:
    first = Candidate(api, namespace, "first")
    await until(lambda: first.leads)
    await api.delete(LEASES, namespace, "default")
    with pytest.raises(LeaseLost, match="deleted"):
        await first.task


async def test_a_foreign_lease_is_judged_by_its_changes_and_not_by_its_clock(
    api: Api, namespace: str
) -> None:
    spec = {"holderIdentity": "skewed", "leaseDurationSeconds": 2, "renewTime": "1999-01-01T00:00:00.000000Z"}
    await api.create(
        LEASES, {"metadata": {"namespace": "default", "name": namespace}, "spec": spec}, manager="x"
    )
    first = Candidate(api, namespace, "first")
    async with candidates(first):
        await asyncio.wait([first.task], timeout=1)
        assert not first.leads, "its clock is behind, but it may be renewing"
        await until(lambda: first.leads, 4)


async def test_who_only_looks_knows_whether_it_is_free_and_takes_nothing(api: Api, namespace: str) -> None:
    looking = Lease(api, "default", namespace, "looks", **QUICK)
    assert await looking.free()
    holder = Candidate(api, namespace, "holds")
    async with candidates(holder):
        await until(lambda: holder.leads)
        assert not await looking.free()
    assert await looking.free()
    silent = {"holderIdentity": "crashed", "leaseDurationSeconds": 1}
    await api.patch(LEASES, namespace, "default", {"spec": silent}, manager="test")
    await eventually(looking.free, lambda: "a silent holder was not given up", seconds=5)
    assert (await stored(api, namespace))["holderIdentity"] == "crashed"
