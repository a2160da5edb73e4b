"""What this process knows of a Service: who exports and imports it, and where the host's copies of it go.

Everything comes from mirrors; `federation.consequences` asks, and `mcs.checks` says what it means.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from federation.controllers.documents import Yaml
from federation.controllers.host import Host, subject_of
from federation.kube.ref import Ref
from mcs.app import Services
from mcs.checks.facts import Facts
from mcs.checks.multi_cluster import Places
from mcs.names import Service
from mcs.resources import SERVICE_EXPORTS, SERVICES
from policies.api.binding import TargetCluster
from policies.api.meta import Manifest
from policies.api.override import OverridePolicy
from policies.api.propagation import PropagationPolicy
from policies.filters import Clusters
from policies.matching import governing
from policies.overriders import Override, overrides_for
from policies.placement import Present, Workload, place
from policies.rendering import Rendered, prune, render

_YAML = Yaml()


class ServiceFacts:
    """Collects what is known of Services, for one term of a leader."""

    def __init__(self, host: Host, across: Services) -> None:
        self._host, self._across, self._records = host, across, across.records

    def of(
        self,
        key: Service,
        *,
        labels: Mapping[str, str] | None = None,
        export_labels: Mapping[str, str] | None = None,
    ) -> Facts:
        """Collect what is known of a name.

        :param labels: of the Service as it is to be, which may not be stored yet
        :param export_labels: of the ServiceExport, likewise
        """
        ending = self._ending(Ref(SERVICE_EXPORTS, *key))
        exported = (export.spec for export in self._records.exports_of(key))
        return Facts(
            key,
            tuple(export for export in exported if export.cluster not in ending),
            self._targets(Ref(SERVICES, *key), labels),
            self._targets(Ref(SERVICE_EXPORTS, *key), export_labels),
            tuple(self._across.importers(key)),
            self._across.endpoints(key),
        )

    def places(self, key: Service) -> Places:
        """Return what a MultiClusterService of that name would meet in the clusters."""
        hostnames = {
            export.spec.cluster: {
                endpoint["hostname"]
                for piece in self._records.slices_of(export.spec.cluster, key).values()
                for endpoint in piece.content["endpoints"]
                if "hostname" in endpoint
            }
            for export in self._records.exports_of(key)
        }
        return Places(self._records.clusters(), self._across.services(key), hostnames)

    def lost(self, facts: Facts) -> Facts:
        """Leave out what stays in the clusters when it is deleted here."""
        served, exporting = (
            frozenset[str]() if self._preserved(Ref(resource, *facts.service)) else clusters
            for resource, clusters in ((SERVICES, facts.served), (SERVICE_EXPORTS, facts.exporting))
        )
        return facts._replace(served=served, exporting=exporting)

    def placed(self, ref: Ref, policy: PropagationPolicy, previous: Sequence[TargetCluster]) -> set[str]:
        """Return where the scheduler would put a template."""
        workload = Workload(ref.resource.api_version, ref.resource.kind, None, "")
        clusters = Clusters(cluster for _, cluster in self._host.clusters.items())
        decision = place(workload, policy.spec.placement, clusters, Present(previous))
        return {target.name for target in decision.clusters}

    def rendered(
        self,
        manifest: Manifest,
        clusters: Collection[str],
        policies: Iterable[OverridePolicy] | None = None,
    ) -> dict[str, Manifest | None]:
        """Return a Service as each cluster would have it; None where an override fails."""
        metadata = manifest["metadata"]
        ref = Ref(SERVICES, metadata["namespace"], metadata["name"])
        chosen = list(self._host.overrides(ref.namespace) if policies is None else policies)
        pruned, subject = prune(manifest), subject_of(ref, _labels(manifest))
        made: dict[tuple[Override, ...], Manifest | None] = {}
        found: dict[str, Manifest | None] = {}
        for name in clusters:
            cluster = self._host.clusters.get(("", name))
            if cluster is not None:
                overrides = overrides_for(subject, cluster, chosen, _YAML)
                if overrides not in made:
                    rendered = render(pruned, overrides=overrides)
                    made[overrides] = rendered.manifest if isinstance(rendered, Rendered) else None
                found[name] = made[overrides]
        return found

    def _ending(self, ref: Ref) -> frozenset[str]:
        """Return the clusters whose export ends because its template is gone, as soon as they are reached."""
        record = self._host.binding(ref)
        if record is None or self._preserved(ref):
            return frozenset()
        if not record.deleting and self._host.template(ref) is not None:
            return frozenset()
        return frozenset(target.name for target in record.spec.clusters)

    def _preserved(self, ref: Ref) -> bool:
        record = self._host.binding(ref)
        return record is not None and record.spec.preserve_resources_on_deletion

    def _targets(self, ref: Ref, labels: Mapping[str, str] | None) -> frozenset[str]:
        """Return the clusters that have a copy, or will when the scheduler sees what is to be created."""
        record = self._host.binding(ref)
        if record is not None:
            return frozenset(target.name for target in record.spec.clusters)
        if labels is None:
            template = self._host.template(ref)
            if template is None:
                return frozenset()
            labels = template.labels
        subject = subject_of(ref, dict(labels))
        policy = governing(subject, self._host.index.candidates(subject), None)
        return frozenset(self.placed(ref, policy, ())) if policy is not None else frozenset()


def _labels(manifest: Manifest) -> dict[str, str]:
    return dict(manifest["metadata"].get("labels") or {})
