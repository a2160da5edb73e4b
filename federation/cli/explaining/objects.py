"""What a command is about: `deployment/web` or `deploy web`, as kubectl names objects."""

from __future__ import annotations

from collections.abc import Sequence

from federation.kube.api import Api
from federation.kube.discovery import Discovery
from federation.kube.errors import ApiError
from federation.kube.ref import Ref
from federation.kube.types import named

_USAGE = "name an object as KIND/NAME or KIND NAME, such as deployment/web"


def words_of(words: Sequence[str]) -> tuple[str, str]:
    """Return the kind and the name that words say.

    :raises ApiError: they say something else, or several objects
    """
    if len(words) == 1:
        kind, slash, name = words[0].partition("/")
        if slash and kind and name and "/" not in name:
            return kind, name
    elif len(words) == 2 and all(word and "/" not in word for word in words):
        return words[0], words[1]
    raise ApiError(f"{' '.join(words)}: {_USAGE}; one at a time")


async def object_named(api: Api, discovery: Discovery, words: Sequence[str], namespace: str) -> Ref:
    """Return the object that is meant, by the types that the server has; it need not be there.

    :raises ApiError: the server has no such type
    """
    kind, name = words_of(words)
    await discovery.refresh()
    found = named(discovery.types, kind)
    if len(found) != 1:
        raise ApiError(f"{kind}/{name}: the host serves no kind {kind}; see `kubectl api-resources`")
    resource = found[0]
    return Ref(resource, namespace if resource.namespaced else "", name)
