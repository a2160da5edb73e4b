"""Attempts: what somebody tries with kubectl on the host, as a dry run, and what must be answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from federation.kube.resources import Manifest, Resource
from policies.api.meta import FORCE
from tests.federated import OVERRIDES, SERVICES, selects

Answer = Literal["refused", "held", "warned of", "silent"]
"""`held` is refused unless an annotation gives a reason; `silent` is done without a word."""
DRY_RUN = "--dry-run=server"
HINT = f'; to do it nevertheless, annotate the object with {FORCE}: "<reason>"'
_AT_ONCE = 4


class Attempt(NamedTuple):
    """One call of kubectl."""

    checks: str
    """The ids of the checks that it shows, such as `V13 V14`."""
    answer: Answer
    says: str
    """The message in full, without HINT; empty where nothing is to be said."""
    words: tuple[str, ...]
    stdin: Manifest | None = None

    def differs(self, code: int, said: str) -> str:
        """Return what is not as it must be; empty when all is."""
        expected = f"{self.checks}: {self.answer}: {self.says}"
        return "" if self._answered(code, said) else f"{expected}\n    {code}: {said}"

    def _answered(self, code: int, said: str) -> bool:
        warnings = [line for line in said.splitlines() if line.startswith("Warning: ")]
        match self.answer:
            case "silent":
                return code == 0 and not warnings
            case "warned of":
                return code == 0 and any(line.endswith(f": {self.says}") for line in warnings)
            case "held":
                return code != 0 and _told(self.says + HINT, said)
            case _:
                return code != 0 and _told(self.says, said) and self.says + HINT not in said


def _told(message: str, said: str) -> bool:
    """Whether a message stands there from its beginning: after what refused it, or after another."""
    return any(f"{before}{message}" in said for before in (": ", "; "))


class Kubectl(NamedTuple):
    """kubectl, with the kubeconfig and context that it uses."""

    program: Path
    kubeconfig: Path
    context: str

    async def differences(self, attempts: Iterable[Attempt]) -> list[str]:
        """Try all, some at once; what is not answered as it must be."""
        turn = asyncio.Semaphore(_AT_ONCE)

        async def tried(attempt: Attempt) -> str:
            async with turn:
                return attempt.differs(*await self.run(*attempt.words, stdin=attempt.stdin))

        return [found for found in await asyncio.gather(*map(tried, attempts)) if found]

    async def run(self, *words: str, stdin: Manifest | None = None) -> tuple[int, str]:
        """Return (exit code, all that was printed, without the backslashes of HTTP's headers)."""
        process = await asyncio.create_subprocess_exec(
            self.program, f"--kubeconfig={self.kubeconfig}", f"--context={self.context}", *words,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        printed, _ = await process.communicate(json.dumps(stdin).encode())
        return process.returncode or 0, printed.decode().replace("\\", "")


# Objects


def named(resource: Resource, name: str, namespace: str = "", **more: Any) -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **more}


def service(name: str, namespace: str, **spec: Any) -> Manifest:
    """Return a Service; a field that is None is left out."""
    said = {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}], **spec}
    return named(SERVICES, name, namespace, spec={field: said[field] for field in said if said[field]})


# What is tried


def create(checks: str, answer: Answer, says: str, manifest: Manifest, *words: str) -> Attempt:
    return Attempt(checks, answer, says, ("create", DRY_RUN, "-f-", *words), manifest)


def patch(checks: str, answer: Answer, says: str, target: str, namespace: str, change: Manifest) -> Attempt:
    words = ("patch", target, "-n", namespace, DRY_RUN, "--type=merge", f"--patch={json.dumps(change)}")
    return Attempt(checks, answer, says, words)


def delete(checks: str, answer: Answer, says: str, target: str, namespace: str = "") -> Attempt:
    scope = ("-n", namespace) if namespace else ()
    return Attempt(checks, answer, says, ("delete", target, *scope, DRY_RUN))


def override(
    checks: str, answer: Answer, says: str, namespace: str, changes: dict[str, Any], clusters: Iterable[str]
) -> Attempt:
    """Try a policy by which the Service `web` is another one in some clusters.

    :param changes: values by path
    """
    plaintext = [{"path": path, "operator": "add", "value": value} for path, value in changes.items()]
    rule = {"targetCluster": {"clusterNames": list(clusters)}, "overriders": {"plaintext": plaintext}}
    spec = {"resourceSelectors": [selects("v1", "Service", name="web")], "overrideRules": [rule]}
    return create(checks, answer, says, named(OVERRIDES, "other", namespace, spec=spec))
