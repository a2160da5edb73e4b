"""kopf with our webhooks and nothing else, as a process: KUBECONFIG PORT CERTIFICATE KEY CLUSTER..."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import kopf

from federation.admission import register, server
from federation.kube.config import from_file
from federation.settings import Webhook


async def serve(kubeconfig: str, port: str, certificate: str, key: str, *clusters: str) -> None:
    configuration, registry, settings = (
        await from_file(kubeconfig),
        kopf.OperatorRegistry(),
        kopf.OperatorSettings(),
    )
    register(registry, lambda: clusters)
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.admission.server = server(Webhook(int(port), certificate, key))

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(
            server=configuration.host,
            ca_path=configuration.ssl_ca_cert,
            certificate_path=configuration.cert_file,
            private_key_path=configuration.key_file,
        )

    await kopf.operator(registry=registry, settings=settings, standalone=True, clusterwide=True)


asyncio.run(serve(*sys.argv[1:]))
