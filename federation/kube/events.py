"""Events: what happened, told beside an object, for `kubectl describe` and `kubectl events`."""

from __future__ import annotations

import logging
import uuid
from typing import Literal

from federation.timestamps import utc_now

from .api import Api
from .errors import ApiError
from .resources import Manifest, Resource

log = logging.getLogger(__name__)

EVENTS = Resource("", "v1", "events", "Event")
_MANAGER, _LONGEST = "atoll-events", 1000


class Events:
    """Writes Events into one cluster. One that can't be written is no reason to hold anything up."""

    def __init__(self, api: Api, component: str, host: str) -> None:
        """Component and host say who tells (v1 EventSource)."""
        self._api, self._source = api, {"component": component, "host": host}

    async def tell(
        self, about: Manifest, type_: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        """Write one, about an object as it was read."""
        metadata, now = about["metadata"], utc_now()
        manifest = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{metadata['name']}.{uuid.uuid4().hex[:16]}",
                "namespace": metadata.get("namespace", _OF_CLUSTER),
            },
            "involvedObject": {
                "apiVersion": about["apiVersion"],
                "kind": about["kind"],
                **{name: metadata[name] for name in _NAMED if name in metadata},
            },
            "type": type_,
            "reason": reason,
            "message": message[:_LONGEST],
            "source": self._source,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            await self._api.create(EVENTS, manifest, manager=_MANAGER)
        except ApiError as error:
            log.warning("event %s of %s: %s", reason, metadata["name"], error)


_OF_CLUSTER = "default"
"""The namespace of Events about what has none itself: the API server takes no other."""
_NAMED = ("namespace", "name", "uid", "resourceVersion")
