"""atoll diff: what the host wants of clusters against what they have, by the API servers of the clusters.

A server-side apply that is not carried out (dry run) says what the controller's apply would change: defaults
and allocated fields are filled in, what others own is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import ndiff
from typing import Any, NamedTuple

from federation.cli.explaining.known import Known
from federation.cli.explaining.rendering import Intent
from federation.cli.explaining.sights import ANSWER
from federation.cli.explaining.values import document
from federation.cli.reach import answers, reached
from federation.controllers.writer import gives_replicas_up, refusal, with_replicas_kept
from federation.kube.api import Api, Manifest
from federation.kube.differences import Difference, differences, masked_difference
from federation.kube.errors import ApiError, Forbidden, StatusError, Unauthorized
from federation.kube.ownership import owners
from federation.kube.ref import Ref
from policies.api.cluster import Cluster
from policies.copies import (
    BINDING_ANNOTATION,
    DIGEST_ANNOTATION,
    FIELD_MANAGER,
    HOST_LABEL,
    RELEASE_ANNOTATION,
    RELEASE_MANAGER,
    REPLICAS_MANAGER,
    stamp,
)
from policies.verdicts import Verdict

_OURS = frozenset({FIELD_MANAGER, RELEASE_MANAGER, REPLICAS_MANAGER})
_SERVERS = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid")
_MARKS = {
    "labels": {HOST_LABEL},
    "annotations": {DIGEST_ANNOTATION, BINDING_ANNOTATION, RELEASE_ANNOTATION},
}


class Field(NamedTuple):
    """A field in which a cluster's object differs from what the host wants."""

    difference: Difference
    """From what the cluster has to what the host wants."""
    drift: bool
    """It was changed in the cluster; else the host has yet to apply it."""
    managers: tuple[str, ...]
    """Who else owns the field."""


class Compared(NamedTuple):
    """One cluster's object against what the host wants."""

    cluster: str
    fields: tuple[Field, ...] = ()
    missing: bool = False
    """The cluster does not have the object."""
    failure: str = ""
    """Why it can't be compared."""

    @property
    def differs(self) -> bool:
        return self.missing or bool(self.fields)


async def compared(known: Known, intent: Intent, waiting: Callable[[str], None]) -> list[Compared]:
    """Compare in all clusters at once; `waiting` is told for whom, if it takes long."""

    async def compare(cluster: Cluster) -> Compared:
        return await _compared(known, intent, cluster)

    clusters = [intent.clusters[name] for name in intent.wanted]
    return [
        answer.found or Compared(answer.cluster, failure=answer.failure)
        async for batch in answers(clusters, compare, waiting, early=False)
        for answer in batch
    ]


async def _compared(known: Known, intent: Intent, cluster: Cluster) -> Compared:
    """Compare in one cluster.

    :raises ApiError: it can't be compared
    """
    name, ref, record = cluster.metadata.name, known.ref, intent.record
    wanted, sight = intent.wanted[name], intent.sights.of(name)
    if sight is None:
        raise ApiError(intent.failures[name])
    if isinstance(wanted, Verdict):
        raise ApiError(f"cluster {name}: {wanted.reason}: {wanted.message}")
    if sight.live is None:
        return Compared(name, missing=True)
    if (verdict := refusal(ref, name, record, sight.live, intent.host_id)) is not None:
        raise ApiError(f"{verdict.reason}: {verdict.message}")
    manifest = wanted.whole
    if sight.copy is not None and gives_replicas_up(wanted, sight.copy):  # they are kept when we let go
        manifest = with_replicas_kept(manifest, sight.copy)
    manifest = stamp(
        manifest, host=intent.host_id, digest=wanted.digest, binding=record.binding, echo=wanted.echo
    )
    async with reached(known.host.api, cluster, ANSWER) as api:
        after = await _applied(api, ref, name, manifest)
    is_current = sight.copy is not None and sight.copy.copy.digest == wanted.digest
    return Compared(name, tuple(fields_of(sight.live, after, is_current=is_current)))


async def _applied(api: Api, ref: Ref, cluster: str, manifest: Manifest) -> Manifest:
    """Return the object as an apply would leave it."""
    try:
        return await api.apply(ref.resource, manifest, manager=FIELD_MANAGER, dry_run=True)
    except (Forbidden, Unauthorized):
        raise  # says nothing of the manifest
    except StatusError as error:
        raise ApiError(f"cluster {cluster} would refuse {ref}: {error}") from None


def fields_of(live: Manifest, after: Manifest, *, is_current: bool) -> list[Field]:
    """Return what an apply would change of an object, and whose doing that is.

    :param is_current: the last apply was of what the host wants now, so that whatever differs is drift
    """
    managed = live["metadata"].get("managedFields") or []
    found = []
    for each in differences(_plain(live), _plain(after)):
        others = owners(live, managed, each.path) if each.before is not None else []
        managers = tuple(dict.fromkeys(name for name in others if name not in _OURS))
        drift = is_current or (bool(managers) and not _OURS & set(others))
        found.append(Field(masked_difference(live, each), drift, managers))
    return found


def _plain(manifest: Manifest) -> Manifest:
    """Return an object without what the server keeps account with, its status, and our marks."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in _SERVERS}
    for field, marks in _MARKS.items():
        kept = {key: value for key, value in (metadata.pop(field, None) or {}).items() if key not in marks}
        if kept:
            metadata[field] = kept
    rest = {key: value for key, value in manifest.items() if key != "status"}
    return rest | {"metadata": metadata}


def told(ref: Ref, found: Compared) -> Iterator[str]:
    """Yield the lines of a comparison: of each field what the cluster has (-) and what the host wants (+)."""
    if not found.differs:
        return
    yield f"--- {ref}, cluster {found.cluster}"
    yield "+++ as the host wants it"
    if found.missing:
        yield "@@ not in the cluster: `atoll render` shows what is to come @@"
    for field in found.fields:
        yield f"@@ {field.difference.field} @@ {_why(field)}"
        yield from _lines(field.difference.before, field.difference.after)


def _why(field: Field) -> str:
    if not field.drift:
        return "to be applied"
    if field.managers:
        return f"drift: set by {', '.join(field.managers)}"
    return "drift: removed in the cluster" if field.difference.before is None else "drift"


def _lines(before: Any, after: Any) -> Iterator[str]:
    for line in ndiff(_text(before), _text(after)):
        if not line.startswith("?"):
            yield f"{line[0]}{line[2:]}"


def _text(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str) and value:
        return value.splitlines()
    return document(value, "yaml").removesuffix("\n...").splitlines()


def as_data(found: Compared) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "cluster": found.cluster,
        "differs": found.differs,
        "missing": found.missing,
        "failure": found.failure,
        "fields": [
            {
                "field": each.difference.field,
                "member": each.difference.before,
                "host": each.difference.after,
                "drift": each.drift,
                "managers": list(each.managers),
            }
            for each in found.fields
        ],
    }
