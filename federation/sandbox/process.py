"""Long-running programs of a sandbox: each in its own session, with a log file and a record of its pid.

A program outlives the command that started it. Its record holds pid and creation time: a pid that went to
another process since is never taken for ours. Its environment names its folder: a program whose record was
lost, because the command that started it was killed, is found by that (`strays`).
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

OWNER_VARIABLE = "ATOLL_SANDBOX"
_CLOCK_TOLERANCE = 1.0  # seconds; creation times count from the boot, which follows the adjusted clock


@dataclass(frozen=True)
class Process:
    """The program `name` that runs in `folder`, started or not."""

    folder: Path
    name: str

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def record(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def start(self, argv: Sequence[str | Path], environment: dict[str, str] | None = None) -> None:
        """Start `argv` unless the program runs already; its output is appended to the log."""
        if self.running() is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        words = [str(word) for word in argv]
        variables = os.environ | (environment or {}) | {OWNER_VARIABLE: str(self.folder)}
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        files: list[tuple[int, int, str, int, int] | tuple[int, int, int]] = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(self.log), append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        pid = os.posix_spawn(words[0], words, variables, file_actions=files, setsid=True)
        self._write_record(pid)

    def _write_record(self, pid: int) -> None:
        draft = self.record.with_suffix(".draft")
        draft.write_text(json.dumps({"pid": pid, "created": psutil.Process(pid).create_time()}))
        draft.replace(self.record)

    def running(self) -> psutil.Process | None:
        """The process, if the one that was recorded still runs."""
        try:
            record = json.loads(self.record.read_text())
            process = psutil.Process(record["pid"])
            same = abs(process.create_time() - record["created"]) <= _CLOCK_TOLERANCE
            return process if same and _is_alive(process) else None
        except (FileNotFoundError, psutil.NoSuchProcess, ValueError):
            return None

    def stop(self, deadline: float = 10.0) -> None:
        """Ask the program to end with SIGTERM; after `deadline` seconds, or where that is 0, SIGKILL."""
        if (process := self.running()) is not None:
            end([process], deadline)
        self._reap()
        self.record.unlink(missing_ok=True)

    def _reap(self) -> None:
        """Take the exit status of a program that this very process started, so that it is no zombie."""
        with suppress(FileNotFoundError, ValueError, ChildProcessError):
            os.waitpid(json.loads(self.record.read_text())["pid"], os.WNOHANG)

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(no log)"


def end(processes: Iterable[psutil.Process], deadline: float) -> None:
    """Stop processes with SIGTERM and, when `deadline` seconds have passed, or where it is 0, SIGKILL."""
    waiting = list(processes)
    for number, patience in ((signal.SIGTERM, deadline), (signal.SIGKILL, 10.0)):
        if patience > 0:
            for process in waiting:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
            waiting = _wait(waiting, patience)


def _wait(processes: list[psutil.Process], deadline: float) -> list[psutil.Process]:
    """Wait until all have ended; return those that have not after `deadline` seconds."""
    until = time.monotonic() + deadline
    while (alive := [process for process in processes if _is_alive(process)]) and time.monotonic() < until:
        time.sleep(0.01)
    return alive


def runs(pid: int) -> bool:
    """Whether a process of this machine runs under a pid, whoever started it."""
    try:
        return _is_alive(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def _is_alive(process: psutil.Process) -> bool:
    """Whether a process runs. A zombie does not: its exit status may be taken late, or never."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def strays(root: Path) -> list[psutil.Process]:
    """Processes that were started for a folder in `root`, whether their record exists or not."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            owner = process.environ().get(OWNER_VARIABLE)
            if owner and Path(owner).is_relative_to(root) and process.pid != os.getpid():
                found.append(process)
    return found
