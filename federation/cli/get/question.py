"""What `atoll get` is asked: kinds, names, namespace and selectors, as words of people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from federation.kube.errors import ApiError
from federation.kube.resources import Selector


class Wanted(NamedTuple):
    """A kind, as a word, and the names of some objects of it; without names all are wanted."""

    word: str
    names: tuple[str, ...] = ()


class Question(NamedTuple):
    """What is to be shown of each cluster."""

    wanted: tuple[Wanted, ...]
    namespace: str | None
    """None: all."""
    labels: str = ""
    fields: str = ""
    metadata_only: bool = False

    @property
    def by_name(self) -> bool:
        return any(each.names for each in self.wanted)

    def selectors(self, wanted: Wanted) -> list[Selector]:
        """Return the lists to ask for: one, or one for each name.

        A name is asked for as a field, so that objects and watches of them are had the same way.
        """
        fields = [f"metadata.name={name}" for name in wanted.names] or [self.fields]
        given = [{"labelSelector": self.labels, "fieldSelector": each} for each in fields]
        return [{key: text for key, text in each.items() if text} for each in given]


def wanted_of(words: Sequence[str]) -> tuple[Wanted, ...]:
    """Read `deploy`, `deploy,svc`, `deploy web api` or `deploy/web svc/web`.

    :raises ApiError: they say something else
    """
    if any("/" in word for word in words):
        return _slashed(words)
    kinds = [kind for kind in words[0].split(",") if kind]
    if not kinds:
        raise ApiError(f"{words[0]!r}: name a kind, such as deployments, or several: deploy,svc")
    return tuple(Wanted(kind, tuple(dict.fromkeys(words[1:]))) for kind in dict.fromkeys(kinds))


def _slashed(words: Sequence[str]) -> tuple[Wanted, ...]:
    names: dict[str, dict[str, None]] = {}
    for word in words:
        kind, _, name = word.partition("/")
        if not kind or not name or "/" in name or "," in kind:
            raise ApiError(f"{word}: name each object as KIND/NAME, such as deployment/web")
        names.setdefault(kind, {})[name] = None
    return tuple(Wanted(kind, tuple(given)) for kind, given in names.items())
