"""Planning: manifests and what there is now, to the plan of what applying them would change.

What there is comes from files or from a host, which is only read. `policies.planning` decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from federation.controllers.documents import Yaml
from federation.manifests import Document, Unreadable
from mcs.api import KINDS as SERVICE_KINDS
from policies.api import KINDS
from policies.api.binding import BindingSpec, ResourceBinding
from policies.api.cluster import Cluster
from policies.api.interpreter import ResourceInterpreter
from policies.api.meta import API_VERSION, GROUP, Manifest
from policies.api.schema import kind_schema
from policies.interpreting import in_force, interpretations, read_anew
from policies.matching import group_of, never_propagated
from policies.planning.applying import applied
from policies.planning.comparison import Plan, State, compare
from policies.planning.copies import Decided, Renderer, decisions
from policies.planning.world import (
    Entity,
    Identity,
    Template,
    World,
    entity_of,
    identity_of,
    serving_everything,
)
from policies.validation import validate
from policies.validation.selection import CLUSTER_SCOPED
from policies.validation.unknown import unknown_fields
from policies.verdicts import Verdict
from policies.workloads.interpretation import Interpretations

_MODELS = {kind.__name__: kind for kind in (*KINDS, *SERVICE_KINDS)}
_BINDINGS = ("ResourceBinding", "ClusterResourceBinding")
_JUDGED = frozenset(kind.__name__ for kind in KINDS)
"""Kinds that `policies.validation` knows."""
_INTERPRETER = (GROUP, ResourceInterpreter.__name__)
_CLUSTER_SCOPED = CLUSTER_SCOPED | {(GROUP, name) for name, kind in _MODELS.items() if not kind.namespaced}


class Planned(NamedTuple):
    """A plan, and what whoever reads it should know."""

    plan: Plan
    notes: tuple[str, ...]


@dataclass
class Base:
    """What there is before anything is applied."""

    manifests: Mapping[Identity, Manifest]
    standing: Mapping[Identity, BindingSpec] = field(default_factory=dict)
    """What bindings say."""
    live: bool = False
    """Bindings say it all, and the Clusters what they serve; else the rest is decided afresh."""
    invalid: Mapping[Identity, Verdict] = field(default_factory=dict)
    """Stored policies that are not valid; `manifests` lacks them."""


def planned(
    base: Base, given: Mapping[Identity, Manifest], *, prune: bool = False, notes: Iterable[str] = ()
) -> Planned:
    """Compare what there is with what there would be.

    :param given: the objects to apply.
    :param prune: what is not given is to go, but for Clusters: these leave by `atoll unjoin`.
    """
    then = {key: _onto(base.manifests.get(key), each) for key, each in given.items()}
    changed = {key: each for key, each in then.items() if base.manifests.get(key) != each}
    kept = {
        key: each
        for key, each in base.manifests.items()
        if key not in changed and (key in given or not prune or is_cluster(key))
    }
    before, after = _entities(base.manifests, kept, changed)
    from_files = given if base.live else {**base.manifests, **given}
    notes = [*notes, *_assume(before, after, from_files)]
    states = _states(base, before, after, given)
    return Planned(compare(*states), tuple(notes))


def _onto(present: Manifest | None, given: Manifest) -> Manifest:
    """Apply a file: onto what comes from a host, as its UID tells, or in the place of another file."""
    if present is None:
        return given
    if present["metadata"].get("uid"):
        return applied(present, given)
    return {"status": present["status"], **given} if present.get("status") else given


def is_cluster(key: Identity) -> bool:
    return (key.group, key.kind) == (GROUP, "Cluster")


def _interpretations(manifests: Mapping[Identity, Manifest]) -> Interpretations:
    """Return how the ResourceInterpreters among some objects, which are valid, have kinds read."""
    ours = (each for key, each in manifests.items() if (key.group, key.kind) == _INTERPRETER)
    return interpretations(in_force(map(ResourceInterpreter.model_validate, ours)))


def _entities(
    present: Mapping[Identity, Manifest],
    kept: Mapping[Identity, Manifest],
    changed: Mapping[Identity, Manifest],
) -> tuple[dict[Identity, Entity], dict[Identity, Entity]]:
    """Parse what there is, and what there would be: what stays, as it is read then, and what changes."""
    reads, will_read = _interpretations(present), _interpretations({**kept, **changed})
    kinds = read_anew(reads, will_read)
    before = _parsed(present, reads)
    after = {key: before[key] for key in kept if key in before and (key.group, key.kind) not in kinds}
    anew = {key: each for key, each in kept.items() if (key.group, key.kind) in kinds}
    return before, after | _parsed({**anew, **changed}, will_read)


def _parsed(manifests: Mapping[Identity, Manifest], read_by: Interpretations) -> dict[Identity, Entity]:
    found = ((key, entity_of(manifest, read_by)) for key, manifest in manifests.items())
    return {key: entity for key, entity in found if entity is not None}


def _assume(
    before: dict[Identity, Entity], after: dict[Identity, Entity], from_files: Mapping[Identity, Manifest]
) -> Iterator[str]:
    """Let clusters in files that say nothing of what they serve serve everything."""
    entities = [*before.values(), *after.values()]
    templates = [each for each in entities if isinstance(each, Template)]
    assumed: set[str] = set()
    for world in (before, after):
        silent = [each for key, each in world.items() if isinstance(each, Cluster) and key in from_files]
        for name, cluster in serving_everything(silent, templates).items():
            world[Identity(GROUP, "Cluster", "", name)] = cluster
            assumed.add(name)
    if assumed:
        yield (
            f"status.apis of {_clusters(assumed)} is not in the files: taken to serve every kind; "
            "`kubectl get clusters -o yaml` has it"
        )


def _clusters(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - 5} more" if len(ordered) > 5 else ""
    return f"Cluster{'s'[: len(ordered) != 1]} {', '.join(ordered[:5])}{more}"


def _states(
    base: Base,
    before: Mapping[Identity, Entity],
    after: Mapping[Identity, Entity],
    given: Mapping[Identity, Manifest],
) -> tuple[State, State]:
    renderer, now, then = Renderer(Yaml()), World(before), World(after)
    decided = {
        key: Decided(base.standing.get(key, each.spec), each.verdict)
        for key, each in decisions(now, base.standing, base.invalid).items()
        if key in base.standing or not base.live
    }
    specs = {key: each.spec for key, each in decided.items()}
    invalid = {key: verdict for key, verdict in base.invalid.items() if key not in given}
    new = decisions(then, specs, invalid)
    return (
        State(now, decided, renderer.copies(now, specs)),
        State(then, new, renderer.copies(then, {key: each.spec for key, each in new.items()})),
    )


# Documents


class Checked(NamedTuple):
    """The objects of some files, and what to warn of."""

    manifests: Mapping[Identity, Manifest]
    warnings: tuple[str, ...]


def checked(
    documents: Sequence[Document],
    namespaced: Callable[[Manifest], bool],
    namespace: str,
    clusters: Iterable[str] = (),
) -> Checked:
    """Check what files hold.

    :param namespaced: whether a kind is.
    :param namespace: the one of objects that name none.
    :param clusters: the names of further Clusters that exist.
    :raises Unreadable: naming file, document and field of each mistake
    """
    manifests: dict[Identity, Manifest] = {}
    places: dict[Identity, str] = {}
    mistakes: list[str] = []
    for document in documents:
        manifest = _scoped(document.manifest, namespace if namespaced(document.manifest) else "")
        key = identity_of(manifest)
        if key in places:
            mistakes.append(f"{document.place}: {key} is in {places[key]}, too; remove one of them")
        manifests[key], places[key] = manifest, document.place
    known = {*clusters, *(key.name for key in manifests if is_cluster(key))}
    warnings: list[str] = []
    for key, manifest in manifests.items():
        at = f"{places[key]}: {key}"
        mistakes += (f"{at}: {text}" for text in _mistakes(manifest, known))
        warnings += (f"{at}: {text}" for text in _warnings(manifest, known))
    if mistakes:
        raise Unreadable(*mistakes)
    return Checked(manifests, tuple(warnings))


def _scoped(manifest: Manifest, namespace: str) -> Manifest:
    """Put an object into the namespace where it would be created."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "namespace"}
    if namespace:
        metadata["namespace"] = manifest["metadata"].get("namespace") or namespace
    return manifest | {"metadata": metadata}


def _mistakes(manifest: Manifest, clusters: set[str]) -> Iterator[str]:
    kind = manifest["kind"]
    if group_of(manifest["apiVersion"]) == GROUP:
        if manifest["apiVersion"] != API_VERSION or kind not in _MODELS:
            yield f"apiVersion: there is no {kind} in {manifest['apiVersion']}"
            return
        for path in unknown_fields(_schema(kind), manifest):
            yield f"{path}: there is no such field; see `kubectl explain` for the kind"
        if kind in _JUDGED:
            yield from map(str, validate(manifest, clusters).denials)
        return
    try:
        entity_of(manifest)
    except ValueError as error:
        yield str(error)


def _warnings(manifest: Manifest, clusters: set[str]) -> Iterator[str]:
    if group_of(manifest["apiVersion"]) != GROUP:
        if why := never_propagated(manifest):
            yield f"it stays on the host: {why}"
    elif manifest["kind"] in _JUDGED - {"Cluster"}:  # what a file lacks of a Cluster is `atoll join`'s to add
        yield from map(str, validate(manifest, clusters).warnings)


@lru_cache
def _schema(kind: str) -> Mapping[str, Any]:
    return kind_schema(_MODELS[kind])


def by_definitions(documents: Iterable[Document]) -> Callable[[Manifest], bool]:
    """Tell which kinds are namespaced without a host: all but those known not to be, here or by a CRD."""
    scoped = set(_CLUSTER_SCOPED)
    for document in documents:
        if document.manifest["kind"] == "CustomResourceDefinition":
            spec = document.manifest.get("spec") or {}
            if spec.get("scope") == "Cluster":
                scoped.add((spec.get("group", ""), (spec.get("names") or {}).get("kind", "")))
    return lambda manifest: (group_of(manifest["apiVersion"]), manifest["kind"]) not in scoped


def offline(
    given: Sequence[Document], base: Sequence[Document], namespace: str, *, prune: bool = False
) -> Planned:
    """Plan from files alone.

    :raises Unreadable: naming file, document and field of each mistake
    """
    namespaced = by_definitions([*base, *given])
    present = checked(base, namespaced, namespace)
    clusters = [key.name for key in present.manifests if is_cluster(key)]
    wanted = checked(given, namespaced, namespace, clusters)
    standing = dict(recorded(present.manifests.values()))
    return planned(Base(present.manifests, standing), wanted.manifests, prune=prune, notes=wanted.warnings)


def recorded(manifests: Iterable[Manifest]) -> Iterator[tuple[Identity, BindingSpec]]:
    """Return what the bindings among some objects say, by template."""
    for manifest in manifests:
        if group_of(manifest["apiVersion"]) == GROUP and manifest["kind"] in _BINDINGS:
            spec = ResourceBinding.model_validate(manifest).spec
            named = spec.resource
            yield Identity(group_of(named.api_version), named.kind, named.namespace, named.name), spec
