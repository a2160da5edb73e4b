"""Checks of ServiceExports on the host (V01, V02, V04, V07, V24, V39).

What one sees without knowing anything else (V03, V05, V06) is refused by `mcs.checks.standing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mcs.checks.facts import Facts
from mcs.checks.findings import Finding, deny, listed, named, warn
from policies.api.meta import Manifest

MAX_ANNOTATIONS = 65536
"""Bytes of keys and values of `spec.exportedAnnotations`: they are in every cluster, on the host twice."""
MAX_DOMAIN = 253
_HOST_NAME = 63
"""The longest host name that an endpoint may have."""
_ZONE = ".svc.clusterset.local"


def created(facts: Facts, service: Manifest | None) -> Iterator[Finding]:
    """Check a new ServiceExport.

    :param service: the Service of that name on the host, if there is one
    """
    what = named(*facts.service)
    if not facts.exporting:
        yield warn(
            "V04",
            f'no policy propagates ServiceExport "{"/".join(facts.service)}", so that it exports nothing; '
            "have a PropagationPolicy select it, or apply it in the clusters themselves",
        )
    if service is None:
        yield warn("V02", f"{what} not found; the export stays Valid=False (NoService) until it exists")
    elif service["spec"].get("type") == "ExternalName":
        yield deny(
            "V01",
            f"{what} has type ExternalName and cannot be exported; create an ExternalName Service in each "
            "cluster instead",
        )
    elif service["spec"].get("clusterIP") == "None":
        yield from _domain(facts)


def sized(manifest: Manifest) -> Iterator[Finding]:
    """Check how much is exported beside the Service."""
    exported = (manifest.get("spec") or {}).get("exportedAnnotations") or {}
    if (size := _bytes(exported.items())) > MAX_ANNOTATIONS:
        yield deny("V07", f"total size {size} exceeds {MAX_ANNOTATIONS} bytes", "spec.exportedAnnotations")


def deleted(facts: Facts) -> Iterator[Finding]:
    """Say what goes with the last export."""
    if facts.exports and facts.exporting.issuperset(facts.exporters) and facts.importers:
        name = "/".join(facts.service)
        where = listed(facts.importers)
        yield warn("V24", f'last export of "{name}": ServiceImports in {where} will be deleted')


def _domain(facts: Facts) -> Iterator[Finding]:
    """Measure an endpoint's name: HOSTNAME.CLUSTER.SERVICE.NAMESPACE.svc.clusterset.local (KEP-1645)."""
    cluster = max((len(each) for each in facts.exporting), default=0)
    labels = (_HOST_NAME, cluster, len(facts.service[1]), len(facts.service[0]))
    length = sum(labels) + len(labels) - 1 + len(_ZONE)
    if length > MAX_DOMAIN:
        yield warn("V39", f"longest DNS name for this service would be {length} characters")


def _bytes(items: Iterable[tuple[str, str]]) -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in items)
