"""Dependencies: what a template names in its own namespace and can't do without, or not well.

Names are those of the template: an override that has a copy name something else is not followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from policies.api.meta import Manifest
from policies.matching import group_of
from policies.podspec import Path, has_pods, pod_spec_path

DependencyKind = Literal["ConfigMap", "PersistentVolumeClaim", "Secret", "ServiceAccount"]

_SECRET_REFS = ("cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos")
"""Volumes with a `secretRef` to the namespace of the pod, as in `podutil.VisitPodSecretNames`."""


class Dependency(NamedTuple):
    """An object of the core group in the template's namespace."""

    kind: DependencyKind
    name: str
    optional: bool = False
    """The template says that it does without."""


def has_dependencies(group: str, kind: str) -> bool:
    """Whether templates of a kind can name others."""
    return has_pods(group, kind) or (group, kind) in (
        ("", "ServiceAccount"),
        ("networking.k8s.io", "Ingress"),
    )


def dependencies(template: Manifest, taught: Path | None = None) -> tuple[Dependency, ...]:
    """Return what a template names: each object once, in ascending order.

    Nothing for what can't be read: a kind whose CRD does not say what is in its pod template can hold
    anything there.

    :param taught: where a ResourceInterpreter says that the pod spec is.
    """
    try:
        return _distinct(_named(template, taught))
    except (AttributeError, KeyError, TypeError):
        return ()


def _distinct(found: Iterator[Dependency]) -> tuple[Dependency, ...]:
    """What is named twice is optional only if it is so both times."""
    optional: dict[tuple[DependencyKind, str], bool] = {}
    for each in found:
        if each.name and isinstance(each.name, str):
            optional[each[:2]] = each.optional and optional.get(each[:2], True)
    return tuple(Dependency(*key, optional[key]) for key in sorted(optional))


def _named(manifest: Manifest, taught: Path | None) -> Iterator[Dependency]:
    match group_of(manifest["apiVersion"]), manifest["kind"]:
        case "", "ServiceAccount":
            for secret in (manifest.get("imagePullSecrets") or []) + (manifest.get("secrets") or []):
                yield Dependency("Secret", secret.get("name", ""))
        case "networking.k8s.io", "Ingress":
            for each in manifest["spec"].get("tls") or ():
                yield Dependency("Secret", each.get("secretName", ""))
        case _ if path := pod_spec_path(manifest) or taught:
            spec: Any = manifest
            for key in path:
                spec = spec[key]
            yield from _of_pod(spec, {each["metadata"]["name"] for each in _claim_templates(manifest)})


def _claim_templates(manifest: Manifest) -> list[Manifest]:
    """Return the claims that a StatefulSet or CloneSet makes for each pod."""
    return manifest["spec"].get("volumeClaimTemplates") or []


def _of_pod(spec: Manifest, made: set[str]) -> Iterator[Dependency]:
    """`made`: the names of volumes that the workload's controller puts in place of the template's."""
    if (account := spec.get("serviceAccountName") or spec.get("serviceAccount")) not in (None, "default"):
        yield Dependency("ServiceAccount", account)
    for secret in spec.get("imagePullSecrets") or ():
        yield Dependency("Secret", secret.get("name", ""))
    for field in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(field) or ():
            yield from _of_container(container)
    for volume in spec.get("volumes") or ():
        if volume.get("name") not in made:
            yield from _of_volume(volume)


def _of_container(container: Manifest) -> Iterator[Dependency]:
    for each in container.get("env") or ():
        source = each.get("valueFrom") or {}
        yield from _one_of(source.get("configMapKeyRef"), source.get("secretKeyRef"))
    for each in container.get("envFrom") or ():
        yield from _one_of(each.get("configMapRef"), each.get("secretRef"))


def _of_volume(volume: Manifest) -> Iterator[Dependency]:
    yield from _one_of(volume.get("configMap"), volume.get("secret"))
    for each in (volume.get("projected") or {}).get("sources") or ():
        yield from _one_of(each.get("configMap"), each.get("secret"))
    if claim := volume.get("persistentVolumeClaim"):
        yield Dependency("PersistentVolumeClaim", claim.get("claimName", ""))
    if share := volume.get("azureFile"):
        yield Dependency("Secret", share.get("secretName", ""))
    refs = [(volume.get(kind) or {}).get("secretRef") for kind in _SECRET_REFS]
    for ref in (*refs, (volume.get("csi") or {}).get("nodePublishSecretRef")):
        yield from _one_of(None, ref)


def _one_of(config_map: Manifest | None, secret: Manifest | None) -> Iterator[Dependency]:
    """A volume calls the name of a Secret `secretName`."""
    if config_map:
        yield Dependency("ConfigMap", config_map.get("name", ""), bool(config_map.get("optional")))
    if secret:
        name = secret.get("secretName") or secret.get("name", "")
        yield Dependency("Secret", name, bool(secret.get("optional")))
