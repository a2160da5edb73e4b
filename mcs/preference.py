"""Which endpoints callers prefer, as annotations and messages have it. Pure.

`PreferSameCluster` is what KEP-5939 would call one cluster selector, `cluster.clusterset.k8s.io In
@SameAsImporter@`: the first result with endpoints, else all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args

from mcs.api.service import Locality, LocalityMode, ServiceTraits
from mcs.names import LOCALITY, MIN_LOCAL

_MODES = get_args(LocalityMode)
_MOST = 100_000
"""What `minLocal` may be at most, as the API has it."""


def normalized(locality: Locality | None) -> Locality | None:
    """Return None for what is the same as nothing said, and the whole of it otherwise."""
    if locality is None or locality.mode == "Spread":
        return None
    return Locality(mode=locality.mode, min_local=locality.min_local)


def preferred(service: ServiceTraits) -> Locality | None:
    """Return it where it means something: a headless Service has no callers that are sent anywhere."""
    return service.locality if service.type == "ClusterSetIP" else None


def locality_of(annotations: Mapping[str, str]) -> Locality | None:
    """Read annotations of a ServiceExport or ServiceImport; what can't be read counts as not said."""
    if annotations.get(LOCALITY) != "PreferSameCluster":
        return None
    said = annotations.get(MIN_LOCAL, "1")
    return Locality(mode="PreferSameCluster", min_local=int(said) if _is_count(said) else 1)


def annotations_of(locality: Locality | None) -> dict[str, str]:
    """Return the annotations that `locality_of` reads."""
    if locality is None:
        return {}
    many = {MIN_LOCAL: str(locality.min_local)} if locality.min_local > 1 else {}
    return {LOCALITY: locality.mode, **many}


def misread(annotations: Mapping[str, str]) -> Iterator[str]:
    """Say of annotations that can't be followed what they count as."""
    mode, count = annotations.get(LOCALITY, _MODES[0]), annotations.get(MIN_LOCAL, "1")
    if mode not in _MODES:
        yield not_followed(LOCALITY, mode, _MODES[0], f"one of {', '.join(_MODES)}")
    if not _is_count(count):
        yield not_followed(MIN_LOCAL, count, "1", f"a number from 1 to {_MOST}")


def not_followed(annotation: str, said: str, counts_as: str, remedy: str) -> str:
    return f"the annotation {annotation} says {said}, which counts as {counts_as}; write {remedy}"


def text_of(locality: Locality | None) -> str:
    """Return it as a message has it."""
    if locality is None:
        return "Spread"
    many = f" (minLocal {locality.min_local})" if locality.min_local > 1 else ""
    return f"{locality.mode}{many}"


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 6 and 1 <= int(text) <= _MOST
