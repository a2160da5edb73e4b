"""The validator as people meet it: kubectl against a host whose members export Services."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from e2e.attempts import DRY_RUN, Attempt, Kubectl, create, delete, named, patch, service
from e2e.fleet import SETTLE, Fleet, namespace_on, silent
from e2e.market import EXPORTING, Market
from e2e.validator_table import (
    PERSON,
    agreements,
    disagreements,
    export,
    exports,
    services,
    several,
    standing,
    wanted,
    withdrawals,
)
from federation.kube.resources import Resource
from federation.resources import CLUSTER_ROLE_BINDINGS, WEBHOOKS
from federation.sandbox import binaries, ports
from federation.sandbox.sandbox import HOST
from federation.service_webhooks import NAME as SERVICE_WEBHOOKS
from mcs.names import STRICT, host_namespace
from mcs.resources import SERVICE_EXPORTS
from tests.federated import NAMESPACES, SERVICES, USER, condition, eventually

pytestmark = pytest.mark.timeout(300)

ALL = {f"V{number:02}" for number in range(1, 41)}
NOT_HERE = {
    "V30": "is a condition of the Cluster: nobody writes a pod CIDR whom a webhook could ask",
    "V38": "can't be: a MultiClusterService has the name of its Service",
}
QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
COUNT = f"count/{SERVICE_EXPORTS.plural}.{SERVICE_EXPORTS.group}"
DOCUMENTED = Path(__file__).parent.parent / "docs" / "services.md"


def table(shop: str, distant: str, oldest: str, other: str) -> list[Attempt]:
    """All that is tried while the webhook answers, but for what needs a strict namespace or a quota."""
    return [
        *exports(shop),
        *services(shop),
        *disagreements(shop, oldest, other),
        *agreements(shop, oldest, other),
        *several(shop, distant),
        *wanted(shop),
        *withdrawals(shop, strict=False),
        *standing(shop),
    ]


def full(namespace: str) -> Attempt:
    says = f"exceeded quota: exports, requested: {COUNT}=1, used: {COUNT}=0, limited: {COUNT}=0"
    return create("V40", "refused", says, export("plain", namespace))


def test_every_check_has_one_object_that_it_finds_and_one_that_it_lets_pass() -> None:
    attempts = [*table("shop", "far", *EXPORTING), full("full")]
    found = {check for each in attempts if each.answer != "silent" for check in each.checks.split()}
    passed = {check for each in attempts if each.answer == "silent" for check in each.checks.split()}
    assert found & ALL == ALL - NOT_HERE.keys()
    assert passed & ALL == ALL - NOT_HERE.keys()


def test_every_check_is_documented() -> None:
    rows = re.findall(r"^\| (V\d\d(?:, V\d\d)*) \|", DOCUMENTED.read_text(), re.MULTILINE)
    assert {check for row in rows for check in row.split(", ")} == ALL


@pytest.fixture
async def distant(fleet: Fleet, namespace: str) -> AsyncIterator[str]:
    """A namespace with a name as long as can be."""
    async with namespace_on(fleet, namespace.ljust(63, "n")) as name:
        yield name


@pytest.fixture
async def market(fleet: Fleet, namespace: str, distant: str) -> AsyncIterator[Market]:
    market = Market(fleet, namespace, distant)
    await market.open()
    yield market
    await market.close()


@pytest.fixture
async def kubectl(fleet: Fleet) -> AsyncIterator[Kubectl]:
    """kubectl as an administrator; PERSON is there to act as."""
    role = {"apiGroup": CLUSTER_ROLE_BINDINGS.group, "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"apiGroup": CLUSTER_ROLE_BINDINGS.group, "kind": "User", "name": PERSON}
    binding = named(CLUSTER_ROLE_BINDINGS, PERSON, roleRef=role, subjects=[subject])
    await fleet.host.apply(CLUSTER_ROLE_BINDINGS, binding)
    yield Kubectl(binaries.find(("kubectl",), silent) / "kubectl", fleet.sandbox.kubeconfig, HOST)
    await fleet.host.delete(CLUSTER_ROLE_BINDINGS, PERSON)


async def test_what_would_harm_callers_is_refused_or_warned_of_and_all_else_is_not(
    market: Market, kubectl: Kubectl
) -> None:
    """The ServiceExports of the host are templates: that m1 and m2 export is itself a part of the test."""
    template = await market.fleet.host.get(SERVICE_EXPORTS, "web", market.namespace)
    assert template is not None
    assert condition(template, "Valid") is None, "nobody exports from the host"
    shop = market.namespace
    wrong = await kubectl.differences(table(shop, market.distant, *await market.by_age()))

    async with _strict(market.fleet, shop):
        wrong += await kubectl.differences(withdrawals(shop, strict=True))
    assert not wrong, "\n".join(wrong)


@asynccontextmanager
async def _strict(fleet: Fleet, namespace: str) -> AsyncIterator[None]:
    """Have a namespace refuse what others only are warned of."""

    async def mark(value: str | None) -> None:
        labels = {"metadata": {"labels": {STRICT: value}}}
        await fleet.host.api.patch(NAMESPACES, namespace, None, labels, manager=USER)

    await mark("true")
    try:
        yield
    finally:
        await mark(None)


async def test_a_quota_bounds_the_exports_of_a_namespace(
    fleet: Fleet, namespace: str, kubectl: Kubectl
) -> None:
    bound = {"hard": {COUNT: "0"}}
    await fleet.host.apply(QUOTAS, named(QUOTAS, "exports", namespace, spec=bound))
    counted = {"status": bound | {"used": {COUNT: "0"}}}
    await fleet.host.api.patch(QUOTAS, "exports", namespace, counted, subresource="status", manager=USER)

    async def refused() -> bool:
        return not await kubectl.differences([full(namespace)])

    await eventually(refused, lambda: "the quota is not held", SETTLE)


async def test_while_the_webhook_is_down_the_api_server_itself_refuses_and_new_exports_wait(
    fleet: Fleet, namespace: str, kubectl: Kubectl
) -> None:
    """What the cluster needs for itself, and what we do, waits for nobody."""
    await fleet.host.apply(SERVICES, service("web", namespace))
    new = export("plain", namespace)
    async with _nobody_answers(fleet):

        async def waits() -> bool:
            _, said = await kubectl.run("create", DRY_RUN, "-f-", stdin=new)
            return "failed calling webhook" in said

        await eventually(waits, lambda: "the webhook is still asked at its address", SETTLE)
        wrong = await kubectl.differences([*standing(namespace), *unhindered(namespace)])
    assert not wrong, "\n".join(wrong)

    async def answers() -> bool:
        code, _ = await kubectl.run("create", DRY_RUN, "-f-", stdin=new)
        return code == 0

    await eventually(answers, lambda: "the webhook is not asked again", SETTLE)


def unhindered(shop: str) -> list[Attempt]:
    """What goes on while nobody answers; exports, too, where the webhook never asks."""
    ours = host_namespace("m1")
    gone = [f"namespace/{shop}", "cluster/m1"]
    return [
        create("V03 V05 V06", "silent", "", export("a" * 63, "atoll-system", exportedLabels={"tier": "a"})),
        create("V05", "silent", "", export("web", ours)),
        *(create("", "silent", "", service("web", each)) for each in ("kube-system", "atoll-system", ours)),
        patch("", "silent", "", "service/web", shop, {"spec": {"selector": None}}),
        delete("", "silent", "", "service/web", shop),
        *(delete("", "silent", "", each) for each in gone),
    ]


@asynccontextmanager
async def _nobody_answers(fleet: Fleet) -> AsyncIterator[None]:
    """Have the API server ask where nobody is, as while the controller is away."""
    nowhere = f"https://127.0.0.1:{ports.free(1)[0]}"
    before = (await fleet.host.api.get(WEBHOOKS, SERVICE_WEBHOOKS))["webhooks"]
    hooks = [each | {"clientConfig": each["clientConfig"] | {"url": nowhere}} for each in before]
    await fleet.host.api.patch(WEBHOOKS, SERVICE_WEBHOOKS, None, {"webhooks": hooks}, manager=USER)
    try:
        yield
    finally:
        await fleet.host.api.patch(WEBHOOKS, SERVICE_WEBHOOKS, None, {"webhooks": before}, manager=USER)
