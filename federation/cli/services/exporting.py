"""atoll export and atoll unexport: a ServiceExport is made or deleted in members, and what comes of it.

A cluster that can't do it is found before anything is written anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from federation.cli.rollout.verbs import MANAGER
from federation.cli.services.known import known, set_of
from federation.cli.services.place import Place, of_each, places
from federation.kube.api import Api, Manifest
from federation.kube.errors import ApiError, NotFound, StatusError
from mcs.api.service_set import ServiceSetSpec
from mcs.conditions import READY, VALID
from mcs.explaining import endpoints
from mcs.names import Service
from mcs.resources import SERVICE_EXPORTS
from policies.api.meta import Condition

_AGAIN = 0.3  # seconds between looks at what the controller made of it
Tell = Callable[[str], None]


async def export(
    host: Api, service: Service, clusters: Sequence[str], *, force: bool, timeout: float | None, tell: Tell
) -> None:
    """Export a Service from clusters; `tell` gets a line for each, and one for each conflict.

    :param force: also where the Service is not there yet, or can't be exported
    :param timeout: seconds to wait for all; None: it is not waited for
    :raises ApiError: some cluster can't export it, or has not within the time.
    """
    if service[0].startswith("kube-"):
        raise ApiError(
            f"{'/'.join(service)}: nothing is exported from namespace {service[0]}, which is each cluster's "
            "own; put the Service into another namespace"
        )
    async with places(host, service, clusters) as found:
        if not force:
            await of_each(found, _exportable)
        await of_each(found, _create)
        if timeout is None:
            for place in found:
                tell(f"cluster {place.name}: the ServiceExport of {place.title} is there; not waited for")
            return

        async def wait(place: Place) -> None:
            tell(await _outcome(host, place, force, timeout))

        await of_each(found, wait)
    if (made := await set_of(host, service)) is not None and made.conflicts:
        for each in made.conflicts:
            tell(f"{each.reason}: {each.message}")
        tell(f"`atoll services explain {'/'.join(service)}` shows who says what")


async def unexport(
    host: Api,
    service: Service,
    clusters: Sequence[str],
    *,
    timeout: float | None,
    tell: Tell,
    agree: Callable[[str], None],
) -> None:
    """End the export of a Service in clusters; of the last ones, `agree` is told first what goes.

    :param timeout: seconds to wait for all; None: it is not waited for
    :param agree: raises to change nothing
    :raises ApiError: some cluster does not export it, or still does after the time.
    """
    async with places(host, service, clusters) as found:
        uids = dict(zip((place.name for place in found), await of_each(found, _uid), strict=True))
        if (loss := await _loss(host, service, set(uids))) is not None:
            agree(loss)

        async def withdraw(place: Place) -> None:
            await _delete(place, uids[place.name])
            if timeout is not None:
                await _until_withdrawn(host, place, timeout)
            later = "" if timeout is not None else "; not waited for"
            tell(f"cluster {place.name} exports {place.title} no more{later}")

        await of_each(found, withdraw)


async def _exportable(place: Place) -> None:
    match await place.service_type():
        case "":
            raise ApiError(
                f"Service {place.title} is not in cluster {place.name}; create it there, or with --force "
                "export it as soon as it is"
            )
        case "ExternalName":
            raise ApiError(
                f"Service {place.title} in cluster {place.name} has spec.type ExternalName and cannot be "
                "exported; create an ExternalName Service in each cluster instead"
            )


async def _create(place: Place) -> None:
    """Make the ServiceExport; one that is there stays as it is."""
    namespace, name = place.service
    manifest = {
        "apiVersion": SERVICE_EXPORTS.api_version,
        "kind": SERVICE_EXPORTS.kind,
        "metadata": {"namespace": namespace, "name": name},
    }
    try:
        await place.api.create(SERVICE_EXPORTS, manifest, manager=MANAGER)
    except NotFound:
        raise ApiError(
            f"namespace {namespace} is not in cluster {place.name}; create it there, or place it by a policy"
        ) from None
    except StatusError as error:
        if error.cause != "AlreadyExists":
            raise ApiError(f"cluster {place.name} refused the ServiceExport {place.title}: {error}") from None


async def _outcome(host: Api, place: Place, force: bool, timeout: float) -> str:
    """Wait until it is known what came of an export, and return it."""
    last = ""
    try:
        async with asyncio.timeout(timeout):
            while True:
                if (live := await place.export()) is None:
                    raise ApiError(
                        f"the ServiceExport {place.title} in cluster {place.name} was deleted meanwhile"
                    )
                valid = _condition(live, VALID)
                if force and valid and valid.status == "False":
                    return f"cluster {place.name}: {valid.reason}: {valid.message}"
                if not (last := await _missing(host, place, live)):
                    return f"cluster {place.name} exports {place.title}"
                await asyncio.sleep(_AGAIN)
    except TimeoutError:
        raise ApiError(
            f"cluster {place.name} does not export {place.title} after {timeout:.0f} s: {last}; the "
            "ServiceExport stays"
        ) from None


async def _missing(host: Api, place: Place, live: Manifest) -> str:
    """Say what an export waits for; empty: all clusters know of it.

    That it is not valid may be what was seen before its Service was made, so that is waited for, too.

    :raises ApiError: the host refused it.
    """
    valid, ready = _condition(live, VALID), _condition(live, READY)
    if valid is None or ready is None:
        return f"nobody looked at it; is the cluster Ready (`kubectl get cluster {place.name}`)?"
    if valid.status != "True":
        return valid.message
    if ready.status != "True":
        if ready.reason == "Failed":
            raise ApiError(f"cluster {place.name} does not export {place.title}: {ready.message}")
        return ready.message
    made = await set_of(host, place.service)
    named = {each.name: each.export_creation_timestamp for each in made.clusters} if made else {}
    if named.get(place.name) != live["metadata"]["creationTimestamp"]:
        return "the host has not put it together with the exports of other clusters"
    return ""


async def _uid(place: Place) -> str:
    if (live := await place.export()) is None:
        raise ApiError(
            f"cluster {place.name} has no ServiceExport {place.title}; `atoll services explain "
            f"{place.title}` shows who exports it"
        )
    uid: str = live["metadata"]["uid"]
    return uid


async def _loss(host: Api, service: Service, leaving: set[str]) -> str | None:
    """Say what goes when clusters stop, if no other is left that exports the Service."""
    made = await set_of(host, service)
    if made is None or not {each.name for each in made.clusters} <= leaving:
        return None
    told = await known(host, service)
    count = sum(not each.unused for each in endpoints(told.found, told.slices))
    return f"no other cluster exports {'/'.join(service)}: {_what_goes(made, count)}"


def _what_goes(made: ServiceSetSpec, count: int) -> str:
    ip = " with its IP" if made.service.type == "ClusterSetIP" else ""
    name = f"{made.name}.{made.namespace}.svc.clusterset.local"
    return (
        f"every cluster loses the ServiceImport{ip} and its endpoints ({count}), and callers of {name} fail"
    )


async def _delete(place: Place, uid: str) -> None:
    try:
        await place.api.delete(SERVICE_EXPORTS, place.service[1], place.service[0], uid=uid)
    except NotFound:
        return
    except StatusError as error:
        raise ApiError(f"cluster {place.name} keeps the ServiceExport {place.title}: {error}") from None


async def _until_withdrawn(host: Api, place: Place, timeout: float) -> None:
    try:
        async with asyncio.timeout(timeout):
            while await _is_known(host, place):  # noqa: ASYNC110 - the API has no event for it
                await asyncio.sleep(_AGAIN)
    except TimeoutError:
        raise ApiError(
            f"the ServiceExport {place.title} in cluster {place.name} is deleted, but others still have its "
            f"endpoints after {timeout:.0f} s; they go when the cluster is Ready (`kubectl get cluster "
            f"{place.name}`) and the controller runs"
        ) from None


async def _is_known(host: Api, place: Place) -> bool:
    made = await set_of(host, place.service)
    return made is not None and any(each.name == place.name for each in made.clusters)


def _condition(export: Manifest, type_: str) -> Condition | None:
    found = (export.get("status") or {}).get("conditions") or ()
    return next((Condition.model_validate(each) for each in found if each["type"] == type_), None)
