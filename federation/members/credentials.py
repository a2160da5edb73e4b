"""How a member is reached: the kubeconfig in the Secret that its Cluster names."""

from __future__ import annotations

import base64
from typing import Any

import yaml

from federation.kube.api import Api
from federation.kube.errors import BadConfiguration, NotFound
from federation.resources import SECRETS
from policies.api.cluster import Cluster


class NoCredentials(BadConfiguration):
    """A Cluster that can't be connected until somebody mends its Secret."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        """As the condition Ready of the Cluster says it."""


async def read(host: Api, cluster: Cluster) -> bytes:
    """Return the kubeconfig of a cluster, as it is written in its Secret.

    :raises NoCredentials: there is none
    """
    if (reference := cluster.spec.secret_ref) is None:
        raise NoCredentials("NoSecret", "spec.secretRef is not set; run `atoll join`")
    try:
        secret = await host.get(SECRETS, reference.name, reference.namespace)
        return base64.b64decode(secret["data"]["kubeconfig"], validate=True)
    except NotFound:
        where = f"Secret {reference.namespace}/{reference.name}"
        raise NoCredentials("NoSecret", f"{where} does not exist; run `atoll join` again") from None
    except KeyError:
        raise _bad_secret(cluster, "has no key kubeconfig") from None
    except ValueError:
        raise _bad_secret(cluster, "kubeconfig is not base64") from None


def parsed(cluster: Cluster, text: bytes) -> dict[str, Any]:
    """Return the kubeconfig as a value.

    :raises NoCredentials: it is none
    """
    try:
        kubeconfig = yaml.safe_load(text)
    except yaml.YAMLError:
        raise _bad_secret(cluster, "kubeconfig is no YAML document") from None
    if not isinstance(kubeconfig, dict):
        raise _bad_secret(cluster, "kubeconfig is no YAML mapping")
    return kubeconfig


def _bad_secret(cluster: Cluster, what: str) -> NoCredentials:
    assert cluster.spec.secret_ref is not None
    return NoCredentials(
        "BadSecret", f"Secret {cluster.spec.secret_ref.name}: {what}; run `atoll join` again"
    )
