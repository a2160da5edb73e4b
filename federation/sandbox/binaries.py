"""Where the control-plane programs come from: a given folder, the cache, a download, or a Go build.

In this order, the first that has all programs asked for is used, and the reporter is told which. Processes
that ask at the same time wait for each other: one prepares the folder, in a draft that takes its place whole.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from federation.sandbox import build, download
from federation.sandbox.errors import BinariesMissing
from federation.sandbox.versions import KUBERNETES, STAMP

Report = Callable[[str], None]
"""Is told what goes on, in one line each time."""

API_ONLY_PROGRAMS = frozenset({"etcd", "kube-apiserver"})
PROGRAMS = API_ONLY_PROGRAMS | {"kube-controller-manager", "kube-scheduler", "kwok", "kubectl"}

_ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"  # the convention of setup-envtest
_STAMP_FILE = "built-from"


def cache_folder() -> Path:
    """The folder of the programs of this Kubernetes version; others of the user's tools may use it too."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "atoll" / f"v{KUBERNETES}"


def find(programs: Collection[str], report: Report) -> Path:
    """A folder that holds all of `programs`; downloading or building them takes minutes.

    :raises BinariesMissing: no source has them; the text names what to install.
    :raises BuildFailed: the Go build ended with an error.
    """
    if (assets := os.environ.get(_ASSETS_VARIABLE)) and holds(Path(assets), programs):
        report(f"control-plane programs: {assets} ({_ASSETS_VARIABLE})")
        return Path(assets)
    folder = cache_folder()
    if not is_complete(folder):
        _fill(folder, report)
    report(f"control-plane programs: {folder}")
    return folder


def holds(folder: Path, programs: Collection[str]) -> bool:
    """Whether every one of `programs` is an executable file in `folder`."""
    return all(os.access(folder / program, os.X_OK) for program in programs)


def is_complete(folder: Path) -> bool:
    """Whether `folder` holds all programs of exactly our versions."""
    stamp = folder / _STAMP_FILE
    return stamp.is_file() and stamp.read_text() == STAMP and holds(folder, PROGRAMS)


def _fill(folder: Path, report: Report) -> None:
    """Download or build into a draft folder, then put it in place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _exclusive(folder.with_name(f".{folder.name}.lock"), report):
        if is_complete(folder):
            return
        draft = folder.with_name(f".{folder.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        _obtain(draft, report)
        (draft / _STAMP_FILE).write_text(STAMP)
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)


def _obtain(draft: Path, report: Report) -> None:
    if download.is_allowed():
        try:
            return download.all_programs(draft, report)
        except OSError as failure:
            report(f"download is not possible here ({failure}); building from source instead")
    if (go := shutil.which("go")) is None:
        raise BinariesMissing(
            f"the control-plane programs of Kubernetes v{KUBERNETES} are not in {cache_folder()}, and "
            "there is no way to get them: install Go 1.21 or later (https://go.dev/dl), or set "
            f"{_ASSETS_VARIABLE} to a folder with {', '.join(sorted(PROGRAMS))}"
        )
    build.all_programs(Path(go), draft, report)


@contextmanager
def _exclusive(path: Path, report: Report) -> Iterator[None]:
    """Hold a lock that the system gives up when the holder dies."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another process prepares the control-plane programs; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
