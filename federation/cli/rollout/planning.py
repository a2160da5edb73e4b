"""atoll rollout plan: the steps of a release to come, from files alone or as the host has things."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from federation.cli.rollout.columns import columns, duration
from federation.cli.rollout.target import Workload, live, workload_named
from federation.kube.api import Api, Manifest, Resource
from federation.kube.errors import ApiError, NotFound
from federation.resources import CLUSTER, CLUSTER_ROLLOUT_POLICY, RESOURCE_BINDING, ROLLOUT_POLICY
from policies.api.binding import ResourceBinding, TargetCluster
from policies.api.cluster import Cluster
from policies.api.meta import API_VERSION
from policies.api.rollout_policy import ClusterRolloutPolicy, RolloutPolicy, RolloutStep
from policies.copies import binding_name
from policies.matching import group_of, subject_of
from policies.podspec import pod_template_path
from policies.release.choice import POLICY_ANNOTATION, followed
from policies.release.plan import Plan, PlannedStep, plan, planned_steps
from policies.selectors import matches_affinity
from policies.validation import validate
from policies.workloads import drivers

_KINDS = {"RolloutPolicy": RolloutPolicy, "ClusterRolloutPolicy": ClusterRolloutPolicy}


class Given(NamedTuple):
    """What files and options say."""

    workload: Manifest | None
    """The one workload of the files; None when there is none."""
    policies: Sequence[RolloutPolicy]
    replicas: Mapping[str, int]
    """Pods wanted in each cluster; empty when they are for the host to say."""
    meant: bool
    """The policy was named as such: whether it selects the workload does not matter."""

    @property
    def is_complete(self) -> bool:
        """Whether the host need not be asked."""
        return bool(self.policies and self.replicas)


def read(files: Sequence[Path], policy: Path | None, replicas: Mapping[str, int]) -> Given:
    """Read workload and policies.

    :raises ApiError: a file can't be read, or a policy is not one that could be stored.
    """
    manifests = [manifest for path in files for manifest in _manifests(path)]
    ours = [manifest for manifest in manifests if manifest["kind"] in _KINDS]
    workloads = _released(manifests)
    if policy is not None:
        ours = [manifest for manifest in _manifests(policy) if manifest["kind"] in _KINDS]
        if not ours:
            raise ApiError(f"{policy}: holds no RolloutPolicy; --policy names the file of one")
    if len(workloads) > 1:
        names = ", ".join(f"{each['kind'].lower()}/{each['metadata']['name']}" for each in workloads)
        raise ApiError(f"-f names several workloads ({names}); plan one at a time")
    workload, policies = workloads[0] if workloads else None, [_policy(each) for each in ours]
    return Given(workload, policies, replicas, policy is not None)


def offline(given: Given) -> str:
    """Plan from what is given alone.

    :raises ApiError: a step selects clusters by what only the host knows of them.
    """
    policy = _governing(given.policies, given.workload, given.meant)
    for number, step in enumerate(planned_steps(policy.spec), 1):
        if step.clusters and (step.clusters.label_selector or step.clusters.field_selector):
            raise ApiError(
                f"{_title(policy)}: step {number} selects clusters by labels or fields, which only the host "
                "knows: plan without --clusters, or name the clusters"
            )
    clusters = [_cluster({"metadata": {"name": name}}) for name in given.replicas]
    replicas = given.replicas
    if given.workload is not None:
        group, kind = group_of(given.workload["apiVersion"]), given.workload["kind"]
        return _planned(
            policy, _counted(group, kind, replicas, replicas), clusters, drivers.required(group, kind).units
        )
    return _planned(policy, replicas, clusters, "pods")


def _released(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Return what a plan can be about: workloads with pods, or else what is released by cluster."""
    able = [each for each in manifests if drivers.of(group_of(each["apiVersion"]), each["kind"]) is not None]
    return [each for each in able if pod_template_path(each)] or able


def _counted(
    group: str, kind: str, replicas: Mapping[str, int | None], reported: Mapping[str, int]
) -> dict[str, int]:
    """Return how many units a release has in each cluster; pods of kinds without replicas are reported."""
    driver = drivers.required(group, kind)
    wanted = {name: driver.replicas(placed, None) for name, placed in replicas.items()}
    return {name: reported.get(name, 0) if count is None else count for name, count in wanted.items()}


async def online(api: Api, what: str | None, namespace: str, given: Given) -> str:
    """Plan with what the host says of the rest: placement, policies, clusters.

    :raises ApiError: something is missing there.
    """
    if what is None and given.workload is None:
        raise ApiError("name a workload as KIND/NAME, or its file with -f, or give --policy and --clusters")
    workload, manifest = await _workload(api, what, namespace, given)
    group, kind = workload.resource.group, workload.resource.kind
    if why := drivers.why_not(group, kind):
        raise ApiError(f"{workload}: {kind} can't be released in steps: {why}")
    placed = given.replicas, given.replicas
    replicas = _counted(group, kind, *(placed if given.replicas else await _placed(api, workload)))
    policies = given.policies or await _policies(api, workload.namespace)
    clusters = [_cluster(each) for each in await _all(api, CLUSTER, None)]
    governing = _governing(policies, manifest, given.meant)
    return _planned(governing, replicas, clusters, drivers.required(group, kind).units)


def _planned(
    policy: RolloutPolicy, replicas: Mapping[str, int], clusters: Sequence[Cluster], units: str
) -> str:
    scopes = [_scope(step, clusters) for step in planned_steps(policy.spec)]
    return _text(policy, plan(policy.spec, replicas, scopes, units), replicas, units)


def _scope(step: RolloutStep, clusters: Iterable[Cluster]) -> frozenset[str] | None:
    if (affinity := step.clusters) is None:
        return None
    return frozenset(each.metadata.name for each in clusters if matches_affinity(affinity, each))


def _text(policy: RolloutPolicy, made: Plan, replicas: Mapping[str, int], units: str) -> str:
    names = sorted(replicas)
    rows: list[Sequence[object]] = [("STEP", "UPDATED", *names, "TOTAL", "WAVES", "THEN")]
    total = sum(replicas.values())
    for number, each in enumerate(made.steps, 1):
        title = f"{number} {each.step.name}".rstrip()
        targets = [each.targets[name] for name in names]
        rows.append((title, each.step.updated, *targets, f"{each.total}/{total}", each.waves, _then(each)))
    down = f"at most {made.max_unavailable} {units} are down at a time"
    notes = [f"note: {note}" for note in made.notes]
    return "\n".join([f"{_title(policy)}: {down}", "", columns(rows), *notes])


def _then(planned: PlannedStep) -> str:
    then = [f"bake {duration(planned.step.bake_seconds)}"] if planned.step.bake_seconds else []
    then += ["approval"] if planned.step.approval == "Manual" else []
    return ", ".join(then) or "-"


def _governing(policies: Sequence[RolloutPolicy], workload: Manifest | None, meant: bool) -> RolloutPolicy:
    """Return the policy that would govern a workload, or the one that is meant whatever it selects."""
    if len(policies) == 1 and (meant or workload is None):
        return policies[0]
    if workload is None:
        names = ", ".join(map(_title, policies))
        raise ApiError(f"several policies are given ({names}) and no workload to choose by; give one")
    subject = subject_of(workload)
    home = subject.namespace or next((p.metadata.namespace for p in policies if p.metadata.namespace), "")
    subject, policies = subject._replace(namespace=home), [_at_home(policy, home) for policy in policies]
    named = (workload["metadata"].get("annotations") or {}).get(POLICY_ANNOTATION, "")
    if (found := followed(subject, named, policies)) is not None:
        return found
    why = f"its annotation names {named}" if named else "none selects it"
    name = f"{subject.kind.lower()}/{subject.name}"
    raise ApiError(
        f"{name}: no RolloutPolicy governs it ({why}), so a change goes to all its clusters at once; "
        "--policy FILE plans with another policy"
    )


def _at_home(policy: RolloutPolicy, namespace: str) -> RolloutPolicy:
    """Put a policy whose file leaves the namespace to kubectl beside the workload."""
    if policy.metadata.namespace or isinstance(policy, ClusterRolloutPolicy):
        return policy
    metadata = policy.metadata.model_copy(update={"namespace": namespace})
    return policy.model_copy(update={"metadata": metadata})


async def _workload(api: Api, what: str | None, namespace: str, given: Given) -> tuple[Workload, Manifest]:
    if given.workload is None:
        workload = await workload_named(api, what or "", namespace)
        return workload, await live(api, workload)
    metadata = given.workload["metadata"]
    name = f"{given.workload['kind'].lower()}/{metadata['name']}"
    return await workload_named(api, name, metadata.get("namespace") or namespace), given.workload


async def _placed(api: Api, workload: Workload) -> tuple[dict[str, int | None], Mapping[str, int]]:
    """Return where a workload is placed with how many replicas, and how many pods the clusters report."""
    resource = workload.resource
    name = binding_name(resource.plural, resource.group, workload.name)
    targets, reported = await _binding(api, name, workload.namespace)
    if not targets:
        raise ApiError(
            f"{workload}: it is placed nowhere; --clusters m1=50,m2=30 says where it would be, or see `atoll "
            "placements`"
        )
    return {target.name: target.replicas for target in targets}, reported


async def _binding(api: Api, name: str, namespace: str) -> tuple[Sequence[TargetCluster], Mapping[str, int]]:
    """Return where a binding places its template, and how many pods the clusters report."""
    try:
        binding = ResourceBinding.model_validate(await api.get(RESOURCE_BINDING, name, namespace))
    except NotFound:
        return (), {}
    reported = {result.name: result.replicas or 0 for result in binding.status.clusters}
    return binding.spec.clusters, reported


async def _policies(api: Api, namespace: str) -> list[RolloutPolicy]:
    stored = await _all(api, ROLLOUT_POLICY, namespace) + await _all(api, CLUSTER_ROLLOUT_POLICY, None)
    return [_KINDS[each["kind"]].model_validate(each) for each in stored]


async def _all(api: Api, resource: Resource, namespace: str | None) -> list[Manifest]:
    return [item async for page in api.list(resource, namespace=namespace) for item in page.items]


def _cluster(manifest: Manifest) -> Cluster:
    return Cluster.model_validate({"apiVersion": API_VERSION, "kind": "Cluster", **manifest})


def _policy(manifest: Manifest) -> RolloutPolicy:
    denials = validate(manifest).denials
    if denials:
        name = (manifest.get("metadata") or {}).get("name", "")
        raise ApiError(f"{manifest['kind']} {name}: {'; '.join(map(str, denials))}")
    return _KINDS[manifest["kind"]].model_validate(manifest)


def _title(policy: RolloutPolicy) -> str:
    return f"{policy.kind} {policy.metadata.name}"


def _manifests(path: Path) -> Iterator[Manifest]:
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ApiError(f"{path}: {error}") from None
    for document in documents:
        if document is None:
            continue
        for manifest in _items(document):
            if not (isinstance(manifest, dict) and {"apiVersion", "kind", "metadata"} <= manifest.keys()):
                raise ApiError(
                    f"{path}: holds something that is no object with apiVersion, kind and metadata"
                )
            yield manifest


def _items(document: Any) -> list[Any]:
    is_list = isinstance(document, dict) and document.get("kind") == "List"
    return list(document.get("items") or ()) if is_list else [document]
