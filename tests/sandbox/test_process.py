"""Programs that outlive their starter, and whose pids may be another's tomorrow."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from federation.sandbox import process
from federation.sandbox.process import Process

SLEEP = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('here', flush=True); time.sleep(60)",
]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Process]:
    yield Process(tmp_path, "program")
    process.end(process.strays(tmp_path), deadline=0)


def wait_until(condition: Callable[[], bool], deadline: float = 20.0) -> None:
    until = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.01)


def start(program: Process, argv: list[str]) -> psutil.Process:
    program.start(argv)
    wait_until(lambda: "here" in program.tail())
    running = program.running()
    assert running is not None
    return running


def test_a_program_runs_in_a_session_of_its_own_and_writes_to_its_log(program):
    running = start(program, SLEEP)
    assert program.tail() == "here"
    assert running.pid == os.getsid(running.pid)


def test_starting_twice_starts_once(program):
    first = start(program, SLEEP)
    program.start(SLEEP)
    assert program.running() == first


def test_the_log_of_the_run_before_is_kept(program):
    start(program, SLEEP)
    program.stop()
    start(program, SLEEP)
    wait_until(lambda: program.tail() == "here\nhere")


def test_the_log_ends_with_what_the_program_said_last(program):
    program.start([sys.executable, "-c", "print(*range(100), sep='\\n')"])
    wait_until(lambda: program.tail(2) == "98\n99")


def test_stop_ends_the_program_and_forgets_it(program):
    running = start(program, SLEEP)
    program.stop()
    assert not running.is_running()
    assert program.running() is None
    assert not program.record.exists()


def test_a_program_that_ignores_sigterm_is_killed_after_the_deadline(program):
    running = start(program, STUBBORN)
    program.stop(deadline=0.2)
    assert not running.is_running()


def test_a_program_that_ended_by_itself_does_not_run(program):
    program.start([sys.executable, "-c", "raise SystemExit(3)"])
    wait_until(lambda: program.running() is None)
    program.stop()
    assert not program.record.exists()


def test_a_pid_that_another_process_has_now_is_left_alone(program, tmp_path):
    other = Process(tmp_path, "other")
    stranger = start(other, SLEEP)
    record = {"pid": stranger.pid, "created": stranger.create_time() - 1000}
    program.record.write_text(json.dumps(record))
    assert program.running() is None
    program.stop(deadline=0)
    assert stranger.is_running()


def test_a_record_that_is_no_record_names_nobody(program):
    program.record.write_text("")
    assert program.running() is None


def test_a_program_without_a_record_is_found_by_its_folder(program, tmp_path):
    running = start(program, SLEEP)
    program.record.unlink()
    assert process.strays(tmp_path) == [running]
    assert process.strays(tmp_path / "elsewhere") == []
