"""What the validator answers to whom: for each check what it refuses or warns of, and what it lets pass.

The objects that are there already are those of `e2e.market`.
"""

from __future__ import annotations

from typing import Any

from e2e.attempts import Attempt, create, delete, named, override, patch, service
from federation.kube.resources import Manifest
from mcs.names import CONTROLLER, MANAGED_BY
from mcs.resources import ENDPOINT_SLICES, MULTI_CLUSTER_SERVICES, SERVICE_EXPORTS, SERVICE_IMPORTS
from policies.api.meta import FORCE
from tests.federated import CLUSTERS

PERSON = "jane"
"""One who may do everything, but is bound by the rules."""
_HTTP = 'spec.ports["http"]'
_PORT = [{"name": "http", "port": 80}]


def export(name: str, namespace: str, force: str = "", **spec: Any) -> Manifest:
    manifest = named(SERVICE_EXPORTS, name, namespace, spec=spec)
    if force:
        manifest["metadata"]["annotations"] = {FORCE: force}
    return manifest


def exports(shop: str) -> list[Attempt]:
    many = {"a": "a" * 65535}
    return [
        create("V01", "refused", f'Service "{shop}/alias" has type ExternalName and cannot be exported; '
               "create an ExternalName Service in each cluster instead", export("alias", shop)),
        create("V02", "warned of", f'Service "{shop}/none" not found; the export stays Valid=False '
               "(NoService) until it exists", export("none", shop)),
        create("V04", "warned of", f'no policy propagates ServiceExport "{shop}/none", so that it exports '
               "nothing; have a PropagationPolicy select it, or apply it in the clusters themselves",
               export("none", shop)),
        create("V05", "warned of", 'exports from namespace "default" are discouraged',
               export("none", "default")),
        create("V01 V02 V03 V04 V05", "silent", "", export("plain", shop)),
        create("V06", "silent", "", export("plain", shop, exportedLabels={"app.kubernetes.io/name": "a"})),
        create("V07", "refused", "spec.exportedAnnotations: total size 65537 exceeds 65536 bytes",
               export("plain", shop, exportedAnnotations=many | {"b": ""})),
        create("V07", "silent", "", export("plain", shop, exportedAnnotations=many)),
        create("V11", "held", f'{_HTTP}: port conflict: port "http" is 80/TCP in m3 and 8080/TCP in m1',
               export("early", shop)),
        delete("V24", "warned of", f'last export of "{shop}/web": ServiceImports in [m1 m2 m3] will be '
               "deleted", "serviceexport/web", shop),
        delete("V24", "silent", "", "serviceexport/late", shop),
    ]  # fmt: skip


def services(shop: str) -> list[Attempt]:
    def change(checks: str, answer: Any, says: str, name: str = "web", **spec: Any) -> Attempt:
        return patch(checks, answer, says, f"service/{name}", shop, {"spec": spec})

    what = f'Service "{shop}/web"'
    gone = (f"spec.selector: selector removed from exported {what}: existing EndpointSlices are not cleaned "
            "up and would stay exported")  # fmt: skip
    forced = {"metadata": {"annotations": {FORCE: "it is over"}}, "spec": {"selector": None}}
    return [
        change("V08", "held", f"spec.type: {what} is exported by [m1 m2]; changing type to ExternalName "
               "would remove it from the clusterset", type="ExternalName", externalName="a.example"),
        change("V08", "silent", "", type="NodePort"),
        change("V18", "warned of", "spec.internalTrafficPolicy: internalTrafficPolicy Local: endpoints of "
               "other clusters are never used", internalTrafficPolicy="Local"),
        change("V21", "held", gone, selector=None),
        patch("V21", "warned of", f"{gone} (forced: it is over)", "service/web", shop, forced),
        change("V22", "warned of", f"spec.selector: selector of exported {what} changed; endpoints in all "
               "importing clusters will be replaced", selector={"app": "b"}),
        change("V21 V22 V40", "silent", "", selector={"tier": "a"}),
        patch("labels", "silent", "", "service/web", shop, {"metadata": {"labels": {"a": "b"}}}),
        create("V11", "held", f'{_HTTP}: port conflict: port "http" is 80/TCP in m3 and 8080/TCP in m2',
               service("late", shop, ports=[{"name": "http", "port": 8080}])),
        create("V11", "silent", "", service("late", shop)),
        create("V08", "silent", "", service("other", shop, type="ExternalName", externalName="a.example")),
        delete("V23", "held", f"{what} is exported by [m1 m2] and imported by [m1 m2 m3]; delete "
               f'ServiceExport "{shop}/web" first', "service/web", shop),
        delete("V23", "silent", "", "service/alias", shop),
        change("V40", "warned of", f'Service "{shop}/crowd" has 5004 endpoints; above 5000 other clusters '
               "are slow to follow: divide it into several Services", "crowd", sessionAffinity="ClientIP"),
    ]  # fmt: skip


def disagreements(shop: str, oldest: str, other: str) -> list[Attempt]:
    """What clusters would not agree on if a policy made the Service another one in the `other`."""

    def differs(checks: str, answer: Any, says: str, path: str, value: Any) -> Attempt:
        text = f'Service "{shop}/web": {says}' if says else ""
        return override(checks, answer, text, shop, {path: value}, [other])

    protocol, both = "kubernetes.io/h2c", ["IPv4", "IPv6"]
    return [
        differs("V09", "held", f'spec.clusterIP: changing headlessness of exported Service "{shop}/web" '
                "would release the clusterset IP in [m1 m2 m3]", "/spec/clusterIP", "None"),
        differs("V10", "held", f"spec.clusterIP: headlessness conflict: cluster {oldest} exports ClusterIP, "
                f"cluster {other} exports Headless", "/spec/clusterIP", "None"),
        differs("V09 V10", "silent", "", "/spec/type", "NodePort"),
        differs("V11", "held", f'{_HTTP}: port conflict: port "http" is 80/TCP in {oldest} and 8080/TCP in '
                f"{other}", "/spec/ports/0/port", 8080),
        differs("V12", "held", f'{_HTTP}: protocol conflict: port "http" is 80/TCP in {oldest} and 80/UDP in '
                f"{other}", "/spec/ports/0/protocol", "UDP"),
        differs("V13", "warned of", "spec.ports: ports differ between clusters; the union will be exposed "
                "and PortConflict reported", "/spec/ports/1", {"name": "more", "port": 90}),
        differs("V14", "held", f'spec.ports["web"]: merged ports are invalid: "http" ({oldest}) and "web" '
                f"({other}) both use 80/TCP", "/spec/ports/0/name", "web"),
        differs("V15", "refused", f'{_HTTP}.appProtocol: appProtocol of port "http" is no qualified name: '
                f'"a b" ({other})', "/spec/ports/0/appProtocol", "a b"),
        differs("V15", "warned of", f'{_HTTP}.appProtocol: appProtocol of port "http" differs: "" '
                f'({oldest}) vs "{protocol}" ({other})', "/spec/ports/0/appProtocol", protocol),
        differs("V16", "warned of", f"spec.sessionAffinity: session affinity conflict: None ({oldest}, "
                f"oldest, wins) vs ClientIP ({other})", "/spec/sessionAffinity", "ClientIP"),
        differs("V17", "warned of", "spec.sessionAffinityConfig.clientIP.timeoutSeconds: session affinity "
                f"timeout conflict: none ({oldest}) vs 10800 ({other})", "/spec/sessionAffinity", "ClientIP"),
        differs("V18", "warned of", "spec.internalTrafficPolicy: internalTrafficPolicy conflict: Cluster "
                f"({oldest}) vs Local ({other})", "/spec/internalTrafficPolicy", "Local"),
        differs("V18", "silent", "", "/spec/internalTrafficPolicy", "Cluster"),
        differs("V19", "warned of", "spec.trafficDistribution: trafficDistribution conflict: none "
                f"({oldest}) vs PreferClose ({other})", "/spec/trafficDistribution",
                "PreferClose"),
        differs("V19", "warned of", f'spec.trafficDistribution: trafficDistribution "Far" ({other}) is '
                "unknown; use one of PreferClose, PreferSameZone, PreferSameNode",
                "/spec/trafficDistribution", "Far"),
        differs("V20", "refused", f"spec.ipFamilies: ipFamilies conflict: [IPv4] ({oldest}) and [IPv6] "
                f"({other}) have no family in common", "/spec/ipFamilies", ["IPv6"]),
        override("V20", "warned of", f'Service "{shop}/web": spec.ipFamilies: ipFamilies conflict: '
                 f"[IPv4 IPv6] ({oldest}), [IPv4] ({other}); only IPv4 will be used", shop,
                 {"/spec/ipFamilies": both}, [oldest]),
        differs("V20", "silent", "", "/spec/ipFamilies", both),
    ]  # fmt: skip


def agreements(shop: str, *clusters: str) -> list[Attempt]:
    """What may be anything, as long as it is so everywhere."""
    ports = [
        {"name": "web", "port": 8080, "protocol": "UDP", "appProtocol": "h2c"},
        {"name": "b", "port": 90},
    ]
    changes = {
        "/spec/ports": ports, "/spec/sessionAffinity": "ClientIP", "/spec/trafficDistribution": "PreferClose",
    }  # fmt: skip
    return [override("V11 V12 V13 V14 V15 V16 V17 V19", "silent", "", shop, changes, clusters)]


def several(shop: str, distant: str) -> list[Attempt]:
    """What takes several Services along."""

    def placed(answer: Any, says: str, *clusters: str) -> Attempt:
        text = f'spec.placement: placement change removes {says} of Service "{shop}/web"' if says else ""
        spec = {"placement": {"clusterAffinity": {"clusterNames": clusters}}}
        return patch("V28", answer, text, "pp/web", shop, {"spec": spec})

    reached = {"secretRef": {"namespace": "atoll-system", "name": "cluster-e"}}
    return [
        delete("V27", "held", f'namespace "{shop}" contains 3 exported services: crowd, db, web',
               f"namespace/{shop}"),
        delete("V27", "silent", "", f"namespace/{distant}"),
        placed("held", "all exporting clusters [m1 m2]", "m3"),
        placed("warned of", "exporting clusters [m2]", "m1"),
        placed("silent", "", "m1", "m2", "m3"),
        create("V29", "refused", "the name of a Cluster has at most 63 characters and no dots; use "
               "lower-case letters, digits and '-', such as eu-west-1", named(CLUSTERS, "eu.west")),
        create("V29", "silent", "", named(CLUSTERS, "e" * 63, spec=reached)),
        delete("V31", "held", f"cluster m1 is the only exporter of 1 service ({shop}/solo)", "cluster/m1"),
        delete("V31", "silent", "", "cluster/m2"),
        create("V39", "warned of", "longest DNS name for this service would be 254 characters",
               export("s" * 63, distant)),
        create("V39", "silent", "", export("t" * 62, distant)),
    ]  # fmt: skip


def wanted(shop: str) -> list[Attempt]:
    """What MultiClusterServices say."""

    def multi(name: str, **spec: Any) -> Manifest:
        return named(MULTI_CLUSTER_SERVICES, name, shop, spec=spec)

    here = {"clusterNames": ["m1", "m3"]}
    return [
        patch("V32", "silent", "", "mcsvc/solo", shop, {"spec": {"adoptExisting": True}}),
        create("V33", "warned of", 'spec.importTo.clusterNames[1]: cluster "c9" is not registered',
               multi("web", importTo={"clusterNames": ["m1", "c9"]})),
        create("V34", "refused", f'spec.ports[0].name: "grpc" is not a port of Service "{shop}/web"',
               multi("web", ports=[{"name": "grpc"}])),
        create("V33 V34", "silent", "", multi("web", importTo=here, ports=[{"name": "http"}])),
        create("V35", "refused", f'spec.adoptExisting: cluster m1 already has Service "{shop}/alias" not '
               "managed by federation; set adoptExisting to merge remote endpoints into it",
               multi("alias", mode="NativeName")),
        create("V35", "silent", "", multi("alias", mode="NativeName", adoptExisting=True)),
        create("V36", "warned of", "headless pod names db-0.. exist in several clusters; use "
               f"<host>.<cluster>.db.{shop}.svc.clusterset.local", multi("db", mode="NativeName")),
        create("V36", "silent", "", multi("db")),
    ]  # fmt: skip


def withdrawals(shop: str, *, strict: bool) -> list[Attempt]:
    """What takes a Service away that we made under the plain name."""

    def lost(*clusters: str) -> str:
        return (f'Service "{shop}/solo" created by federation in [{" ".join(clusters)}] will be deleted; '
                f"callers of solo.{shop}.svc.cluster.local there will fail")  # fmt: skip

    answer: Any = "held" if strict else "warned of"
    fewer = {"spec": {"importTo": {"clusterNames": ["m1", "m2"]}}}
    return [
        patch("V32", answer, lost("m2", "m3"), "mcsvc/solo", shop, {"spec": {"mode": "ClusterSet"}}),
        patch("V32", answer, lost("m3"), "mcsvc/solo", shop, fewer),
        delete("V32", answer, lost("m2", "m3"), "mcsvc/solo", shop),
    ]


def standing(shop: str) -> list[Attempt]:
    """What the API server itself refuses, be there a webhook or not."""
    spec = {"type": "ClusterSetIP", "ports": _PORT}
    imported = named(SERVICE_IMPORTS, "web", shop, spec=spec)
    return [
        create("V03", "refused", "metadata.name: must be a DNS label of at most 63 characters because "
               "exports are name-mapped to a Service (got 71)", export("a" * 71, shop)),
        create("V05", "held", 'exports from namespace "kube-system" are not allowed',
               export("web", "kube-system")),
        create("V05", "warned of", 'exports from namespace "kube-system" are discouraged',
               export("web", "kube-system", force="one resolver for all")),
        create("V06", "refused", 'spec.exportedLabels["kubernetes.io/service-name"]: key is reserved',
               export("plain", shop, exportedLabels={"kubernetes.io/service-name": "a"})),
        create("V25", "refused", "ServiceImport objects are managed by the MCS controller", imported,
               f"--as={PERSON}"),
        create("V25", "silent", "", named(SERVICE_IMPORTS, "other", shop, spec=spec)),
        create("V26", "refused", f'EndpointSlice "a" is managed by {CONTROLLER}',
               _slice("a", shop, CONTROLLER), f"--as={PERSON}"),
        create("V26", "silent", "", _slice("a", shop, "somebody"), f"--as={PERSON}"),
        create("V37", "refused", 'Service names starting with "derived-" are reserved',
               service("derived-web", shop)),
        create("V37", "silent", "", service("web-derived", shop)),
    ]  # fmt: skip


def _slice(name: str, namespace: str, managed_by: str) -> Manifest:
    manifest = named(ENDPOINT_SLICES, name, namespace, addressType="IPv4", endpoints=[])
    manifest["metadata"]["labels"] = {MANAGED_BY: managed_by}
    return manifest
