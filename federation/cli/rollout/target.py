"""What a command is about: `deployment/web` is a workload and means its newest run, `rollout/web-3` a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from federation.controllers.references import ref_of
from federation.kube.api import Api, Manifest, Resource
from federation.kube.discovery import Discovery
from federation.kube.errors import ApiError, NotFound, NotServed
from federation.kube.types import named
from federation.resources import ROLLOUT
from policies.api.rollout import Rollout
from policies.matching import group_of

_ROLLOUT_WORDS = ("", "ro", "rollout", "rollouts", f"rollouts.{ROLLOUT.group}")


class Workload(NamedTuple):
    """A workload on the host; it need not be there (any more)."""

    resource: Resource
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.resource.plural}/{self.name} in {self.namespace}"

    @property
    def words(self) -> str:
        """How commands name it."""
        kind = self.resource.kind.lower()
        known = "." not in self.resource.group
        return f"{kind if known else f'{kind}.{self.resource.group}'}/{self.name} -n {self.namespace}"


def default_namespace(kubeconfig: str | None, context: str | None) -> str:
    """Return the namespace that kubectl would use: that of the context, else `default`."""
    from kubernetes.aio.config import ConfigException
    from kubernetes.aio.config.kube_config import list_kube_config_contexts

    path = kubeconfig or os.environ.get("KUBECONFIG")
    if path is None and not (Path.home() / ".kube" / "config").exists():
        return "default"  # in a pod
    try:
        contexts, current = list_kube_config_contexts(path)  # type: ignore[no-untyped-call]
    except ConfigException:
        return "default"  # without a current context
    chosen = next((each for each in contexts if each["name"] == context), current) if context else current
    return str(chosen["context"].get("namespace") or "default")


async def run_of(api: Api, what: str, namespace: str) -> Rollout:
    """Return the run that a command is about.

    :raises ApiError: there is none.
    """
    if (run := await newest_run(api, what, namespace)) is not None:
        return run
    raise ApiError(
        f"{what} in {namespace}: nothing was released yet; a release begins when the pod template changes, "
        "or the content of what has none, and a RolloutPolicy selects the workload. See `atoll rollout "
        f"list -n {namespace}`"
    )


async def newest_run(api: Api, what: str, namespace: str) -> Rollout | None:
    """The same, but None for a workload that has no run yet."""
    kind, name = _parsed(what)
    if kind in _ROLLOUT_WORDS:
        return await _rollout(api, name, namespace)
    runs = await runs_of(api, await _resolved(api, kind, name, namespace))
    return runs[-1] if runs else None


def names_run(what: str) -> bool:
    """Whether a command names a run itself, not its workload."""
    return _parsed(what)[0] in _ROLLOUT_WORDS


async def workload_named(api: Api, what: str, namespace: str) -> Workload:
    """Return the workload that a command is about; a run stands for its own."""
    kind, name = _parsed(what)
    if kind in _ROLLOUT_WORDS:
        return workload_of(await _rollout(api, name, namespace))
    return await _resolved(api, kind, name, namespace)


def workload_of(rollout: Rollout) -> Workload:
    """Return the workload of a run."""
    ref = ref_of(rollout.spec.workload_ref)
    return Workload(ref.resource, ref.namespace or rollout.metadata.namespace, ref.name)


async def runs_of(api: Api, workload: Workload) -> list[Rollout]:
    """Return the runs of a workload, the newest last."""
    runs = []
    async for page in api.list(ROLLOUT, namespace=workload.namespace):
        runs += [Rollout.model_validate(item) for item in page.items]
    return sorted((run for run in runs if _is_about(run, workload)), key=_age)


async def live(api: Api, workload: Workload) -> Manifest:
    """Return a workload as it is on the host.

    :raises ApiError: it is not there.
    """
    try:
        return await api.get(workload.resource, workload.name, workload.namespace)
    except (NotFound, NotServed):
        raise ApiError(
            f"{workload}: not found on the host; name the workload as KIND/NAME and its namespace with -n"
        ) from None


def _parsed(what: str) -> tuple[str, str]:
    kind, _, name = what.rpartition("/")
    if not name or "/" in kind:
        raise ApiError(
            f"{what}: name a workload as KIND/NAME, such as deployment/web, or a run as rollout/web-3"
        )
    return kind.lower(), name


async def _rollout(api: Api, name: str, namespace: str) -> Rollout:
    try:
        return Rollout.model_validate(await api.get(ROLLOUT, name, namespace))
    except NotFound:
        raise ApiError(
            f"rollouts/{name} in {namespace}: not found; `atoll rollout list -n {namespace}` shows those "
            "there are. A workload is named with its kind: deployment/web"
        ) from None


async def _resolved(api: Api, kind: str, name: str, namespace: str) -> Workload:
    discovery = Discovery(api)
    await discovery.refresh()
    found = [resource for resource in named(discovery.types, kind) if resource.namespaced]
    if not found:
        raise ApiError(f"{kind}/{name}: the host serves no kind {kind}; see `kubectl api-resources`")
    return Workload(found[0], namespace, name)


def _is_about(run: Rollout, workload: Workload) -> bool:
    ref = run.spec.workload_ref
    group, kind = workload.resource.group, workload.resource.kind
    return (group_of(ref.api_version), ref.kind, ref.name) == (group, kind, workload.name)


def _age(run: Rollout) -> tuple[str, int]:
    return run.metadata.creation_timestamp, run.number
