"""Contest: tells drift from rest, and a fight from drift.

Our apply entry in managedFields lists the fields that are ours. When somebody else changes one of them the
entry shrinks; that is drift, seen without comparing values. A member that never keeps a field, or a writer
that takes it back each time, is reported and met ever more slowly, not hammered.
"""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple

from cachetools import LRUCache

from federation.controllers.keys import Key
from federation.kube.ownership import missing
from federation.members.copies import MemberCopy, fields_of
from policies.rendering import Rendered
from policies.verdicts import Verdict

WINDOW = 300.0
"""Seconds over which repairs of one copy count as one fight."""
FREE_REPAIRS = 3
LONGEST_PAUSE = 60.0


class _Settled(NamedTuple):
    digest: str
    owned: bytes
    lost: tuple[str, ...]
    """Fields of the manifest that the member did not keep when it answered our apply."""


class Contest:
    """Remembers what each copy looked like when it was right."""

    def __init__(self) -> None:
        self._settled: dict[Key, _Settled] = {}
        self._repairs: dict[Key, deque[float]] = {}
        self._missing: LRUCache[tuple[str, bytes], tuple[str, ...]] = LRUCache(maxsize=4096)

    def forget(self, key: Key) -> None:
        self._settled.pop(key, None)
        self._repairs.pop(key, None)

    def written(self, key: Key, rendered: Rendered, answer: MemberCopy) -> None:
        """Note the server's answer to our apply."""
        lost = self._not_owned(rendered, answer.owned)
        self._settled[key] = _Settled(rendered.digest, answer.owned, lost)

    def drift(self, key: Key, rendered: Rendered, copy: MemberCopy) -> tuple[str, ...]:
        """Return the fields that others took from a copy whose digest is right, or ()."""
        settled = self._settled.get(key)
        if settled is not None and (settled.digest, settled.owned) == (rendered.digest, copy.owned):
            return ()
        taken = self._not_owned(rendered, copy.owned)
        if settled is not None and settled.digest == rendered.digest:
            taken = tuple(path for path in taken if path not in settled.lost)
        if not taken:
            lost = settled.lost if settled is not None and settled.digest == rendered.digest else ()
            self._settled[key] = _Settled(rendered.digest, copy.owned, lost)
        return taken

    def loosened(self, rendered: Rendered, copy: MemberCopy) -> tuple[str, ...]:
        """Return the fields that others took of those by which a release holds a copy."""
        if rendered.restraint is None:
            return ()
        return tuple(missing({"spec": rendered.restraint}, fields_of(copy.restrained)))

    def _not_owned(self, rendered: Rendered, owned: bytes) -> tuple[str, ...]:
        """Walk the manifest once for all clusters that hold the same of it."""
        key = rendered.digest, owned
        if (paths := self._missing.get(key)) is None:
            paths = self._missing[key] = tuple(missing(rendered.manifest, fields_of(owned)))
        return paths

    def pause(self, key: Key) -> float:
        """Count a repair that is about to be made; return the seconds to wait before it, 0 for now."""
        now, times = time.monotonic(), self._repairs.setdefault(key, deque(maxlen=16))
        while times and times[0] < now - WINDOW:
            times.popleft()
        if len(times) >= FREE_REPAIRS:
            due = times[-1] + min(LONGEST_PAUSE, 2.0 ** (len(times) - FREE_REPAIRS))
            if due > now:
                return due - now
        times.append(now)
        return 0.0

    def verdict(self, key: Key) -> Verdict | None:
        """Say what a person should know of a copy that is applied."""
        settled = self._settled.get(key)
        if settled is not None and settled.lost:
            return Verdict(
                "FieldsNotKept",
                f"the cluster does not keep {', '.join(settled.lost[:3])}: it may not know the field, or "
                "something there rewrites it; remove the field for this cluster by an OverridePolicy",
            )
        return None


def contested(cluster: str, taken: tuple[str, ...]) -> Verdict:
    return Verdict(
        "Contested",
        f"something in cluster {cluster} keeps changing {', '.join(taken[:3])}; it is put back ever more "
        "slowly; leave the field out of the template, or stop the other writer",
    )
