"""The verbs against a scripted server: what goes wrong below and beside the API."""

from __future__ import annotations

import asyncio

import aiohttp
import orjson
import pytest
from aiohttp import web

from federation.kube.api import Api, WatchEvent
from federation.kube.config import Configuration
from federation.kube.errors import (
    Gone,
    NotServed,
    ServerError,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)
from tests.federation.kube.scripted import (
    WIDGETS,
    Script,
    answer,
    event,
    expired,
    failure,
    listing,
    scripted,
    serving,
    until,
    widget,
)


async def watched(api: Api) -> list[WatchEvent]:
    """All events of one watch."""
    async with api.watch(WIDGETS, "1") as events:
        return [event async for event in events]


async def test_too_many_requests_is_raised_at_once_with_its_retry_after() -> None:
    script = Script()

    async def busy(request: web.Request) -> web.Response:
        return failure(429, "TooManyRequests", "later", headers={"Retry-After": "4"})

    script.respond = busy
    async with scripted(script.handle) as api:
        with pytest.raises(TooManyRequests) as caught:
            await api.get(WIDGETS, "a", "shop")
    assert caught.value.retry_after == 4
    assert len(script.requests) == 1


async def test_server_errors_are_not_retried_here() -> None:
    script = Script()

    async def broken(request: web.Request) -> web.Response:
        return failure(500, "InternalError", "etcd is gone")

    script.respond = broken
    async with scripted(script.handle) as api:
        with pytest.raises(ServerError, match="etcd is gone"):
            await api.apply(WIDGETS, widget("a", 1), manager="test")
    assert len(script.requests) == 1


async def test_a_401_has_the_token_read_anew_and_the_request_sent_once_more() -> None:
    tokens, seen = ["old", "new"], []

    async def guard(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return answer(widget("a", 1)) if seen[-1] == "Bearer new" else failure(401, "Unauthorized")

    def refresh(configuration: Configuration) -> None:
        configuration.api_key["BearerToken"] = f"Bearer {tokens.pop(0) if len(tokens) > 1 else tokens[0]}"

    async with serving(guard) as url:
        configuration = Configuration(host=url)
        configuration.refresh_api_key_hook = refresh
        async with Api(configuration) as api:
            assert (await api.get(WIDGETS, "a", "shop"))["metadata"]["name"] == "a"
    assert seen == ["Bearer old", "Bearer new"]


async def test_a_token_that_stays_refused_is_not_tried_a_third_time() -> None:
    script = Script()

    async def refuse(request: web.Request) -> web.Response:
        return failure(401, "Unauthorized", "Unauthorized")

    script.respond = refuse
    async with serving(script.handle) as url:
        configuration = Configuration(host=url, api_key={"BearerToken": "Bearer s3cret"})
        configuration.refresh_api_key_hook = lambda configuration: None
        async with Api(configuration) as api:
            with pytest.raises(Unauthorized) as caught:
                await api.get(WIDGETS, "a", "shop")
            assert "s3cret" not in f"{caught.value!r} {caught.value} {api!r} {api._connection!r}"
    assert len(script.requests) == 2


async def test_a_fixed_token_that_is_refused_is_not_tried_again() -> None:
    script = Script()

    async def refuse(request: web.Request) -> web.Response:
        return failure(401, "Unauthorized", "Unauthorized")

    script.respond = refuse
    async with scripted(script.handle) as api:
        with pytest.raises(Unauthorized):
            await api.get(WIDGETS, "a", "shop")
    assert len(script.requests) == 1


async def test_nobody_listening_is_unreachable_and_names_the_server(unused_tcp_port: int) -> None:
    async with Api(Configuration(host=f"http://127.0.0.1:{unused_tcp_port}")) as api:
        with pytest.raises(Unreachable, match=rf"^http://127.0.0.1:{unused_tcp_port}: ") as caught:
            await api.get(WIDGETS, "a", "shop")
    assert caught.value.transient


async def test_no_answer_in_time_is_unreachable() -> None:
    async def sleep(request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        raise AssertionError

    async with scripted(sleep) as api:
        with pytest.raises(Unreachable, match="no answer in time"):
            await api.request("GET", "/slow", timeout=0.05)


async def test_an_answer_cut_short_is_unreachable() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"kind":')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with scripted(cut) as api:
        with pytest.raises(Unreachable):
            await api.get(WIDGETS, "a", "shop")


async def test_a_success_that_is_no_json_is_unreachable() -> None:
    async def portal(request: web.Request) -> web.Response:
        return web.Response(text="<html>please log in</html>")

    async with scripted(portal) as api:
        with pytest.raises(Unreachable):
            await api.get(WIDGETS, "a", "shop")


async def test_a_redirect_is_not_followed_with_our_credentials() -> None:
    script = Script()

    async def elsewhere(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/login"})

    script.respond = elsewhere
    async with scripted(script.handle) as api:
        with pytest.raises(Exception, match="302"):
            await api.get(WIDGETS, "a", "shop")
    assert [request.path for request in script.requests] == ["/apis/example.com/v1/namespaces/shop/widgets/a"]


async def test_a_missing_type_is_told_from_a_missing_object() -> None:
    async def missing(request: web.Request) -> web.Response:
        return web.Response(status=404, text="404 page not found\n")

    async with scripted(missing) as api:
        with pytest.raises(NotServed):
            await api.get(WIDGETS, "a", "shop")


async def test_list_pages_carry_one_version_and_the_kind_of_their_items() -> None:
    bare = {"metadata": {"namespace": "shop", "name": "b", "resourceVersion": "4"}}
    script = Script()
    script.lists = [listing(7, widget("a", 3), token="next"), listing(7, bare)]
    async with scripted(script.handle) as api:
        pages = [page async for page in api.list(WIDGETS, selector={"labelSelector": "x=y"}, limit=1 + 1)]
    assert [page.resource_version for page in pages] == ["7", "7"]
    assert pages[1].items[0]["kind"] == "Widget"
    assert pages[1].items[0]["apiVersion"] == "example.com/v1"
    assert [request.query.get("continue") for request in script.requests] == [None, "next"]
    assert {request.query["labelSelector"] for request in script.requests} == {"x=y"}


async def test_an_expired_continue_token_is_gone() -> None:
    script = Script()
    script.lists = [listing(7, widget("a", 3), token="next"), failure(410, "Expired", "too old")]
    async with scripted(script.handle) as api:
        with pytest.raises(Gone):
            [page async for page in api.list(WIDGETS)]


async def test_at_most_so_many_calls_run_at_a_time_and_watches_are_not_counted() -> None:
    running, most, release = 0, 0, asyncio.Event()
    script = Script()

    async def slow(request: web.Request) -> web.StreamResponse:
        nonlocal running, most
        if request.query.get("watch"):
            return await script._watch(request)
        running += 1
        most = max(most, running)
        await release.wait()
        running -= 1
        return answer(widget("a", 1))

    async with scripted(slow, in_flight=3) as api, asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(api.get(WIDGETS, "a", "shop"))
        await until(lambda: running == 3)
        async with api.watch(WIDGETS, "1"):
            pass
        release.set()
    assert most == 3


async def test_a_watch_yields_events_until_the_server_ends_it() -> None:
    script = Script()
    script.watches = [[event("ADDED", widget("a", 2)), event("DELETED", widget("a", 3)), None]]
    async with scripted(script.handle) as api, api.watch(WIDGETS, "1") as events:
        assert [(kind, manifest["metadata"]["resourceVersion"]) async for kind, manifest in events] == [
            ("ADDED", "2"),
            ("DELETED", "3"),
        ]
    query = script.requests[0].query
    assert (query["allowWatchBookmarks"], query["resourceVersion"]) == ("true", "1")
    assert 300 <= int(query["timeoutSeconds"]) <= 600


@pytest.mark.parametrize(
    ("ending", "error"),
    [
        (expired(), Gone),
        (b'{"type": "ADDED", "obj', Unreachable),
        (ConnectionResetError(), Unreachable),
        (b"x" * (5 << 20) + b"\n", Unreachable),
    ],
    ids=["410 in the stream", "half a line", "torn", "a line without end"],
)
async def test_a_watch_that_does_not_end_well_says_how(ending: object, error: type[Exception]) -> None:
    script = Script()
    script.watches = [[event("ADDED", widget("a", 2)), ending, None]]
    async with scripted(script.handle) as api:
        with pytest.raises(error) as caught:
            await watched(api)
    assert "xxxx" not in str(caught.value), "errors must not repeat what they read"


async def test_a_silent_watch_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("federation.kube.api._WATCH_TIMEOUT", aiohttp.ClientTimeout(sock_read=0.05))
    script = Script()
    async with scripted(script.handle) as api:
        with pytest.raises(Unreachable, match="no answer in time"):
            await watched(api)


async def test_no_way_out_keeps_a_connection() -> None:
    async def broken(request: web.Request) -> web.Response:
        return failure(500)

    script = Script()
    async with scripted(script.handle) as api:
        connector = api._connection._session.connector  # type: ignore[union-attr]
        watching = asyncio.create_task(watched(api))
        await until(lambda: connector._acquired)
        watching.cancel()
        await asyncio.wait([watching])
        script.respond = broken
        with pytest.raises(ServerError):
            await api.get(WIDGETS, "a", "shop")
        assert not connector._acquired


async def test_a_large_object_fits_into_a_watch_event() -> None:
    script = Script()
    script.watches = [[event("ADDED", widget("a", 2, text="x" * (3 << 20))), None]]
    async with scripted(script.handle) as api, api.watch(WIDGETS, "1") as events:
        assert [len(manifest["spec"]["text"]) async for _, manifest in events] == [3 << 20]


async def test_every_exchange_is_told_to_the_observer_without_the_name_of_the_object() -> None:
    told: list[tuple[str, str, int]] = []
    script = Script()
    script.lists, script.watches = [listing(1), failure(500)], [[None]]

    async with scripted(script.handle, observe=lambda *exchange: told.append(exchange[:3])) as api:
        await api.get(WIDGETS, "secret-name", "shop")
        async with api.watch(WIDGETS, "1"):
            pass
        with pytest.raises(ServerError):
            await api.delete(WIDGETS, "secret-name", "shop")
    assert told == [("GET", "widgets.example.com", 200), ("WATCH", "widgets.example.com", 200),
                    ("DELETE", "widgets.example.com", 500)]  # fmt: skip


async def test_what_is_no_object_can_be_read_as_text() -> None:
    async def ready(request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async with scripted(ready) as api:
        assert await api.text("/readyz") == "ok"


async def test_the_verbs_send_what_the_api_server_expects() -> None:
    bodies = []
    script = Script()

    async def keep(request: web.Request) -> web.Response:
        bodies.append(orjson.loads(await request.read()))
        return answer(widget("a", 1))

    script.respond = keep
    manifest = widget("a", 1)
    async with scripted(script.handle) as api:
        await api.apply(WIDGETS, manifest, manager="m", force=False, dry_run=True, subresource="status")
        await api.patch(WIDGETS, "a", "shop", {"x": 1}, manager="m")
        await api.delete(WIDGETS, "a", "shop", uid="u", resource_version="3", propagation="Foreground")
    apply, patch, delete = script.requests
    assert (apply.method, apply.path) == ("PATCH", "/apis/example.com/v1/namespaces/shop/widgets/a/status")
    assert dict(apply.query) == {"fieldManager": "m", "force": "false", "dryRun": "All"}
    assert apply.content_type == "application/apply-patch+yaml"
    assert (patch.content_type, dict(patch.query)) == ("application/merge-patch+json", {"fieldManager": "m"})
    assert delete.method == "DELETE"
    assert bodies[2] == {
        "propagationPolicy": "Foreground",
        "preconditions": {"uid": "u", "resourceVersion": "3"},
    }
