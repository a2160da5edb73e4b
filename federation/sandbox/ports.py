"""Ports for servers that are stopped and started again at the same address."""

from __future__ import annotations

import random
import socket

# Below the range from which systems choose ports for outgoing connections: while a server is stopped, no
# connection can take its port.
_FIRST, _LAST = 20_000, 32_000


def free(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that nobody listens on."""
    found: list[int] = []
    candidates = random.sample(range(_FIRST, _LAST), _LAST - _FIRST)
    while len(found) < count:
        port = candidates.pop()
        if _is_free(port):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
