"""Bearer tokens that do not last: read again when they are due, and when the server refuses them."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson

from .errors import BadConfiguration, shorten

log = logging.getLogger(__name__)
_MARGIN = 60.0  # seconds before its expiry that a token is replaced
_FILE_LIFE = 60.0  # the kubelet replaces projected tokens long before they expire
_PLUGIN_TIMEOUT = 60.0


class Token(NamedTuple):
    value: str
    renew_at: float  # of time.monotonic()

    def __repr__(self) -> str:
        return "<Token>"


class _Configuration(Protocol):
    api_key: dict[str, str]


class BearerToken:
    """The hook a Configuration calls before each request; reads only when a token is due.

    A read that fails leaves the former token in place, for the server to judge.
    """

    def __init__(self, read: Callable[[], Awaitable[Token]], token: Token | None = None) -> None:
        self._read = read
        self._token = token
        self._reading = asyncio.Lock()

    async def __call__(self, configuration: _Configuration) -> None:
        async with self._reading:
            if self._token is None or self._token.renew_at <= time.monotonic():
                self._token = await self._renewed(self._token)
        configuration.api_key["BearerToken"] = _header(self._token)

    def expire(self, authorization: str | None) -> None:
        """The server refused this header; unless it was replaced since, read again at the next request."""
        if self._token is not None and _header(self._token) == authorization:
            self._token = None

    async def _renewed(self, former: Token | None) -> Token:
        try:
            return await self._read()
        except BadConfiguration as error:
            if former is None:
                raise
            log.warning("keeping the former token: %s", error)
            return former._replace(renew_at=time.monotonic() + 10)


def file_token(path: Path) -> Callable[[], Awaitable[Token]]:
    """Read a token file, as often as the kubelet may replace it."""

    async def read() -> Token:
        try:
            value = (await asyncio.to_thread(path.read_text)).strip()
        except OSError as error:
            raise BadConfiguration(f"token file {path}: {error.strerror}") from error
        if not value:
            raise BadConfiguration(f"token file {path} is empty")
        return Token(value, time.monotonic() + _FILE_LIFE)

    return read


def plugin_token(plugin: Mapping[str, Any], cluster: Mapping[str, Any]) -> Callable[[], Awaitable[Token]]:
    """Run a client-go credential plugin for its token."""

    async def read() -> Token:
        status = await run_plugin(plugin, cluster)
        if "token" not in status:
            raise BadConfiguration(f"credential plugin {plugin['command']} gave no token")
        return token_in(status)

    return read


def token_in(status: Mapping[str, Any]) -> Token:
    """The token of an ExecCredential's status, due some time before it expires."""
    if (expires := status.get("expirationTimestamp")) is None:
        return Token(status["token"], math.inf)
    left = (datetime.fromisoformat(expires) - datetime.now(UTC)).total_seconds()
    return Token(status["token"], time.monotonic() + left - _MARGIN)


async def run_plugin(plugin: Mapping[str, Any], cluster: Mapping[str, Any]) -> Mapping[str, Any]:
    """Run a credential plugin and return the status of its ExecCredential.

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins

    :raises BadConfiguration: it is missing, fails, or takes longer than a minute
    """
    command = plugin.get("command") or ""
    try:
        output = await _output([command, *(plugin.get("args") or ())], _plugin_environment(plugin, cluster))
        status: Mapping[str, Any] = orjson.loads(output)["status"]
    except FileNotFoundError as error:
        hint = plugin.get("installHint") or "install it, or correct users[].user.exec.command"
        raise BadConfiguration(f"credential plugin {command} was not found: {hint}") from error
    except TimeoutError as error:
        raise BadConfiguration(
            f"credential plugin {command} gave nothing in {_PLUGIN_TIMEOUT:.0f} s"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadConfiguration(f"credential plugin {command} gave no ExecCredential with a status") from error
    return status


async def _output(command: list[str], environment: dict[str, str]) -> bytes:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(_PLUGIN_TIMEOUT):
            output, complaint = await process.communicate()
    except BaseException:
        process.kill()
        raise
    if process.returncode:
        told = shorten(complaint.decode(errors="replace").strip(), 300)
        raise BadConfiguration(f"credential plugin {command[0]} ended with {process.returncode}: {told}")
    return output


def _plugin_environment(plugin: Mapping[str, Any], cluster: Mapping[str, Any]) -> dict[str, str]:
    spec: dict[str, Any] = {"interactive": False}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = {key: value for key, value in cluster.items() if key != "extensions"}
        for extension in cluster.get("extensions") or ():
            if extension.get("name") == "client.authentication.k8s.io/exec":
                spec["cluster"]["config"] = extension.get("extension")
    credential = {"apiVersion": plugin.get("apiVersion"), "kind": "ExecCredential", "spec": spec}
    added = {variable["name"]: variable["value"] for variable in plugin.get("env") or ()}
    return {**os.environ, **added, "KUBERNETES_EXEC_INFO": orjson.dumps(credential).decode()}


def _header(token: Token) -> str:
    return f"Bearer {token.value}"
