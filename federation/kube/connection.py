"""The way to one API server: its pool of connections, its credentials, its time-outs.

Everything that can go wrong below HTTP leaves here as Unreachable, everything above as StatusError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from .config import Configuration, open_session
from .errors import Unauthorized, Unreachable, response_error, shorten


class Connection:
    """One pool of connections; watches share it with calls, so it has no limit of its own."""

    def __init__(self, configuration: Configuration) -> None:
        self.server: str = configuration.host
        self._configuration = configuration
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"<Connection to {self.server}>"

    def open(self) -> None:
        with self.failures():  # a CA or key that can't be read
            self._session = open_session(self._configuration)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        """Send one request and return its answer, which the caller must close.

        A 401 has the credentials read anew and the request sent once more.

        :raises StatusError: the answer is no success
        :raises Unreachable: there is none
        """
        authorization = await self._authorization()
        try:
            return await self._send(method, path, query, headers, authorization, body, timeout)
        except Unauthorized:
            hook = self._configuration.refresh_api_key_hook
            if hook is None:
                raise
            if (expire := getattr(hook, "expire", None)) is not None:
                expire(authorization)
            return await self._send(method, path, query, headers, await self._authorization(), body, timeout)

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        authorization: str | None,
        body: bytes | None,
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        assert self._session is not None, "use `async with Api(...)`"
        options: dict[str, Any] = {
            "params": query,
            "data": _streamed(body),
            "timeout": timeout,
            "allow_redirects": False,
        }
        options["headers"] = {**headers, "Authorization": authorization} if authorization else headers
        if self._configuration.tls_server_name:
            options["server_hostname"] = self._configuration.tls_server_name
        with self.failures():
            url = URL(self.server + path, encoded=True)
            response = await self._session.request(method, url, proxy=self._configuration.proxy, **options)
            if response.status < 300:
                return response
            async with response:
                text = await response.read()
        retry_after = response.headers.get("Retry-After")
        raise response_error(response.status, text, response.reason or "", retry_after)

    async def _authorization(self) -> str | None:
        configuration = self._configuration
        return await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Whatever the network, TLS or a garbled body does is Unreachable."""
        try:
            yield
        except TimeoutError as error:
            raise Unreachable(f"{self.server}: no answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{self.server}: {shorten(str(error) or type(error).__name__)}") from error
        except (ValueError, HttpProcessingError) as error:  # their texts repeat what was read
            raise Unreachable(f"{self.server}: an answer that can't be read") from error


def _streamed(body: bytes | None) -> bytes | BytesIO | None:
    """aiohttp writes bytes in one go, and warns of blocking the loop from 1 MiB on; a file it writes in
    parts.
    """
    return BytesIO(body) if body is not None and len(body) > 2**19 else body
