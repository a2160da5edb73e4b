"""The webhooks of our kinds and nothing else, as a process: PORT CERTIFICATE KEY CLUSTER..."""

from __future__ import annotations

import asyncio
import sys

from federation.admission import answers
from federation.admission_server import AdmissionServer
from federation.settings import Webhook


async def serve(port: str, certificate: str, key: str, *clusters: str) -> None:
    async with AdmissionServer(Webhook(int(port), certificate, key), answers(lambda: clusters)):
        await asyncio.Event().wait()


asyncio.run(serve(*sys.argv[1:]))
