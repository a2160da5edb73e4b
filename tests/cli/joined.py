"""A host and two members that have joined it, as atoll reaches them; no controller runs."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from federation.install import install
from federation.kube.api import Api
from federation.kube.served import answers
from federation.resources import CLUSTER, NAMESPACES, SECRETS
from federation.settings import NAMESPACE
from policies.api.meta import API_VERSION, Manifest
from tests.apiserver.clients import api_of
from tests.cli.market import Member, atoll
from tests.cli.shop import Said
from tests.federated import CONFIGMAPS, USER, Cluster, configmap
from tests.servers import ApiServer, Fleet


class Joined:
    """The members are `one` and `two`, in the order of their names, which no other test has."""

    def __init__(self, server: ApiServer, host: Cluster, members: Sequence[Member], namespace: str) -> None:
        self.server, self.host, self.namespace = server, host, namespace
        self.one, self.two = members

    async def atoll(self, *words: str) -> Said:
        return await atoll(self.server.path, *words)

    async def get(self, *words: str) -> Said:
        """Ask both members for what is in the namespace."""
        clusters = (word for each in (self.one, self.two) for word in ("--cluster", each.name))
        return await self.atoll("get", *words, "-n", self.namespace, *clusters)

    async def config(self, member: Member, *names: str, **labels: str) -> None:
        """Put ConfigMaps into a member."""
        for name in names:
            manifest = configmap(name, self.namespace, key="value")
            await member.cluster.apply(
                CONFIGMAPS, manifest | {"metadata": manifest["metadata"] | {"labels": labels}}
            )

    async def reach(self, member: Member, kubeconfig: Manifest) -> None:
        """Have a member be reached by another kubeconfig."""
        await put_kubeconfig(self.host.api, member.name, kubeconfig)


async def put_kubeconfig(host: Api, name: str, kubeconfig: Manifest) -> None:
    text = base64.b64encode(json.dumps(kubeconfig).encode()).decode()
    metadata = {"name": f"cluster-{name}", "namespace": NAMESPACE}
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"kubeconfig": text}}
    await host.apply(SECRETS, manifest, manager=USER)


@asynccontextmanager
async def joined(fleet: Fleet, namespace: str) -> AsyncIterator[Joined]:
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(api_of(fleet.host))
        if not await answers(host, CLUSTER):
            await install(host)
        members = []
        for letter, server in zip("ab", fleet.members.values(), strict=True):
            name = f"{letter}-{uuid.uuid4().hex[:6]}"
            await put_kubeconfig(host, name, server.kubeconfig)
            spec = {"secretRef": {"namespace": NAMESPACE, "name": f"cluster-{name}"}}
            cluster = {
                "apiVersion": API_VERSION,
                "kind": CLUSTER.kind,
                "metadata": {"name": name},
                "spec": spec,
            }
            await host.apply(CLUSTER, cluster, manager=USER)
            api = await stack.enter_async_context(api_of(server))
            await api.create(NAMESPACES, {"metadata": {"name": namespace}}, manager=USER)
            members.append(Member(name, Cluster(api)))
        yield Joined(fleet.host, Cluster(host), members, namespace)
        for member in members:
            await host.delete(CLUSTER, member.name)
            await host.delete(SECRETS, f"cluster-{member.name}", NAMESPACE)
