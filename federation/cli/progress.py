"""Progress of long steps: a spinner with elapsed time on a terminal, plain lines in logs and CI."""

from __future__ import annotations

import os
import sys
import threading
from types import TracebackType

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Steps:
    """Call it with one line for each step. Several threads may; everything goes to standard error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._display: Progress | None = None
        if sys.stderr.isatty() and os.environ.get("CI", "").lower() not in ("1", "true"):
            columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
            self._display = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._display.add_task("", total=None)

    def __call__(self, line: str) -> None:
        with self._lock:
            if self._display is None:
                typer.echo(line, err=True)
            else:
                self._display.console.print(line, markup=False, highlight=False)
                self._display.update(self._task, description=line)

    def __enter__(self) -> Steps:
        if self._display is not None:
            self._display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._display is not None:
            self._display.stop()
