"""What a sandbox remembers between two commands, and where: one folder, one file."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from federation.sandbox.errors import UnknownName
from federation.sandbox.plane import Plane, Role

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")
_FILE = "state.json"
_LOCK = ".lock"


@dataclass(frozen=True)
class State:
    """A sandbox as it was asked for."""

    provider: str
    planes: tuple[Plane, ...]
    """The host first, then the members in order."""
    webhook_port: int
    metrics_port: int

    @property
    def host(self) -> Plane:
        return self.planes[0]

    @property
    def members(self) -> tuple[Plane, ...]:
        return self.planes[1:]

    def plane(self, name: str) -> Plane:
        """The cluster `name`.

        :raises UnknownName: there is none.
        """
        for plane in self.planes:
            if plane.name == name:
                return plane
        raise UnknownName(f"no cluster {name!r}; there are {', '.join(plane.name for plane in self.planes)}")


def home() -> Path:
    """The folder of all that Atoll keeps on this machine: $ATOLL_HOME, or `atoll` in the XDG state folder."""
    if given := os.environ.get("ATOLL_HOME"):
        return Path(given).absolute()
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "atoll"


def folder_of(name: str) -> Path:
    """The folder of the sandbox `name`.

    :raises UnknownName: the name can't be one: it becomes part of other names.
    """
    if not _NAME.fullmatch(name):
        raise UnknownName(f"{name!r} can't name a sandbox: use at most 30 lower-case letters, digits and '-'")
    return home() / "sandboxes" / name


def load(folder: Path) -> State | None:
    """What was saved; None where there is no sandbox."""
    try:
        saved = json.loads((folder / _FILE).read_text())
    except FileNotFoundError:
        return None
    planes = tuple(Plane(**(plane | {"role": Role(plane["role"])})) for plane in saved["planes"])
    return State(saved["provider"], planes, saved["webhook_port"], saved["metrics_port"])


def save(folder: Path, state: State) -> None:
    """Write the state; a reader sees the old or the new one."""
    draft = folder / f".{_FILE}.draft"
    draft.write_text(json.dumps(asdict(state), indent=2))
    draft.replace(folder / _FILE)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let only one command at a time change the sandbox in `folder`, which is made when missing."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = (folder / _LOCK).open("w")
        except FileNotFoundError:  # removed meanwhile by `down`
            continue
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_current(folder / _LOCK, lock.fileno()):
                yield
                return


def _is_current(path: Path, descriptor: int) -> bool:
    """Whether `path` is still the open file; the one we waited for may have been removed."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
