"""Words: whose word on what it exports counts, as one observer of the host sees it. Pure.

A host that is restored to an older store says what clusters exported then, and that this is all. Whoever
lists it anew can't tell by the list: so nothing that is missing there is taken for gone until the cluster
has said since then that its exports are there as they are now (E7, I17). What comes by a watch that goes on
is no matter of that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from mcs.names import Service


class Words:
    """The clusters that gave their word since the host was listed last: `cluster in words`.

    - `lists`: how often it was listed: what was found out before another list is to be found out again
    - `doubting`: called when another list begins
    """

    def __init__(self, given: Callable[[str, Service], None]) -> None:
        """`given(cluster, service)`: a word came that somebody waits for, to look at a Service again."""
        self._announce = given
        self._given: set[str] = set()
        self._awaited: defaultdict[str, set[Service]] = defaultdict(set)
        self.lists = 0
        self.doubting: set[Callable[[], None]] = set()

    def __contains__(self, cluster: object) -> bool:
        return cluster in self._given

    def doubt(self) -> None:
        """The host is about to be listed: nobody's word of before says anything of what will be there."""
        self.lists += 1
        self._given.clear()
        for tell in list(self.doubting):
            tell()

    def give(self, cluster: str) -> None:
        """The cluster's exports are on the host as they are now."""
        if cluster not in self._given:
            self._given.add(cluster)
            for service in self._awaited.pop(cluster, ()):
                self._announce(cluster, service)

    def wait(self, service: Service, clusters: Iterable[str]) -> None:
        """Have a Service looked at again when one of these clusters gives its word; some may have."""
        for cluster in clusters:
            if cluster not in self._given:
                self._awaited[cluster].add(service)
