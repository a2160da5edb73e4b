"""Consequences: what a change on the host would do to Services across clusters, as far as this process knows.

`federation.service_facts` collects what is known, and `mcs.checks` says what it means. Nothing is written.
The answer may be outrun by what happens meanwhile: the aggregator decides, this only warns in time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import orjson

from federation.controllers.host import Host, subject_of
from federation.controllers.kinds import override_of, propagation_of
from federation.kube.errors import NotFound
from federation.kube.ref import Ref
from federation.resources import NAMESPACES
from federation.service_facts import ServiceFacts
from federation.timestamps import utc_now
from mcs.api import MultiClusterService
from mcs.app import Services
from mcs.checks import exports, multi_cluster, removals, services
from mcs.checks.agreement import agreement
from mcs.checks.facts import prospect
from mcs.checks.findings import Finding, newly, of
from mcs.names import STRICT, Service
from mcs.resources import SERVICE_EXPORTS, SERVICES
from policies.api.meta import Manifest, ObjectMeta
from policies.api.override import OverridePolicy
from policies.api.propagation import PropagationPolicy
from policies.overriders import concerns


class Consequences:
    """Answers for one term of a leader; each question names an object as it was and as it is to be."""

    def __init__(self, host: Host, across: Services) -> None:
        self._host, self._records, self._facts = host, across.records, ServiceFacts(host, across)

    @property
    def known(self) -> bool:
        """Whether everything was listed once, so that what is not here is not there."""
        return self._records.listed

    # A Service and its ServiceExport

    def of_service(self, old: Manifest | None, new: Manifest | None) -> list[Finding]:
        """Judge a Service that is created (no `old`), changed, or deleted (no `new`)."""
        if new is None:
            assert old is not None
            facts = self._facts.of(_key(old))
            return list(services.deleted(self._facts.lost(facts)))
        facts = self._facts.of(_key(new), labels=_labels(new))
        if not facts.exports and not facts.exporting & facts.served:
            return []
        after = prospect(facts, self._facts.rendered(new, facts.served), utc_now())
        if old is None:
            return list(newly(agreement(facts.exports), agreement(after)))
        before = prospect(facts, self._facts.rendered(old, facts.served), utc_now())
        changed = services.updated(facts, old, new, after)
        return [*changed, *newly(agreement(before), agreement(after))]

    async def of_export(self, old: Manifest | None, new: Manifest | None) -> list[Finding]:
        """Judge a ServiceExport likewise."""
        if new is None:
            assert old is not None
            return list(exports.deleted(self._facts.lost(self._facts.of(_key(old)))))
        if old is not None:
            return list(exports.sized(new))
        key = _key(new)
        service = await self._service(key)
        facts = self._facts.of(key, labels=_labels(service), export_labels=_labels(new))
        findings = [*exports.created(facts, service), *exports.sized(new)]
        if service is not None:
            after = prospect(facts, self._facts.rendered(service, facts.served), utc_now())
            findings += newly(agreement(facts.exports), agreement(after))
        return findings

    async def _service(self, key: Service) -> Manifest | None:
        """Ask for the Service itself: where no policy selects Services, none is mirrored."""
        with suppress(NotFound):
            return await self._host.api.get(SERVICES, key[1], key[0])
        return None

    async def of_multi_cluster_service(self, old: Manifest | None, new: Manifest | None) -> list[Finding]:
        """Judge a MultiClusterService likewise."""
        live = new or old
        assert live is not None
        key = _key(live)
        facts, places = self._facts.of(key), self._facts.places(key)
        after = MultiClusterService.model_validate(new) if new is not None else None
        findings: list[Finding] = []
        if after is not None:
            findings += multi_cluster.stated(facts, places, await self._service(key), after)
        if old is not None and (losing := multi_cluster.losing(facts, places, after)):
            findings.append(multi_cluster.withdrawn(key, losing, strict=await self._is_strict(key[0])))
        return findings

    async def _is_strict(self, namespace: str) -> bool:
        with suppress(NotFound):
            return _labels(await self._host.api.get(NAMESPACES, namespace)).get(STRICT) == "true"
        return False

    # What concerns several

    def of_namespace(self, name: str) -> list[Finding]:
        """Judge the deletion of a namespace."""
        inside = (self._facts.lost(self._facts.of(key)) for key in self._records.services() if key[0] == name)
        exported = (facts._replace(served=facts.served | facts.exporting) for facts in inside)
        return list(removals.namespace_deleted(name, exported))

    def of_placement(self, old: Manifest, new: Manifest) -> list[Finding]:
        """Judge another version of a propagation policy by where the scheduler would put what it governs."""
        before, policy = propagation_of(old), propagation_of(new)
        if not isinstance(before, PropagationPolicy) or not isinstance(policy, PropagationPolicy):
            return []  # nothing moves by a policy that is not valid
        findings: list[Finding] = []
        for key in sorted(self._records.services()):
            if removed := self._removed(key, policy):
                findings += removals.placement_changed(self._facts.of(key), removed)
        return findings

    def _removed(self, key: Service, policy: PropagationPolicy) -> set[str]:
        """Return the clusters that would lose a Service or its ServiceExport by a policy's new placement."""
        removed: set[str] = set()
        for resource in (SERVICES, SERVICE_EXPORTS):
            record = self._host.binding(Ref(resource, *key))
            present = self._host.policy_of(record) if record else None
            if record is None or present is None or not _same(present.metadata, policy.metadata):
                continue
            decided = self._facts.placed(Ref(resource, *key), policy, record.spec.clusters)
            removed |= {target.name for target in record.spec.clusters} - decided
        return removed

    def of_override(self, old: Manifest | None, new: Manifest | None) -> list[Finding]:
        """Judge a change of an override policy by the Services that it concerns."""
        policies = [override_of(each) for each in (old, new) if each is not None]
        valid = [each for each in policies if isinstance(each, OverridePolicy)]
        added = [valid[-1]] if new is not None and valid and valid[-1] is policies[-1] else []
        return [
            finding
            for key in sorted(self._records.services())
            for finding in self._overridden(key, valid, added)
        ]

    def _overridden(
        self, key: Service, changed: Sequence[OverridePolicy], added: Sequence[OverridePolicy]
    ) -> Iterator[Finding]:
        ref = Ref(SERVICES, *key)
        template = self._host.template(ref)
        if template is None:
            return
        subject = subject_of(ref, template.labels)
        facts = self._facts.of(key)
        if not facts.touched or not any(concerns(policy, subject) for policy in changed):
            return
        manifest = orjson.loads(template.manifest)
        present = self._host.overrides(key[0])
        then = [each for each in present if not any(_same(each.metadata, c.metadata) for c in changed)]
        before = prospect(facts, self._facts.rendered(manifest, facts.served, present), utc_now())
        after = prospect(facts, self._facts.rendered(manifest, facts.served, [*then, *added]), utc_now())
        yield from of(key, services.updated(facts, manifest, manifest, after))
        yield from of(key, newly(agreement(before), agreement(after)))

    def of_cluster(self, name: str) -> list[Finding]:
        """Judge the deletion of a Cluster."""
        sole = [
            "/".join(key)
            for key in self._records.exported_by(name)
            if [export.spec.cluster for export in self._records.exports_of(key)] == [name]
        ]
        return list(removals.cluster_deleted(name, sole))


def _key(manifest: Manifest) -> Service:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _labels(manifest: Manifest | None) -> dict[str, str]:
    labels: dict[str, str] = ((manifest or {}).get("metadata") or {}).get("labels") or {}
    return labels


def _same(one: ObjectMeta, other: ObjectMeta) -> bool:
    return (one.namespace, one.name) == (other.namespace, other.name)
