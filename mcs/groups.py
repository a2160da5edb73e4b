"""Groups: keys of a mirror by what they belong to, kept up to date change by change."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from federation.kube.resources import Key

G = TypeVar("G", bound=Hashable)


class Groups(Generic[G]):
    """Each key belongs to one group or none."""

    def __init__(self) -> None:
        self._group: dict[Key, G] = {}
        self._keys: dict[G, set[Key]] = {}

    def __getitem__(self, group: G) -> frozenset[Key]:
        return frozenset(self._keys.get(group, ()))

    def __iter__(self) -> Iterator[G]:
        return iter(list(self._keys))

    def put(self, key: Key, group: G | None) -> set[G]:
        """Move a key to a group, or out of all; return the groups that this touches."""
        before = self._group.pop(key, None)
        if before is not None:
            self._keys[before].discard(key)
            if not self._keys[before]:
                del self._keys[before]
        if group is not None:
            self._group[key] = group
            self._keys.setdefault(group, set()).add(key)
        return {each for each in (before, group) if each is not None}
