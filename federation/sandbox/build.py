"""Builds the control-plane programs from Go modules (the folder `go`): no Docker, no release site."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple

from federation.sandbox.errors import BuildFailed
from federation.sandbox.versions import ETCD, KUBERNETES, KWOK

_REPORT_INTERVAL = 20.0  # seconds
_MAJOR, _MINOR, _ = KUBERNETES.split(".")
_VERSION = "k8s.io/component-base/version"


class Target(NamedTuple):
    """One Go module of ours, what it makes, and how long that takes on two cores when nothing is cached."""

    module: str
    title: str
    minutes: float
    output: str
    """A file, or a folder where it ends with a slash."""
    packages: tuple[str, ...]
    linker: str = ""


TARGETS = (
    Target("etcd", f"etcd v{ETCD}", 0.7, "etcd", ("go.etcd.io/etcd/server/v3",)),
    Target("kwok", f"kwok v{KWOK}", 1, "kwok", ("sigs.k8s.io/kwok/cmd/kwok",)),
    Target(
        "kubernetes",
        f"Kubernetes v{KUBERNETES}",
        5,
        "./",
        tuple(
            f"k8s.io/kubernetes/cmd/{program}"
            for program in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
        ),
        f"-X {_VERSION}.gitVersion=v{KUBERNETES} -X {_VERSION}.gitMajor={_MAJOR} "
        f"-X {_VERSION}.gitMinor={_MINOR}",
    ),
)


def all_programs(go: Path, folder: Path, report: Callable[[str], None]) -> None:
    """Build every program into `folder`.

    :raises BuildFailed: with the end of what the compiler said.
    """
    for target in TARGETS:
        report(f"building {target.title} from source (about {target.minutes:g} min on two cores)")
        with as_file(files("federation.sandbox") / "go" / target.module) as module:
            _run(command(go, module, target, folder), target, report)


def command(go: Path, module: Path, target: Target, folder: Path) -> list[str]:
    """The command line that builds `target`; it prints each package as it is compiled."""
    output = f"{folder}/" if target.output.endswith("/") else str(folder / target.output)
    flags = ["-v", "-trimpath", "-mod=readonly", f"-ldflags=-s -w {target.linker}".rstrip()]
    return [str(go), "-C", str(module), "build", *flags, "-o", output, *target.packages]


def _run(words: list[str], target: Target, report: Callable[[str], None]) -> None:
    environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
    lines: list[str] = []
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as go:
        assert go.stderr is not None
        _follow(go.stderr.readline, lines, f"building {target.title}", report)
        code = go.wait()
    if code != 0:
        said = "\n".join(lines[-15:])
        raise BuildFailed(f"building {target.title} failed; `{' '.join(words)}` ended with {code}:\n{said}")


def _follow(readline: Callable[[], str], lines: list[str], what: str, report: Callable[[str], None]) -> None:
    """Collect lines until the end, and report about the progress from time to time."""
    arrived: queue.SimpleQueue[str] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(readline, arrived))
    reader.start()
    started = reported = time.monotonic()
    while True:
        try:
            line = arrived.get(timeout=_REPORT_INTERVAL)
        except queue.Empty:
            line = "\n"
        if not line:
            break
        lines += [line.rstrip()] if line.strip() else []
        if (now := time.monotonic()) - reported >= _REPORT_INTERVAL:
            reported = now
            report(f"{what}: {len(lines)} packages and modules after {now - started:.0f} s")
    reader.join()


def _read(readline: Callable[[], str], arrived: queue.SimpleQueue[str]) -> None:
    """Pass on every line, and at the end an empty one."""
    while line := readline():
        arrived.put(line)
    arrived.put("")
