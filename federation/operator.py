"""The controller process as an operator: kopf as the shell, the Process inside it.

kopf gives life cycle and signals. Nothing is watched through it, and it writes nothing.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from contextlib import AsyncExitStack
from typing import Any

import kopf
import uvloop

from federation import admission, service_admission
from federation.admission_server import AdmissionServer
from federation.kube.api import Api
from federation.kube.config import Configuration, load
from federation.kube.discovery import Discovery
from federation.kube.errors import ApiError
from federation.kube.resources import Resource
from federation.logs import configure
from federation.process import Process
from federation.settings import Settings
from mcs.api import KINDS as SERVICE_KINDS
from mcs.resources import SERVICE_EXPORTS
from policies.api import KINDS
from policies.api.meta import GROUP, VERSION

log = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Run a controller until it is told to stop; return the exit code: 1 when it ended for a reason of its
    own.
    """
    configure()
    gc.set_threshold(50_000, 50, 100)
    return uvloop.run(_run(settings))


async def _run(settings: Settings) -> int:
    try:
        configuration = await load(settings.kubeconfig, settings.context)
        await _check_installed(configuration)
    except ApiError as error:
        log.error("the host cluster: %s", error)
        return 1
    shell = _Shell(settings, configuration)
    await kopf.operator(
        registry=shell.registry,
        settings=_kopf_settings(),
        stop_flag=shell.stop,
        clusterwide=True,
    )
    return shell.code


async def _check_installed(configuration: Configuration) -> None:
    """Find out early, and say so, when our kinds are not there."""
    async with Api(configuration) as api:
        discovery = Discovery(api)
        await discovery.refresh()
        wanted = [Resource(GROUP, VERSION, kind.plural, kind.__name__) for kind in KINDS + SERVICE_KINDS]
        missing = [
            kind.group_resource
            for kind in (*wanted, SERVICE_EXPORTS)
            if discovery.resource(kind.group, kind.kind, kind.version) is None
        ]
    if missing:
        raise ApiError(f"it does not serve {', '.join(missing)}: run `atoll install`")


def _kopf_settings() -> kopf.OperatorSettings:
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    chosen.scanning.disabled = True
    chosen.queueing.idle_timeout = 0.05
    chosen.networking.request_timeout = 30
    chosen.networking.connect_timeout = 10
    return chosen


class _Shell:
    """The Process as kopf's guest: started with it, stopped with it, and ending it when it fails."""

    def __init__(self, settings: Settings, configuration: Configuration) -> None:
        self.registry, self.stop, self.code = kopf.OperatorRegistry(), asyncio.Event(), 0
        self._process, self._configuration = Process(settings), configuration
        self._task: asyncio.Task[None] | None = None
        kopf.on.startup(registry=self.registry)(self._start)
        kopf.on.cleanup(registry=self.registry)(self._end)
        kopf.on.login(registry=self.registry)(self._login)
        self._webhook = settings.webhook

    async def _start(self, **_: Any) -> None:
        self._task = asyncio.create_task(self._run(), name="atoll")
        self._task.add_done_callback(self._done)

    async def _run(self) -> None:
        async with AsyncExitStack() as stack:
            if self._webhook is not None:
                process = self._process
                answers = {
                    **admission.answers(process.clusters),
                    **service_admission.answers(process.consequences),
                }
                await stack.enter_async_context(AdmissionServer(self._webhook, answers))
            await self._process.run()

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.code = 1
            log.error("the controller failed; ending, to be started anew", exc_info=error)
        self.stop.set()

    async def _end(self, **_: Any) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=10)

    async def _login(self, **_: Any) -> kopf.ConnectionInfo:
        configuration = self._configuration
        bearer = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return kopf.ConnectionInfo(
            server=configuration.host,
            ca_path=configuration.ssl_ca_cert,
            certificate_path=configuration.cert_file,
            private_key_path=configuration.key_file,
            token=(bearer or "").removeprefix("Bearer ") or None,
            trust_env=False,
        )
