"""The mirror against a scripted server: every way in which list and watch can go wrong."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from federation.kube.api import Api
from federation.kube.config import Configuration
from federation.kube.errors import ApiError, NotServed, ServerError, Unreachable
from federation.kube.informer import Informer
from federation.kube.resources import Key, Manifest
from tests.federation.kube.scripted import (
    WIDGETS,
    Script,
    bookmark,
    event,
    expired,
    failure,
    listing,
    scripted,
    until,
    widget,
)

A, B, C = ("shop", "a"), ("shop", "b"), ("shop", "c")
Spec = dict[str, Any]


class Mirror:
    """An Informer that runs, and what it told."""

    def __init__(self, informer: Informer[Spec], changes: list[Key], task: asyncio.Task[None]) -> None:
        self.informer, self.changes, self.task = informer, changes, task

    def state(self) -> dict[str, Spec]:
        return {name: spec for (_, name), spec in sorted(self.informer.items())}


def spec_of(manifest: Manifest) -> Spec:
    spec: Spec = manifest["spec"]
    return spec


@pytest.fixture
def script() -> Script:
    return Script()


@asynccontextmanager
async def mirror(script: Script, transform: Any = spec_of, **options: Any) -> AsyncIterator[Mirror]:
    changes: list[Key] = []
    async with scripted(script.handle) as api:
        informer = Informer(api, WIDGETS, transform, changes.append, **options)
        task = asyncio.create_task(informer.run())
        try:
            yield Mirror(informer, changes, task)
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_it_is_synced_after_the_last_page(script: Script) -> None:
    script.lists = [listing(5, widget("a", 1, x=1), token="more"), listing(5, widget("b", 2, x=2))]
    async with mirror(script) as mirrored:
        assert not mirrored.informer.synced.is_set()
        await mirrored.informer.synced.wait()
        assert mirrored.state() == {"a": {"x": 1}, "b": {"x": 2}}
        await until(lambda: mirrored.informer.connected)
    assert mirrored.changes == [A, B]


async def test_events_change_the_store_and_only_differences_are_told(script: Script) -> None:
    script.lists = [listing(5, widget("a", 1, x=1), widget("b", 2, x=2))]
    script.watches = [
        [
            event("MODIFIED", widget("a", 6, x=1)),  # only its version changed
            event("ADDED", widget("c", 7, x=3)),
            event("MODIFIED", widget("b", 8, x=9)),
            event("DELETED", widget("a", 9, x=1)),
        ]
    ]
    async with mirror(script) as mirrored:
        await until(lambda: mirrored.state() == {"b": {"x": 9}, "c": {"x": 3}})
    assert mirrored.changes == [A, B, C, B, A]


async def test_an_equal_value_that_is_newer_is_kept(script: Script) -> None:
    class Versioned(str):
        """Equal by text, told apart by version."""

        version: str

    def transform(manifest: Manifest) -> Versioned:
        value = Versioned(manifest["spec"]["x"])
        value.version = manifest["metadata"]["resourceVersion"]
        return value

    script.lists, script.watches = (
        [listing(5, widget("a", 1, x="same"))],
        [[event("MODIFIED", widget("a", 6, x="same"))]],
    )
    async with mirror(script, transform) as mirrored:
        await mirrored.informer.synced.wait()
        await until(lambda: mirrored.informer.get(A).version == "6")
    assert mirrored.changes == [A]


@pytest.mark.parametrize(
    "gone", [[expired()], failure(410, "Expired", "too old")], ids=["in the stream", "on connecting"]
)
async def test_a_version_too_old_leads_to_a_list_that_finds_missed_deletions(
    script: Script, gone: Any
) -> None:
    script.lists = [listing(5, widget("a", 1), widget("b", 2)), listing(9, widget("a", 8, x=1))]
    script.watches = [gone, []]
    async with mirror(script) as mirrored:
        await until(lambda: mirrored.state() == {"a": {"x": 1}})
    assert mirrored.changes == [A, B, A, B]


async def test_an_expired_continue_token_begins_the_list_again(script: Script) -> None:
    script.lists = [
        listing(5, widget("a", 1), token="t"),
        failure(410, "Expired"),
        listing(6, widget("b", 2)),
    ]
    async with mirror(script) as mirrored:
        await mirrored.informer.synced.wait()
        assert mirrored.state() == {"b": {}}


async def test_a_list_that_breaks_off_takes_nothing_away(script: Script) -> None:
    script.lists = [
        listing(5, widget("a", 1), widget("b", 2)),
        listing(9, widget("a", 8, x=1), token="t"),
        failure(500, "InternalError", "etcd"),
    ]
    script.watches = [[expired()]]
    async with mirror(script, max_delay=0.01) as mirrored:
        await until(lambda: isinstance(mirrored.informer.failure, ServerError))
        assert mirrored.state() == {"a": {"x": 1}, "b": {}}
        assert mirrored.informer.synced.is_set()
        assert not mirrored.informer.connected


async def test_a_bookmark_moves_the_version_and_is_not_transformed(script: Script) -> None:
    script.lists, script.watches = [listing(5)], [[bookmark(77), None], []]
    async with mirror(script, transform=lambda manifest: manifest["spec"]["x"]) as mirrored:
        await until(lambda: script.watch_count == 2)
        assert mirrored.state() == {}
    watches = [request.query["resourceVersion"] for request in script.requests if "watch" in request.query]
    assert watches == ["5", "77"]
    assert script.list_count == 1


async def test_a_torn_stream_goes_on_from_the_last_event(script: Script) -> None:
    script.lists = [listing(5)]
    script.watches = [
        [event("ADDED", widget("a", 6)), ConnectionResetError()],
        [event("ADDED", widget("b", 7))],
    ]
    async with mirror(script) as mirrored:
        await until(lambda: mirrored.state() == {"a": {}, "b": {}})
    watches = [request.query["resourceVersion"] for request in script.requests if "watch" in request.query]
    assert watches[:2] == ["5", "6"]
    assert script.list_count == 1


async def test_a_server_whose_history_was_replaced_is_listed_again(script: Script) -> None:
    script.lists = [listing(2 * 10**9, widget("a", 10**9 + 5, x="new")), listing(7, widget("a", 3, x="old"))]
    script.watches = [[ConnectionResetError()], []]  # the script is at 10**9, so it went back
    async with mirror(script) as mirrored:
        await until(lambda: mirrored.state() == {"a": {"x": "old"}})


async def test_a_watch_that_is_open_is_ended_for_a_new_list_where_that_is_asked_for(script: Script) -> None:
    script.lists = [listing(5, widget("a", 1, x="old")), listing(6, widget("a", 6, x="new"))]
    async with mirror(script) as mirrored:
        await until(lambda: mirrored.informer.connected)
        mirrored.informer.relist()
        mirrored.informer.relist()
        await until(lambda: mirrored.state() == {"a": {"x": "new"}})
        await until(lambda: mirrored.informer.connected)
    assert script.list_count == 2
    assert mirrored.informer.failure is None


async def test_a_list_that_is_asked_for_during_a_list_is_made(script: Script) -> None:
    script.lists = [listing(5, widget("a", 1, x="old")), listing(6, widget("a", 6, x="new"))]
    async with scripted(script.handle) as api:
        informer: Informer[Any] = Informer(
            api, WIDGETS, spec_of, lambda _: script.list_count == 1 and informer.relist()
        )
        task = asyncio.create_task(informer.run())
        await until(lambda: informer.get(A) == {"x": "new"} and informer.connected)
        task.cancel()
        await asyncio.wait([task])
    assert script.list_count == 2


async def test_what_a_list_says_is_told_from_what_the_watch_does(script: Script) -> None:
    script.lists = [listing(5, widget("a", 1)), listing(9, widget("a", 8, x=1))]
    script.watches = [[event("ADDED", widget("b", 6)), expired()], []]
    seen: list[Any] = []
    async with scripted(script.handle) as api:
        informer = Informer(
            api,
            WIDGETS,
            spec_of,
            lambda key: seen.append((key, informer.listing)),
            lists=lambda: seen.append("list"),
        )
        task = asyncio.create_task(informer.run())
        await until(lambda: script.list_count == 2 and informer.connected)
        task.cancel()
        await asyncio.wait([task])
    assert seen == ["list", (A, True), (B, False), "list", (A, True), (B, True)]


async def test_watches_that_end_at_once_are_not_repeated_in_a_hot_loop(script: Script) -> None:
    script.lists, script.watches = [listing(5)], [[None]]
    async with mirror(script) as mirrored:
        await until(lambda: script.watch_count == 3)
        assert mirrored.informer._delay >= 0.5  # 0.25, 0.5, ...
        assert mirrored.informer.failure is None


async def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(script: Script) -> None:
    script.lists = [failure(429, "TooManyRequests", headers={"Retry-After": "1"}), listing(5)]
    async with mirror(script, max_delay=0.01) as mirrored:
        await until(lambda: mirrored.informer.failure)
        began = time.monotonic()
        await mirrored.informer.synced.wait()
        assert time.monotonic() - began > 0.9


async def test_the_first_event_resets_the_back_off(script: Script) -> None:
    script.lists, script.watches = [listing(5)], [[None], [None], [bookmark(6)]]
    async with mirror(script) as mirrored:
        await until(lambda: mirrored.informer._seen == "6")
        assert mirrored.informer._delay == 0


async def test_a_type_not_served_yet_is_asked_for_slowly_and_found_when_it_comes(script: Script) -> None:
    script.lists = [web.Response(status=404, text="404 page not found"), listing(5, widget("a", 1))]
    async with mirror(script) as mirrored:
        await until(lambda: isinstance(mirrored.informer.failure, NotServed))
        await until(lambda: mirrored.informer._delay >= 1)
        mirrored.informer.reconnect()  # no need to wait out the back-off
        await until(lambda: mirrored.informer.connected, 0.8)
        assert mirrored.informer.failure is None
        assert mirrored.state() == {"a": {}}


async def test_nobody_listening_is_a_failure_that_is_shown_and_logged_once(
    unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with Api(Configuration(host=f"http://127.0.0.1:{unused_tcp_port}")) as api:
        informer = Informer(api, WIDGETS, spec_of, lambda key: None, max_delay=0.01)
        task = asyncio.create_task(informer.run())
        await until(lambda: isinstance(informer.failure, Unreachable))
        first = informer.failure
        await until(lambda: informer.failure is not first)
        task.cancel()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_whoever_waits_for_a_list_gives_up_only_where_there_is_no_hope(script: Script) -> None:
    forbidden = failure(403, "Forbidden")
    script.lists = [failure(503, "ServiceUnavailable"), forbidden, listing(5, widget("a", 1))]
    hopeless: list[bool] = []

    def is_hopeless(error: ApiError) -> bool:
        hopeless.append(not error.transient)
        return hopeless[-1]

    async with mirror(script, max_delay=0.01) as mirrored:
        await mirrored.informer.listed(is_hopeless)
        assert hopeless == [False, True]
        assert not mirrored.informer.synced.is_set()
        await mirrored.informer.listed(lambda _: False)
        assert mirrored.state() == {"a": {}}


async def test_an_unreadable_object_keeps_its_former_value_and_is_named(
    script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    script.lists = [listing(5, widget("a", 1, x=1), widget("b", 2))]
    script.watches = [[event("MODIFIED", widget("a", 6)), event("ADDED", widget("c", 7, x=3))]]
    async with mirror(script, transform=lambda manifest: manifest["spec"]["x"]) as mirrored:
        await until(lambda: mirrored.informer.get(C) == 3)
        assert mirrored.informer.get(A) == 1
        assert mirrored.informer.get(B) is None
    named = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert ["'b'" in named[0], "'a'" in named[1]] == [True, True]


class TestAnswersToWrites:
    """`observe` takes what the server returned for a write, which may be ahead of the watch or behind it."""

    async def test_an_answer_is_in_the_store_before_the_watch_comes_round(self, script: Script) -> None:
        script.lists = [listing(5, widget("a", 1, x=1))]
        async with mirror(script) as mirrored:
            await until(lambda: mirrored.informer.connected)
            mirrored.informer.observe(widget("a", 6, x=2))
            assert mirrored.state() == {"a": {"x": 2}}
            script.send(event("MODIFIED", widget("a", 6, x=2)), bookmark(6))
            await until(lambda: not mirrored.informer._ahead)
        assert mirrored.changes == [A, A]

    async def test_events_older_than_the_answer_are_ignored(self, script: Script) -> None:
        script.lists = [listing(5, widget("a", 1, x=1))]
        async with mirror(script) as mirrored:
            await until(lambda: mirrored.informer.connected)
            mirrored.informer.observe(widget("a", 8, x="ours"))
            script.send(event("MODIFIED", widget("a", 6, x="stale")), event("DELETED", widget("a", 7)))
            script.send(event("ADDED", widget("b", 8, x=0)))
            await until(lambda: "b" in mirrored.state())
            assert mirrored.state()["a"] == {"x": "ours"}
        assert mirrored.changes == [A, A, B]

    async def test_a_deletion_newer_than_the_answer_counts(self, script: Script) -> None:
        script.lists = [listing(5)]
        async with mirror(script) as mirrored:
            await until(lambda: mirrored.informer.connected)
            mirrored.informer.observe(widget("a", 8))
            script.send(event("DELETED", widget("a", 9)))
            await until(lambda: mirrored.state() == {})
            assert mirrored.changes == [A, A]

    async def test_an_answer_the_watch_has_passed_does_not_bring_back_what_was_deleted(
        self, script: Script
    ) -> None:
        script.lists = [listing(5, widget("a", 1))]
        script.watches = [[event("DELETED", widget("a", 9))]]
        async with mirror(script) as mirrored:
            await mirrored.informer.synced.wait()
            await until(lambda: mirrored.state() == {})
            mirrored.informer.observe(widget("a", 8))
            assert mirrored.state() == {}

    async def test_a_list_older_than_the_answer_neither_drops_nor_overwrites_it(self, script: Script) -> None:
        script.lists = [listing(5, widget("a", 1)), listing(10, widget("a", 6, x="stale"))]
        script.watches = [[], []]
        async with mirror(script) as mirrored:
            await until(lambda: mirrored.informer.connected)
            mirrored.informer.observe(widget("a", 11, x="ours"))
            mirrored.informer.observe(widget("b", 12, x="ours"))
            script.send(expired())
            await until(lambda: script.list_count == 2 and mirrored.informer.connected)
            assert mirrored.state() == {"a": {"x": "ours"}, "b": {"x": "ours"}}

    async def test_a_list_newer_than_the_answer_decides(self, script: Script) -> None:
        script.lists = [listing(5), listing(20, widget("a", 19, x="theirs"))]
        async with mirror(script) as mirrored:
            await until(lambda: mirrored.informer.connected)
            mirrored.informer.observe(widget("a", 11, x="ours"))
            mirrored.informer.observe(widget("b", 12))
            script.send(expired())
            await until(lambda: mirrored.state() == {"a": {"x": "theirs"}})

    async def test_an_answer_that_the_selector_does_not_select_leaves_with_the_next_bookmark(
        self, script: Script
    ) -> None:
        script.lists = [listing(5)]
        async with mirror(script) as mirrored:
            await until(lambda: mirrored.informer.connected)
            mirrored.informer.observe(widget("a", 8))
            script.send(bookmark(7), event("ADDED", widget("b", 7)))
            await until(lambda: mirrored.state() == {"a": {}, "b": {}})
            script.send(bookmark(9))
            await until(lambda: mirrored.state() == {"b": {}})
