"""atoll render: the manifest that a cluster is to hold, by the classes that the controller renders with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from federation.cli.explaining.known import Known
from federation.cli.explaining.sights import Sights, look
from federation.cli.explaining.values import document
from federation.controllers.gate import Gate
from federation.controllers.keys import Key
from federation.controllers.kinds import Record
from federation.controllers.wanted import Wanted
from federation.kube.api import Manifest
from federation.kube.differences import masked
from federation.kube.errors import ApiError
from federation.setup import host_id_of
from policies.api.cluster import Cluster
from policies.rendering import Rendered
from policies.verdicts import Verdict


class Intent(NamedTuple):
    """What the host wants of clusters, and what they have."""

    record: Record
    host_id: str
    clusters: Mapping[str, Cluster]
    """All that it is placed on."""
    wanted: Mapping[str, Rendered | Verdict]
    """Of those that were chosen."""
    sights: Sights
    failures: Mapping[str, str]
    """Why clusters gave no answer."""


async def rendered(
    known: Known,
    clusters: Sequence[str],
    form: str,
    tell: Callable[[str], None],
    *,
    secrets: bool,
    whole: bool,
) -> str:
    """Return the manifests of clusters.

    :param tell: is told what people should know besides.
    :param whole: as a map by cluster in JSON and as a stream in YAML, also when it is only one
    :raises ApiError: there is none for one of them
    """
    intent = await intent_of(known, clusters, tell)
    for name, failure in intent.failures.items():
        tell(f"warning: {failure}; rendered as if no autoscaler in {name} decided replicas")
    manifests = {name: _manifest(known, name, each, secrets) for name, each in intent.wanted.items()}
    if not whole:
        (manifest,) = manifests.values()
        return document(manifest, form)
    if form == "json":
        return document(manifests, form)
    return "\n---\n".join(f"# cluster {name}\n{document(each, form)}" for name, each in manifests.items())


def _manifest(known: Known, cluster: str, wanted: Rendered | Verdict, secrets: bool) -> Manifest:
    if isinstance(wanted, Verdict):
        raise ApiError(
            f"{known.ref}: nothing to hold for cluster {cluster}: {wanted.reason}: {wanted.message}"
        )
    return wanted.whole if secrets else masked(wanted.whole)


async def intent_of(known: Known, chosen: Sequence[str], waiting: Callable[[str], None]) -> Intent:
    """Return what some clusters are to hold; without names, all that it is placed on.

    :raises ApiError: it is not placed there
    """
    host, ref, template, record = known
    if record is None or not (record.spec.policy or record.spec.required_by):
        why = "no policy governs it" if record is not None else "it has no binding"
        raise ApiError(f"{ref}: {why}, so that no cluster is to hold it; see `atoll explain`")
    targets = _targets(known, record)
    names = _chosen(known, list(chosen), targets)
    host_id = await host_id_of(host.api)
    governed = Gate(host, Sights(())).governs(ref, template)  # then what all of them hold counts
    asked = [cluster for name, cluster in targets.items() if governed or name in names]
    sights, failures = await look(known, host_id, asked, waiting)
    wanted = Wanted(host, Gate(host, sights), sights)
    answers = {name: wanted(Key(name, ref), template, record, targets[name]) for name in names}
    return Intent(record, host_id, targets, answers, sights, failures)


def _targets(known: Known, record: Record) -> dict[str, Cluster]:
    placed = {target.name: known.host.clusters.get(("", target.name)) for target in record.spec.clusters}
    return {name: cluster for name, cluster in placed.items() if cluster is not None}


def _chosen(known: Known, chosen: list[str], targets: Mapping[str, Cluster]) -> list[str]:
    for name in chosen:
        if name not in targets:
            placed = ", ".join(targets) or "no cluster"
            raise ApiError(
                f"{known.ref} is not placed on cluster {name}, but on {placed}; `atoll explain` says why"
            )
    if not targets:
        raise ApiError(f"{known.ref} is placed on no cluster; `atoll explain` says why")
    return list(dict.fromkeys(chosen)) or list(targets)
