"""Events: what happened, told beside an object on the host, for `kubectl describe` and `kubectl events`."""

from __future__ import annotations

import logging
import uuid

from federation.kube.api import Api
from federation.kube.errors import ApiError
from federation.kube.resources import Resource
from federation.timestamps import utc_now
from policies.api.meta import Kind
from policies.release.news import News

log = logging.getLogger(__name__)

EVENTS = Resource("", "v1", "events", "Event")
_MANAGER, _LONGEST = "atoll-events", 1000


class Events:
    """Writes Events on the host. One that can't be written is no reason to hold anything up."""

    def __init__(self, api: Api, identity: str) -> None:
        self._api, self._identity = api, identity

    async def tell(self, about: Kind, news: News) -> None:
        metadata, now = about.metadata, utc_now()
        manifest = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata.name}.{uuid.uuid4().hex[:16]}", "namespace": metadata.namespace},
            "involvedObject": {
                "apiVersion": about.api_version,
                "kind": about.kind,
                "namespace": metadata.namespace,
                "name": metadata.name,
                "uid": metadata.uid,
                "resourceVersion": metadata.resource_version,
            },
            "type": news.type,
            "reason": news.reason,
            "message": news.message[:_LONGEST],
            "source": {"component": "atoll", "host": self._identity},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            await self._api.create(EVENTS, manifest, manager=_MANAGER)
        except ApiError as error:
            log.warning("event %s of %s: %s", news.reason, metadata.name, error)
