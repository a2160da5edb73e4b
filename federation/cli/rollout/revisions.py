"""The revisions of a workload: what was released, how it differs from what is there, and the way back."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import yaml

from federation.cli.rollout.columns import age, columns
from federation.cli.rollout.target import Workload, live, runs_of, workload_named, workload_of
from federation.cli.rollout.verbs import MANAGER, title
from federation.kube.api import JSON_PATCH, Api, Manifest
from federation.kube.errors import ApiError, Conflict, NotFound
from federation.resources import CONTROLLER_REVISIONS
from policies.api.rollout import Rollout
from policies.podspec import pod_template_path
from policies.pruning import prune
from policies.release.content import content, noun
from policies.release.permission import settled
from policies.release.revision import WORKLOAD_LABEL, Revision
from policies.release.revision import read as read_revision
from policies.release.telling import TERMINAL

_TRIES = 10  # the status of a workload is written often during a release


class Kept(NamedTuple):
    """A ControllerRevision."""

    number: int
    revision: Revision
    created: str

    @property
    def name(self) -> str:
        return self.revision.name

    @property
    def images(self) -> str:
        return ",".join(_images(self.revision.content)) or "-"


class Past(NamedTuple):
    """A workload with all that is known of its releases."""

    workload: Workload
    manifest: Manifest
    revisions: Sequence[Kept]
    """The newest last."""
    runs: Sequence[Rollout]
    """The newest last."""

    @property
    def content(self) -> Manifest:
        """Its content as it would be propagated, which is how revisions hold theirs."""
        return content(prune(self.manifest))

    @property
    def noun(self) -> str:
        return noun(self.manifest)


async def past_of(api: Api, what: str, namespace: str) -> Past:
    """Read the past of a workload.

    :raises ApiError: it is not there, or nothing was kept of it.
    """
    workload = await workload_named(api, what, namespace)
    manifest = await live(api, workload)
    selector = {"labelSelector": f"{WORKLOAD_LABEL}={manifest['metadata']['uid']}"}
    kept = []
    async for page in api.list(CONTROLLER_REVISIONS, namespace=workload.namespace, selector=selector):
        kept += [_kept(item) for item in page.items]
    if not kept:
        raise ApiError(
            f"{workload}: no revisions are kept of it; they are once a RolloutPolicy selects it. See "
            f"`kubectl get rolloutpolicies -n {workload.namespace}`"
        )
    kept.sort(key=lambda each: each.number)
    return Past(workload, manifest, kept, await runs_of(api, workload))


async def is_behind(api: Api, rollout: Rollout) -> bool:
    """Whether the workload of a run that is over has a content that the run knows nothing of."""
    workload = workload_of(rollout)
    names = {rollout.spec.target_revision}
    if rollout.status.phase in ("RolledBack", "Cancelled"):
        names.add(rollout.spec.stable_revision)
    try:
        manifest = await api.get(workload.resource, workload.name, workload.namespace)
        known = [await api.get(CONTROLLER_REVISIONS, name, workload.namespace) for name in names]
    except NotFound:
        return False
    return content(prune(manifest)) not in [_kept(revision).revision.content for revision in known]


def history(past: Past) -> str:
    """Return a table of the revisions and what became of each."""
    rows: list[Sequence[object]] = [("REVISION", "NAME", "IMAGES", "AGE", "OUTCOME")]
    rows += [
        (kept.number, kept.name, kept.images, age(kept.created), _outcome(past, kept))
        for kept in past.revisions
    ]
    return columns(rows)


def _outcome(past: Past, kept: Kept) -> str:
    run = next((run for run in reversed(past.runs) if run.spec.target_revision == kept.name), None)
    said = []
    if run is not None:
        said.append(f"{run.status.phase} in {run.metadata.name}")
        if run.status.phase not in TERMINAL and run.status.step:
            said[0] += f", step {run.status.step}"
        elif run.status.phase != "Completed" and run.status.reason:
            said[0] += f" ({run.status.reason})"
    if past.runs and settled(past.runs[-1]) == kept.name:
        said.append("stable")
    return "; ".join(said) or "-"


def diff(past: Past, number: int | None) -> str:
    """Return how the content of the workload differs from that of a revision, by default the stable."""
    kept = _chosen(past, number)
    here = f"{past.workload.resource.plural}/{past.workload.name} (now)"
    then, now = _yaml(kept.revision.content), _yaml(past.content)
    lines = difflib.unified_diff(then, now, f"revision {kept.number} ({kept.name})", here, lineterm="")
    text = "\n".join(lines)
    return text or f"{past.workload}: its {past.noun} is that of revision {kept.number}"


async def undo(api: Api, what: str, namespace: str, number: int | None) -> str:
    """Give a workload the content of a revision back; return what happens next.

    :param number: of the revision; None for the stable one.
    """
    for _ in range(_TRIES):
        past = await past_of(api, what, namespace)
        kept = _chosen(past, number)
        if kept.revision.content == past.content:
            raise ApiError(
                f"{past.workload} has the {past.noun} of revision {kept.number} already; "
                f"`atoll rollout history {past.workload.words}` shows the others, --to-revision names one"
            )
        path = "".join(f"/{key}" for key in pod_template_path(past.manifest) or ())
        version = past.manifest["metadata"]["resourceVersion"]
        body = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},  # a precondition: 409
            *_changes(path, past.content, kept.revision.content),
        ]
        workload = past.workload
        try:
            await api.patch(
                workload.resource, workload.name, workload.namespace, body,
                manager=MANAGER, content_type=JSON_PATCH,
            )  # fmt: skip
        except Conflict:
            continue
        return _going_back(past, kept)
    raise ApiError(f"{what} in {namespace} changed {_TRIES} times while it was being written; try again")


def _going_back(past: Past, kept: Kept) -> str:
    said = f"{past.workload} has the {past.noun} of revision {kept.number} ({kept.images}) again"
    watch = f"`atoll rollout status {past.workload.words} --watch` shows it"
    run = past.runs[-1] if past.runs else None
    if run and run.status.phase not in TERMINAL and run.spec.stable_revision == kept.name:
        return f"{said}: {title(run)} rolls back; {watch}"
    return f"{said}: a release of it begins; {watch}"


def _chosen(past: Past, number: int | None) -> Kept:
    wanted: int | str
    if number is not None:
        wanted, found = number, [kept for kept in past.revisions if kept.number == number]
    elif past.runs:
        wanted = past.runs[-1].spec.stable_revision
        found = [kept for kept in past.revisions if kept.name == wanted]
    else:
        raise ApiError(f"{past.workload}: nothing was released yet, so there is no revision to return to")
    if not found:
        kept = ", ".join(str(each.number) for each in past.revisions)
        raise ApiError(f"{past.workload}: revision {wanted} is not kept; there are {kept}. Name one of them")
    return found[0]


def _kept(manifest: Manifest) -> Kept:
    metadata = manifest["metadata"]
    try:
        revision = read_revision(metadata["name"], manifest.get("data") or {})
    except ValueError as error:
        raise ApiError(f"{error}; delete it, nothing can be released from it") from None
    return Kept(manifest.get("revision", 0), revision, metadata.get("creationTimestamp", ""))


def _changes(path: str, now: Any, then: Any) -> list[Manifest]:
    """Return the operations of a JSON patch from a content to another; what the host added to it stays."""
    if now == then:
        return []
    if not (isinstance(now, dict) and isinstance(then, dict)):
        return [{"op": "replace", "path": path, "value": then}]
    changes = [{"op": "remove", "path": _below(path, key)} for key in now.keys() - then.keys()]
    changes += [
        {"op": "add", "path": _below(path, key), "value": then[key]} for key in then.keys() - now.keys()
    ]
    for key in now.keys() & then.keys():
        changes += _changes(_below(path, key), now[key], then[key])
    return changes


def _below(path: str, key: str) -> str:
    escaped = key.replace("~", "~0").replace("/", "~1")
    return f"{path}/{escaped}"


def _images(content: Manifest) -> Iterator[str]:
    pod_spec = content.get("spec")
    containers = pod_spec.get("containers") if isinstance(pod_spec, dict) else None
    for container in containers if isinstance(containers, list) else ():
        if isinstance(container, dict) and container.get("image"):
            yield container["image"]


def _yaml(content: Manifest) -> list[str]:
    return str(yaml.safe_dump(content, sort_keys=True)).splitlines()
