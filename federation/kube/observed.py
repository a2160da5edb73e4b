"""Timing of exchanges with an API server, for metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from .errors import StatusError

Observe = Callable[
    [str, str, int, float], None
]  # method, group_resource or path, code (0: no answer), seconds


class Observed:
    """A `with` block around one exchange; however it ends, `observe` is told once."""

    def __init__(self, observe: Observe | None, method: str, what: str) -> None:
        self._observe, self._method, self._what = observe, method, what
        self._began = time.monotonic()

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._observe is not None:
            code = 200 if error is None else error.code if isinstance(error, StatusError) else 0
            self._observe(self._method, self._what, code, time.monotonic() - self._began)
