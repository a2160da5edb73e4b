"""A TCP proxy that can misbehave, for faults between a client and a real API server; TLS passes through."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """Forwards `port` on 127.0.0.1 to an upstream; faults hold until `heal`.

    - `cut`: connections are reset, new ones too
    - `stall`: nothing is forwarded any more, connections stay open, new ones are accepted
    - `reset_after(n)`: each connection is reset after n more bytes from the upstream
    """

    def __init__(self, host: str, port: int) -> None:
        self._upstream = host, port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._cut = False
        self._quota: int | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.accepted = 0

    def cut(self) -> None:
        self._cut = True
        for writer in list(self._connections):
            _reset(writer)

    def stall(self) -> None:
        self._flowing.clear()

    def reset_after(self, size: int) -> None:
        self._quota = size

    def heal(self) -> None:
        self._cut, self._quota = False, None
        self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._connections.add(writer)
        try:
            if self._cut:
                return
            up_reader, up_writer = await asyncio.open_connection(*self._upstream)
            self._connections.add(up_writer)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pump(reader, up_writer))
                    group.create_task(self._pump(up_reader, writer, limited=True))
            finally:
                self._connections.discard(up_writer)
                _reset(up_writer)
        except (OSError, ExceptionGroup):
            pass  # either side went away, or we cut it
        finally:
            self._connections.discard(writer)
            _reset(writer)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, limited: bool = False
    ) -> None:
        while chunk := await reader.read(65536):
            await self._flowing.wait()
            if limited and self._quota is not None:
                chunk, self._quota = chunk[: self._quota], self._quota - len(chunk)
            writer.write(chunk)
            await writer.drain()
            if limited and self._quota is not None and self._quota <= 0:
                self._quota = None
                raise ConnectionResetError
        raise ConnectionResetError


@asynccontextmanager
async def proxy_to(host: str, port: int) -> AsyncIterator[Proxy]:
    proxy = Proxy(host, port)
    server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        proxy.heal()
        await asyncio.sleep(0)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, as a crashed host or a firewall would, so that nobody mistakes it for an end."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
    writer.transport.abort()
