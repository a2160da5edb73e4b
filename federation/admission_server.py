"""The server of the admission webhooks: takes reviews by HTTPS and keeps nothing of them.

It is the same whether the API server reaches it by Service or by URL: that is said in the configurations of
`federation.webhooks` and `federation.service_webhooks`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Self

import orjson
from aiohttp import web
from pydantic import ValidationError

from federation.reviews import Answer, Review, answered
from federation.settings import Webhook

log = logging.getLogger(__name__)

_LARGEST = 8 * 1024 * 1024
"""Bytes of a review: an API server takes objects of 3 MiB, and sends the old and the new one."""
_DEADLINE = 10.0
"""Seconds for an answer; no API server of ours waits longer than 5."""
_FAREWELL = 2.0
"""Seconds that answers under way have when the process ends."""


class AdmissionServer:
    """Answers by path, for the time of a `with` block. A renewed certificate is taken up by itself.

    What goes wrong in an answer is a 500 to the API server: its failurePolicy says what that means.

    :param look: seconds between two looks at the files of the certificate: where a Secret is mounted, nothing
        tells of a change
    """

    def __init__(self, webhook: Webhook, answers: Mapping[str, Answer], *, look: float = 60.0) -> None:
        self._webhook, self._look = webhook, look
        application = web.Application(client_max_size=_LARGEST)
        for path, answer in answers.items():
            application.router.add_post(f"/{path}", _serving(answer))
        self._runner = web.AppRunner(
            application, access_log=None, handler_cancellation=True, shutdown_timeout=_FAREWELL
        )
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """:raises OSError: the port is taken, or the certificate is of no use"""
        loaded, context = self._digest(), self._context()
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._webhook.address, self._webhook.port, ssl_context=context)
        await site.start()
        self._renewing = asyncio.create_task(self._renew(context, loaded), name="certificate")
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
        await self._runner.cleanup()

    async def _renew(self, context: ssl.SSLContext, loaded: str) -> None:
        while True:
            await asyncio.sleep(self._look)
            try:
                found = self._digest()
                if found != loaded:
                    self._context()  # a pair that does not fit would leave the one in use without its key
                    self._load(context)
                    loaded = found
                    log.info("webhooks: the certificate %s was renewed", self._webhook.certificate)
            except OSError as error:
                log.warning("webhooks: the former certificate is kept: %s", error)

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._load(context)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._webhook.certificate, self._webhook.key
        try:
            context.load_cert_chain(certificate, key)
        except OSError as error:
            raise OSError(f"certificate {certificate} with key {key}: {error}") from error

    def _digest(self) -> str:
        """Tell one pair from another without keeping a key in memory."""
        content = [Path(each).read_bytes() for each in (self._webhook.certificate, self._webhook.key)]
        return hashlib.sha256(b"".join(content)).hexdigest()


def _serving(answer: Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(request: web.Request) -> web.StreamResponse:
        try:
            review = Review.model_validate_json(await request.read())
        except ValidationError as error:
            raise web.HTTPBadRequest(text=f"no AdmissionReview of v1: {error}") from error
        try:
            async with asyncio.timeout(_DEADLINE):
                judgment = await answer(review.request)
        except TimeoutError as error:
            raise web.HTTPGatewayTimeout(text=f"no answer within {_DEADLINE:.0f} s") from error
        body = orjson.dumps(answered(review, judgment))
        return web.Response(body=body, content_type="application/json")

    return serve
