"""Resource types as people name them: `deploy`, `deployment`, `deployments.apps`, `widgets.v1.example.com`.

The order of types is that of discovery: the core group first, then as the server ranks groups; of each group
the preferred version first. So the first match is what kubectl takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .resources import Resource


class ServedType(NamedTuple):
    """A resource type with what discovery says of its names and verbs."""

    resource: Resource
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()

    @property
    def words(self) -> set[str]:
        """The full names: plural, singular and kind."""
        return {self.resource.plural, self.singular, self.resource.kind.lower()} - {""}


def named(types: Sequence[ServedType], word: str) -> list[Resource]:
    """Return the types that a word means: none, one, or for a category all that can be listed.

    Full names win over short names, and both over categories, as with kubectl.
    """
    name, _, suffix = word.lower().partition(".")
    served = [each for each in types if not suffix or suffix in _suffixes(each.resource)]
    for of in (_full, _short):
        found = next((each.resource for each in served if name in of(each)), None)
        if found is not None:
            return [found]
    return [] if suffix else _in_category(types, name)


def _full(served: ServedType) -> Iterable[str]:
    return served.words


def _short(served: ServedType) -> Iterable[str]:
    return served.short_names


def _suffixes(resource: Resource) -> tuple[str, str]:
    return resource.group, f"{resource.version}.{resource.group}".removesuffix(".")


def _in_category(types: Iterable[ServedType], category: str) -> list[Resource]:
    first: dict[str, Resource] = {}
    for each in types:
        if category in each.categories and "list" in each.verbs:
            first.setdefault(each.resource.group_resource, each.resource)
    return list(first.values())
