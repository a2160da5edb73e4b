"""The validator as people meet it: kubectl against a host whose members export Services."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from e2e.fleet import SETTLE, Fleet, silent
from federation.kube.resources import Manifest
from federation.resources import CLUSTER_ROLE_BINDINGS
from federation.sandbox import binaries
from mcs.names import CONTROLLER, MANAGED_BY
from mcs.resources import ENDPOINT_SLICES, MULTI_CLUSTER_SERVICES, SERVICE_EXPORTS, SERVICE_IMPORTS
from policies.api.meta import FORCE
from tests.federated import NAMESPACES, OVERRIDES, POLICIES, SERVICES, condition, policy, selects

pytestmark = pytest.mark.timeout(300)

EXPORTING, CALLING, PERSON = ("m1", "m2"), "m3", "jane"
ALSO = ("early", "late")
"""Services that m3 exports by itself; the host has the Service of the first, of the other the export."""
REFUSED, ACCEPTED = True, False
PORT_8080 = {"ports": [{"name": "http", "port": 8080}]}


class Said(NamedTuple):
    refused: bool
    text: str


class Case(NamedTuple):
    """What somebody tries with kubectl, always as a dry run, and what must come of it."""

    check: str
    refused: bool
    says: str
    words: tuple[str, ...]
    stdin: Manifest | None = None


class Market:
    """The Services `web` and `solo`; m1 and m2 export the first as the host says, m1 the other by itself."""

    def __init__(self, fleet: Fleet, namespace: str) -> None:
        self.fleet, self.namespace = fleet, namespace

    async def begin(self) -> None:
        host, members = self.fleet.host, self.fleet.members
        for name in members:
            await members[name].apply(NAMESPACES, _object("v1", "Namespace", self.namespace))
        kinds = [(each.api_version, each.kind) for each in (SERVICES, SERVICE_EXPORTS)]
        selectors = [selects(*kind, name=name) for kind in kinds for name in ("web", "alias", *ALSO)]
        placement = {"clusterAffinity": {"clusterNames": list(EXPORTING)}}
        await host.apply(POLICIES, policy("web", self.namespace, *selectors, placement=placement))
        await host.apply(SERVICES, self.service("web"))
        await host.apply(SERVICES, self.service("alias", type="ExternalName", externalName="example.com"))
        await members["m1"].apply(SERVICES, self.service("solo"))
        await members["m1"].apply(SERVICE_EXPORTS, self.export("solo"))
        for name in ALSO:
            await members[CALLING].apply(SERVICES, self.service(name))
            await members[CALLING].apply(SERVICE_EXPORTS, self.export(name))
        await host.apply(SERVICES, self.service("early", **PORT_8080))
        for name in ("web", "late"):
            await host.apply(SERVICE_EXPORTS, self.export(name))
        for name in ("web", "solo", *ALSO):
            await self.imported(name, bool)

    async def end(self) -> None:
        for name in ("web", "late"):
            await self.fleet.host.delete(SERVICE_EXPORTS, name, self.namespace)
        await self.fleet.members["m1"].delete(SERVICE_EXPORTS, "solo", self.namespace)
        for name in ALSO:
            await self.fleet.members[CALLING].delete(SERVICE_EXPORTS, name, self.namespace)
        for name in ("web", "solo", *ALSO):
            await self.imported(name, lambda live: live is None)
        for name in ("web", "alias", "early"):
            await self.fleet.host.delete(SERVICES, name, self.namespace)

    async def imported(self, name: str, holds: Any) -> Manifest:
        member = self.fleet.members[CALLING]
        return await member.until(SERVICE_IMPORTS, name, self.namespace, holds, seconds=SETTLE)

    async def kubectl(self, *words: str, stdin: Manifest | None = None) -> Said:
        program = binaries.find(("kubectl",), silent) / "kubectl"
        process = await asyncio.create_subprocess_exec(
            program, f"--kubeconfig={self.fleet.sandbox.kubeconfig}", "--context=host", *words,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        printed, _ = await process.communicate(json.dumps(stdin).encode())
        return Said(process.returncode != 0, printed.decode().replace("\\", ""))

    # Manifests

    def service(self, name: str, **spec: Any) -> Manifest:
        ports = [{"name": "http", "port": 80}]
        return _object("v1", "Service", name, self.namespace) | {
            "spec": {"selector": {"app": "web"}, "ports": ports, **spec}
        }

    def export(self, name: str, namespace: str = "", **spec: Any) -> Manifest:
        manifest = _object(SERVICE_EXPORTS.api_version, "ServiceExport", name, namespace or self.namespace)
        return manifest | ({"spec": spec} if spec else {})

    # What is tried

    def creates(self, check: str, refused: bool, says: str, manifest: Manifest, *words: str) -> Case:
        return Case(check, refused, says, ("create", "--dry-run=server", "-f-", *words), manifest)

    def overrides(self, check: str, refused: bool, says: str, path: str, value: Any) -> Case:
        """A policy that makes the Service another one in m2."""
        change = {"path": path, "operator": "add", "value": value}
        rule = {
            "targetCluster": {"clusterNames": ["m2"]},
            "overriders": {"plaintext": [change]},
        }
        spec = {"resourceSelectors": [selects("v1", "Service", name="web")], "overrideRules": [rule]}
        manifest = _object(OVERRIDES.api_version, "OverridePolicy", "other", self.namespace)
        return self.creates(check, refused, says, manifest | {"spec": spec})

    def patches(self, check: str, refused: bool, says: str, kind: str, change: Manifest) -> Case:
        words = ("-n", self.namespace, "patch", kind, "web", "--dry-run=server", "--type=merge",
                 f"--patch={json.dumps(change)}")  # fmt: skip
        return Case(check, refused, says, words)

    def deletes(self, check: str, refused: bool, says: str, *words: str) -> Case:
        scope = () if words[0].startswith(("namespace/", "cluster/")) else ("-n", self.namespace)
        return Case(check, refused, says, (*scope, "delete", "--dry-run=server", *words))


def _object(api_version: str, kind: str, name: str, namespace: str = "") -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


@pytest.fixture
async def market(fleet: Fleet, namespace: str) -> AsyncIterator[Market]:
    market = Market(fleet, namespace)
    await market.begin()
    yield market
    await market.end()


@pytest.fixture
async def person(fleet: Fleet) -> AsyncIterator[str]:
    """One who may do everything, but is bound by the rules."""
    role = {"apiGroup": CLUSTER_ROLE_BINDINGS.group, "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"apiGroup": CLUSTER_ROLE_BINDINGS.group, "kind": "User", "name": PERSON}
    binding = _object(CLUSTER_ROLE_BINDINGS.api_version, "ClusterRoleBinding", PERSON)
    await fleet.host.apply(CLUSTER_ROLE_BINDINGS, binding | {"roleRef": role, "subjects": [subject]})
    yield PERSON
    await fleet.host.delete(CLUSTER_ROLE_BINDINGS, PERSON)


def exports(market: Market) -> list[Case]:
    shop = market.namespace
    created = market.creates
    return [
        created("V01", REFUSED, f'Service "{shop}/alias" has type ExternalName and cannot be exported; '
                "create an ExternalName Service in each cluster instead", market.export("alias")),
        created("V02", ACCEPTED, f'Service "{shop}/none" not found; the export stays Valid=False (NoService) '
                "until it exists", market.export("none")),
        created("V03", REFUSED, "must be a DNS label of at most 63 characters because exports are "
                "name-mapped to a Service (got 71)", market.export("a" * 71)),
        created("V04", ACCEPTED, f'no policy propagates ServiceExport "{shop}/none"', market.export("none")),
        created("V05", REFUSED, 'exports from namespace "kube-system" are not allowed',
                market.export("web", "kube-system")),
        created("V06", REFUSED, 'spec.exportedLabels["kubernetes.io/service-name"]: key is reserved',
                market.export("none", exportedLabels={"kubernetes.io/service-name": "a"})),
        created("V07", REFUSED, "spec.exportedAnnotations: total size 65537 exceeds 65536 bytes",
                market.export("none", exportedAnnotations={"a": "a" * 65536})),
        created("V11", REFUSED, 'port conflict: port "http" is 80/TCP in m3 and 8080/TCP in m1',
                market.export("early")),
        market.deletes("V24", ACCEPTED, f'last export of "{shop}/web": ServiceImports in [m1 m2 m3] will be '
                       "deleted", "serviceexport/web"),
    ]  # fmt: skip


def services(market: Market) -> list[Case]:
    shop = market.namespace
    return [
        market.patches("V08", REFUSED, f'Service "{shop}/web" is exported by [m1 m2]; changing type to '
                       "ExternalName would remove it from the clusterset", "service",
                       {"spec": {"type": "ExternalName", "externalName": "a.example"}}),
        market.patches("V21", REFUSED, f'selector removed from exported Service "{shop}/web"', "service",
                       {"spec": {"selector": None}}),
        market.patches("V22", ACCEPTED, f'selector of exported Service "{shop}/web" changed; endpoints in '
                       "all importing clusters will be replaced", "service",
                       {"spec": {"selector": {"app": "b"}}}),
        market.patches("V18", ACCEPTED, "internalTrafficPolicy Local: endpoints of other clusters are never "
                       "used", "service", {"spec": {"internalTrafficPolicy": "Local"}}),
        market.patches("force", ACCEPTED, "would stay exported (forced: it is over)", "service",
                       {"metadata": {"annotations": {FORCE: "it is over"}}, "spec": {"selector": None}}),
        market.creates("V11", REFUSED, 'port conflict: port "http" is 80/TCP in m3 and 8080/TCP in m2',
                       market.service("late", **PORT_8080)),
        market.deletes("V23", REFUSED, f'Service "{shop}/web" is exported by [m1 m2] and imported by '
                       f'[m1 m2 m3]; delete ServiceExport "{shop}/web" first', "service/web"),
        market.creates("V37", REFUSED, 'Service names starting with "derived-" are reserved',
                       market.service("derived-web")),
    ]  # fmt: skip


def overridden(market: Market) -> list[Case]:
    """What clusters would not agree on."""
    what = f'Service "{market.namespace}/web": '
    return [
        market.overrides("V09", REFUSED, f"{what}spec.clusterIP: changing headlessness of exported Service",
                         "/spec/clusterIP", "None"),
        market.overrides("V10", REFUSED, "headlessness conflict: cluster m1 exports ClusterIP, cluster m2 "
                         "exports Headless", "/spec/clusterIP", "None"),
        market.overrides("V11", REFUSED, 'port conflict: port "http" is 80/TCP in m1 and 8080/TCP in m2',
                         "/spec/ports/0/port", 8080),
        market.overrides("V12", REFUSED, 'protocol conflict: port "http" is 80/TCP in m1 and 80/UDP in m2',
                         "/spec/ports/0/protocol", "UDP"),
        market.overrides("V13", ACCEPTED, "ports differ between clusters; the union will be exposed and "
                         "PortConflict reported", "/spec/ports/1", {"name": "more", "port": 90}),
        market.overrides("V14", REFUSED, 'merged ports are invalid: "http" (m1) and "web" (m2) both use '
                         "80/TCP", "/spec/ports/0/name", "web"),
        market.overrides("V15", ACCEPTED, 'appProtocol of port "http" differs: "" (m1) vs '
                         '"kubernetes.io/h2c" (m2)', "/spec/ports/0/appProtocol", "kubernetes.io/h2c"),
        market.overrides("V16", ACCEPTED, "session affinity conflict: None (m1, oldest, wins) vs ClientIP "
                         "(m2)", "/spec/sessionAffinity", "ClientIP"),
        market.overrides("V17", ACCEPTED, "session affinity timeout conflict: none (m1) vs 10800 (m2)",
                         "/spec/sessionAffinity", "ClientIP"),
        market.overrides("V19", ACCEPTED, "trafficDistribution conflict: none (m1) vs PreferClose (m2)",
                         "/spec/trafficDistribution", "PreferClose"),
        market.overrides("V20", REFUSED, "ipFamilies conflict: [IPv4] (m1) and [IPv6] (m2) have no family in "
                         "common", "/spec/ipFamilies", ["IPv6"]),
    ]  # fmt: skip


def others(market: Market, person: str) -> list[Case]:
    shop = market.namespace
    placed = {"spec": {"placement": {"clusterAffinity": {"clusterNames": [CALLING]}}}}
    partly = {"spec": {"placement": {"clusterAffinity": {"clusterNames": ["m1"]}}}}
    spec = {"type": "ClusterSetIP", "ports": [{"name": "http", "port": 80}]}
    imported = _object(SERVICE_IMPORTS.api_version, "ServiceImport", "web", shop) | {"spec": spec}
    piece = _object(ENDPOINT_SLICES.api_version, "EndpointSlice", "web", shop)
    piece["metadata"]["labels"] = {MANAGED_BY: CONTROLLER}
    return [
        market.creates("V25", REFUSED, "ServiceImport objects are managed by the MCS controller", imported,
                       f"--as={person}"),
        market.creates("V26", REFUSED, f'EndpointSlice "web" is managed by {CONTROLLER}',
                       piece | {"addressType": "IPv4", "endpoints": []}, f"--as={person}"),
        market.deletes("V27", REFUSED, f'namespace "{shop}" contains 1 exported services: web',
                       f"namespace/{shop}"),
        market.patches("V28", REFUSED, "placement change removes all exporting clusters [m1 m2] of Service "
                       f'"{shop}/web"', "pp", placed),
        market.patches("V28", ACCEPTED, "placement change removes exporting clusters [m2] of Service "
                       f'"{shop}/web"', "pp", partly),
        market.deletes("V31", REFUSED, f"cluster m1 is the only exporter of 1 service ({shop}/solo)",
                       "cluster/m1"),
    ]  # fmt: skip


def wanted(market: Market) -> list[Case]:
    """What MultiClusterServices say."""
    shop = market.namespace

    def multi(name: str, **spec: Any) -> Manifest:
        kind = MULTI_CLUSTER_SERVICES
        return _object(kind.api_version, kind.kind, name, shop) | {"spec": spec}

    return [
        market.creates("V33", ACCEPTED, 'spec.importTo.clusterNames[1]: cluster "c9" is not registered',
                       multi("web", importTo={"clusterNames": ["m1", "c9"]})),
        market.creates("V34", REFUSED, f'spec.ports[0].name: "grpc" is not a port of Service "{shop}/web"',
                       multi("web", ports=[{"name": "grpc"}])),
        market.creates("V35", REFUSED, f'cluster m1 already has Service "{shop}/alias" not managed by '
                       "federation; set adoptExisting to merge remote endpoints into it",
                       multi("alias", mode="NativeName")),
    ]  # fmt: skip


def unnoticed(market: Market) -> list[Case]:
    """What looks much the same and is nobody's business."""
    silence = ("created", "patched", "deleted")
    return [
        market.creates("service", ACCEPTED, silence[0], market.service("other", type="ExternalName",
                                                                       externalName="a.example")),
        market.creates("as m3 has it", ACCEPTED, silence[0], market.service("late")),
        market.overrides("override", ACCEPTED, silence[0], "/metadata/labels", {"a": "b"}),
        market.patches("port", ACCEPTED, silence[1], "service", {"spec": {"selector": {"tier": "a"}}}),
        market.patches("labels", ACCEPTED, silence[1], "service", {"metadata": {"labels": {"a": "b"}}}),
        market.deletes("service", ACCEPTED, silence[2], "service/alias"),
        market.deletes("cluster", ACCEPTED, silence[2], "cluster/m2"),
    ]  # fmt: skip


def _is_of_both(live: Manifest | None) -> bool:
    return live is not None and len((live.get("status") or {}).get("clusters") or ()) == 2


async def test_what_would_harm_callers_is_refused_or_warned_of_and_all_else_is_not(
    market: Market, person: str
) -> None:
    """The ServiceExport of the host is a template: that m1 and m2 export is itself part of what is tested."""
    found = await market.imported("web", _is_of_both)
    assert [each["cluster"] for each in found["status"]["clusters"]] == list(EXPORTING)
    template = await market.fleet.host.get(SERVICE_EXPORTS, "web", market.namespace)
    assert template is not None
    assert condition(template, "Valid") is None, "nobody exports from the host"

    wrong = []
    cases = [
        *exports(market),
        *services(market),
        *overridden(market),
        *others(market, person),
        *wanted(market),
    ]
    for case in cases:
        said = await market.kubectl(*case.words, stdin=case.stdin)
        if said.refused != case.refused or case.says not in said.text:
            wrong.append(f"{case.check}: {said}; expected {case.refused}: {case.says}")
    for case in unnoticed(market):
        said = await market.kubectl(*case.words, stdin=case.stdin)
        if said.refused or case.says not in said.text or "arning" in said.text:
            wrong.append(f"{case.check}: {said}; expected no word about it")
    assert not wrong, "\n".join(wrong)
