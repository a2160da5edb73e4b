"""The server of the webhooks: reviews in, reviews out, and a certificate that changes."""

from __future__ import annotations

import asyncio
import io
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from federation.admission_server import AdmissionServer
from federation.reviews import Judgment, Request
from federation.sandbox import ports
from federation.sandbox.certificates import Authority
from federation.settings import Webhook

MIB = 1024 * 1024


async def judge(request: Request) -> Judgment:
    """Say by its name what becomes of an object."""
    match (request.new or request.old or {})["metadata"]["name"]:
        case "bad":
            return Judgment(["and odd"], ["it is bad", "very bad"], 403)
        case "odd":
            return Judgment(["it is odd"])
        case "trouble":
            raise ValueError("a mistake of ours")
        case _:
            return Judgment()


def review(name: str, **more: Any) -> dict[str, Any]:
    request = {"uid": "u-1", "operation": "CREATE", "object": {"metadata": {"name": name}, **more}}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


class Served:
    """A server, and the files of its certificate."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.folder = Authority(folder / "authority"), folder
        self.webhook = Webhook(ports.free(1)[0], str(folder / "tls.crt"), str(folder / "tls.key"))
        self.renew("first")

    def renew(self, name: str, *, key_of: str | None = None) -> None:
        """Put another pair of files in place, with the key of another pair if need be."""
        pair = self.authority.serving(name, ["127.0.0.1"])
        key = self.authority.serving(key_of, ["127.0.0.1"]) if key_of else pair
        shutil.copy(key.key, self.webhook.key)
        shutil.copy(pair.certificate, self.webhook.certificate)

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.authority.files.certificate)

    async def ask(self, body: Any, path: str = "things") -> tuple[int, Any]:
        url = f"https://127.0.0.1:{self.webhook.port}/{path}"
        sent = io.BytesIO(orjson.dumps(body))
        async with aiohttp.ClientSession() as session, session.post(url, data=sent, ssl=self.trust) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await (answer.json() if is_json else answer.text())

    async def serial(self) -> int:
        """The serial number of the certificate that a new connection sees."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.webhook.port, ssl=self.trust)
        found = int(writer.get_extra_info("peercert")["serialNumber"], 16)
        writer.close()
        await writer.wait_closed()
        return found


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    served = Served(tmp_path)
    async with AdmissionServer(served.webhook, {"things": judge}, look=0.02):
        yield served


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("name", "response"),
    [
        ("good", {"uid": "u-1", "allowed": True}),
        ("odd", {"uid": "u-1", "allowed": True, "warnings": ["it is odd"]}),
        (
            "bad",
            {
                "uid": "u-1",
                "allowed": False,
                "warnings": ["and odd"],
                "status": {"code": 403, "message": "it is bad; very bad"},
            },
        ),
    ],
)
async def test_a_judgment_is_sent_as_a_review(served: Served, name: str, response: dict[str, Any]) -> None:
    answer = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
    assert await served.ask(review(name)) == (200, answer)


async def test_a_large_object_is_judged_in_both_its_versions(served: Served) -> None:
    large = review("bad", text="a" * 3 * MIB)
    large["request"]["oldObject"] = large["request"]["object"]
    status, answer = await served.ask(large)
    assert (status, answer["response"]["allowed"]) == (200, False)


async def test_more_than_an_api_server_sends_is_not_read(served: Served) -> None:
    status, _ = await served.ask(review("good", text="a" * 9 * MIB))
    assert status == 413


async def test_what_is_no_review_is_refused_with_the_reason(served: Served) -> None:
    status, answer = await served.ask(review("good") | {"apiVersion": "admission.k8s.io/v1beta1"})
    assert status == 400
    assert "apiVersion" in answer


async def test_what_nobody_answers_is_not_found(served: Served) -> None:
    status, _ = await served.ask(review("good"), path="others")
    assert status == 404


async def test_a_mistake_of_ours_is_left_to_the_failure_policy(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    status, _ = await served.ask(review("trouble"))
    assert status == 500
    assert "a mistake of ours" in caplog.text


async def test_a_renewed_certificate_is_taken_up(served: Served) -> None:
    before = await served.serial()
    served.renew("second")

    async def renewed() -> bool:
        return await served.serial() != before

    await until(renewed)


async def test_a_certificate_without_its_key_changes_nothing(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    before = await served.serial()
    served.renew("second", key_of="third")

    async def refused() -> bool:
        return "the former certificate is kept" in caplog.text

    await until(refused)
    assert await served.serial() == before


async def test_a_certificate_of_no_use_is_named_at_the_start(tmp_path: Path) -> None:
    served = Served(tmp_path)
    served.renew("second", key_of="third")
    with pytest.raises(OSError, match=r"certificate .*tls\.crt with key .*tls\.key: .*mismatch"):
        await AdmissionServer(served.webhook, {}).__aenter__()


async def test_it_is_gone_with_its_block(tmp_path: Path) -> None:
    served = Served(tmp_path)
    async with AdmissionServer(served.webhook, {"things": judge}):
        assert (await served.ask(review("good")))[0] == 200
    with pytest.raises(aiohttp.ClientConnectorError):
        await served.ask(review("good"))
