from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from federation.kube.controller import Controller
from federation.kube.errors import (
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    ServerError,
    TooManyRequests,
    Unreachable,
)
from tests.federation.kube.scripted import until


@asynccontextmanager
async def running(
    reconcile: Callable[[str], Awaitable[float | None]], **options: Any
) -> AsyncIterator[Controller[str]]:
    controller = Controller("test", reconcile, **options)
    task = asyncio.create_task(controller.run())
    try:
        yield controller
    finally:
        task.cancel()
        await asyncio.wait([task])


def put_off(controller: Controller[str], key: str) -> float:
    """Seconds until the key runs again."""
    return controller.queue._timers[key].when() - asyncio.get_running_loop().time()


async def test_a_key_never_runs_twice_at_a_time_and_no_change_is_missed() -> None:
    active: set[str] = set()
    latest, seen = 0, -1

    async def reconcile(key: str) -> None:
        nonlocal seen
        assert key not in active
        active.add(key)
        seen = latest
        await asyncio.sleep(0.001)
        active.discard(key)

    async with running(reconcile, workers=4) as controller:
        for version in range(50):
            latest = version
            controller.queue.add("a")
            await asyncio.sleep(0)
        await until(lambda: seen == 49 and not active)


async def test_keys_added_before_it_runs_are_kept() -> None:
    ran: list[str] = []

    async def reconcile(key: str) -> None:
        ran.append(key)

    controller = Controller("test", reconcile)
    controller.queue.add("early")
    task = asyncio.create_task(controller.run())
    await until(lambda: ran == ["early"])
    task.cancel()


async def test_the_returned_seconds_bring_another_look() -> None:
    runs = 0

    async def reconcile(key: str) -> float | None:
        nonlocal runs
        runs += 1
        return 0.01 if runs < 3 else None

    async with running(reconcile) as controller:
        controller.queue.add("a")
        await until(lambda: runs == 3)
        assert not controller.queue._timers


async def test_a_failure_that_may_pass_is_retried_soon_until_it_passed() -> None:
    runs = 0

    async def reconcile(key: str) -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise Unreachable("m1: connection refused")

    async with running(reconcile) as controller:
        controller.queue.add("a")
        await until(lambda: runs == 3)
        await until(lambda: not controller.queue._failures)


@pytest.mark.parametrize(
    ("error", "at_least", "at_most", "outcome"),
    [
        (ServerError(500, "InternalError", "etcd"), 0, 0.05, "transient"),
        (Conflict(409, "Conflict", "modified"), 0, 0.05, "conflict"),
        (TooManyRequests(429, "TooManyRequests", "later", retry_after=7), 6.5, 7, "transient"),
        (Invalid(422, "Invalid", "spec.selector: field is immutable"), 2, 5, "permanent"),
        (TypeError("a bug"), 0, 0.05, "crash"),
    ],
    ids=["server error", "conflict", "retry after", "invalid", "bug"],
)
async def test_how_long_a_failed_key_is_put_off(
    error: Exception, at_least: float, at_most: float, outcome: str
) -> None:
    outcomes: list[str] = []

    async def reconcile(key: str) -> None:
        if not outcomes:
            raise error

    def observe(name: str, seconds: float, outcome: str) -> None:
        if not outcomes:
            delay = put_off(controller, "a")
            assert at_least <= delay <= at_most
        outcomes.append(outcome)

    async with running(reconcile, observe=observe) as controller:
        controller.queue.add("a")
        await until(lambda: outcomes)
    assert outcomes[0] == outcome


async def test_what_only_a_person_can_fix_is_put_off_to_ten_minutes_but_runs_at_once_on_a_change() -> None:
    fixed, runs = False, 0

    async def reconcile(key: str) -> None:
        nonlocal runs
        runs += 1
        if not fixed:
            raise Invalid(422, "Invalid", "field is immutable")

    async with running(reconcile) as controller:
        for count in range(1, 9):
            controller.queue.add("a")
            await until(lambda count=count: runs == count and "a" in controller.queue._timers)
        assert 300 <= put_off(controller, "a") <= 600
        fixed = True
        controller.queue.add("a")
        await until(lambda: runs == 9 and not controller.queue._failures)


async def test_transient_failures_are_never_put_off_longer_than_half_a_minute() -> None:
    runs = 0

    async def reconcile(key: str) -> None:
        nonlocal runs
        runs += 1
        raise ServerError(503, "ServiceUnavailable", "starting")

    async with running(reconcile) as controller:
        for count in range(1, 12):
            controller.queue.add("a")
            await until(lambda count=count: runs == count and "a" in controller.queue._timers)
        assert 14 <= put_off(controller, "a") <= 30


async def test_a_refusal_after_an_outage_is_put_off_like_a_first_one() -> None:
    """An API server that is back may refuse what it will allow in a moment."""
    errors: list[ApiError] = [Unreachable("no route")] * 11 + [Forbidden(403, "Forbidden", "not yet")]
    runs = 0

    async def reconcile(key: str) -> None:
        nonlocal runs
        runs += 1
        raise errors[runs - 1]

    async with running(reconcile) as controller:
        for count in range(1, len(errors) + 1):
            controller.queue.add("a")
            await until(lambda count=count: runs == count and "a" in controller.queue._timers)
        assert put_off(controller, "a") <= 5


@pytest.mark.parametrize("error", [Unreachable("no route"), Forbidden(403, "Forbidden", "not allowed")])
async def test_what_has_to_be_done_in_time_is_put_off_no_longer_than_that(error: ApiError) -> None:
    runs = 0

    async def reconcile(key: str) -> None:
        nonlocal runs
        runs += 1
        raise error

    async with running(reconcile, longest=2.0) as controller:
        for count in range(1, 12):
            controller.queue.add("a")
            await until(lambda count=count: runs == count and "a" in controller.queue._timers)
        assert put_off(controller, "a") <= 2


async def test_a_reconcile_that_hangs_is_ended_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    runs = 0

    async def reconcile(key: str) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            await asyncio.sleep(3600)

    async with running(reconcile, timeout=0.02) as controller:
        controller.queue.add("a")
        await until(lambda: runs == 2)
    assert "took longer than" in caplog.text


async def test_each_failure_is_one_log_line_with_its_key(caplog: pytest.LogCaptureFixture) -> None:
    async def reconcile(key: str) -> None:
        if key == "bug":
            raise KeyError("spec")
        raise ApiError("member m1 is gone")

    with caplog.at_level(logging.WARNING):
        async with running(reconcile) as controller:
            controller.queue.add("shop/web")
            controller.queue.add("bug")
            await until(lambda: len(caplog.records) == 2)
    told, crash = caplog.records
    assert (told.levelname, told.__dict__["key"], told.__dict__["controller"]) == (
        "WARNING",
        "shop/web",
        "test",
    )
    assert "member m1 is gone" in told.getMessage()
    assert told.exc_info is None
    assert crash.exc_info is not None


async def test_a_failing_key_does_not_hold_up_the_others() -> None:
    ran: set[str] = set()

    async def reconcile(key: str) -> None:
        if key == "bad":
            raise Unreachable("gone")
        ran.add(key)

    async with running(reconcile, workers=1) as controller:
        for key in ("bad", "a", "bad", "b"):
            controller.queue.add(key)
        await until(lambda: ran == {"a", "b"})


async def test_cancelling_ends_the_workers_and_what_they_do() -> None:
    ended: list[str] = []

    async def reconcile(key: str) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(key)

    async with running(reconcile, workers=2) as controller:
        for key in ("a", "b", "c"):
            controller.queue.add(key)
        await until(lambda: len(controller.queue) == 1)
    assert sorted(ended) == ["a", "b"]
