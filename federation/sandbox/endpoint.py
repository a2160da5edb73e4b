"""A few synchronous requests to an API server, for the sandbox's own steps: readiness, nodes."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from federation.sandbox.certificates import KeyPair


class Answer(NamedTuple):
    status: int
    text: str

    @property
    def manifest(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.text)
        return answer


class Endpoint:
    """An API server at `url`, verified against `authority`, that knows us by a client certificate."""

    def __init__(self, url: str, authority: Path, client: KeyPair) -> None:
        self.url = url
        self._context = ssl.create_default_context(cafile=authority)
        self._context.load_cert_chain(client.certificate, client.key)

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """Send one request.

        :raises OSError: the server can't be reached or does not answer within ten seconds.
        """
        address = urlsplit(self.url)
        connection = http.client.HTTPSConnection(
            address.hostname or "", address.port, timeout=10, context=self._context
        )
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return Answer(response.status, response.read().decode())
        except http.client.HTTPException as failure:
            raise ConnectionError(f"{self.url}: {failure!r}") from failure
        finally:
            connection.close()
