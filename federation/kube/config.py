"""From a kubeconfig, or from inside a pod, to a Configuration that keeps its credentials fresh.

kubernetes.aio resolves clusters, certificates and OIDC; what it reads once and never again (token files,
exec plugins) is read in credentials.py, when it is due or after a 401.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import aiohttp
import yaml
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException
from kubernetes.aio.config.kube_config import KubeConfigLoader

from .credentials import BearerToken, file_token, plugin_token, run_plugin, token_in
from .errors import BadConfiguration

__all__ = ["Configuration", "from_dict", "from_file", "in_cluster", "load", "open_session"]

Kubeconfig = Mapping[str, Any]
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


async def load(path: str | os.PathLike[str] | None = None, context: str | None = None) -> Configuration:
    """The kubeconfig at `path`, else of $KUBECONFIG, else ~/.kube/config, else that of the pod we run in.

    :raises BadConfiguration: none of them leads to a server
    """
    default = Path.home() / ".kube" / "config"
    path = path or os.environ.get("KUBECONFIG")
    if path is None and await asyncio.to_thread(default.exists):
        path = default
    if path is not None:
        return await from_file(path, context)
    if "KUBERNETES_SERVICE_HOST" not in os.environ:
        raise BadConfiguration(
            f"no cluster: KUBECONFIG is not set, {default} is not there, and this is no pod"
        )
    return in_cluster()


async def from_file(path: str | os.PathLike[str], context: str | None = None) -> Configuration:
    """Read one kubeconfig, or several merged as kubectl does it (`path` may be a list like $PATH)."""
    return await from_dict(await asyncio.to_thread(_merged, os.fspath(path)), context)


async def from_dict(kubeconfig: Kubeconfig, context: str | None = None) -> Configuration:
    """Resolve a context, the current one by default.

    :raises BadConfiguration: a part is missing, malformed or unreadable, or the credential plugin fails
    """
    kubeconfig = deepcopy(dict(kubeconfig))
    context = context or kubeconfig.get("current-context")
    if not context:
        raise BadConfiguration("kubeconfig: no current-context; name a context")
    chosen = _named(kubeconfig, "contexts", context).get("context") or {}
    cluster = _named(kubeconfig, "clusters", chosen.get("cluster")).get("cluster") or {}
    user = _named(kubeconfig, "users", chosen["user"]).get("user") or {} if chosen.get("user") else {}
    configuration = Configuration()
    try:
        hook = await _token_hook(user, cluster)
        loader = KubeConfigLoader(kubeconfig, active_context=context)  # type: ignore[no-untyped-call]
        await loader.load_and_set(configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, ValueError, TypeError, KeyError, OSError) as error:
        raise BadConfiguration(f"kubeconfig, context {context}: {error}") from error
    return await _completed(configuration, hook)


def in_cluster() -> Configuration:
    """The service account of the pod we run in; its token is read anew each minute.

    :raises BadConfiguration: this is no pod, or its service account token is not mounted
    """
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    token, authority = _SERVICE_ACCOUNT / "token", _SERVICE_ACCOUNT / "ca.crt"
    if not host or not port:
        raise BadConfiguration(
            "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set"
        )
    if not token.exists() or not authority.exists():
        raise BadConfiguration(
            f"{_SERVICE_ACCOUNT} has no token and ca.crt: is automountServiceAccountToken off?"
        )
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    configuration = Configuration(host=server, ssl_ca_cert=str(authority))
    configuration.refresh_api_key_hook = BearerToken(file_token(token))  # type: ignore[assignment]
    return configuration


def open_session(configuration: Configuration) -> aiohttp.ClientSession:
    """The pool of connections; must be called in a running loop, and costs an SSL context."""
    # trust_env would cost a thread hop for each request; the buffer lets lines of 4 MiB pass
    configuration.client_session_kwargs = {"trust_env": False, "read_bufsize": 2**21}
    configuration.connection_pool_maxsize = 0
    session: aiohttp.ClientSession = ApiClient(configuration).rest_client._create_pool_manager()
    return session


async def _token_hook(user: dict[str, Any], cluster: Kubeconfig) -> BearerToken | None:
    """Take out of `user` what kubernetes.aio would read only once; certificates of a plugin are put in."""
    if (path := user.pop("tokenFile", None)) is not None:
        user.pop("token", None)  # the file wins, as in client-go
        return BearerToken(file_token(Path(path)))
    if (plugin := user.pop("exec", None)) is None:
        return None
    status = await run_plugin(plugin, cluster)
    for field, given in (
        ("client-certificate-data", "clientCertificateData"),
        ("client-key-data", "clientKeyData"),
    ):
        if given in status:
            user[field] = base64.b64encode(status[given].encode()).decode()
    return BearerToken(plugin_token(plugin, cluster), token_in(status)) if "token" in status else None


async def _completed(configuration: Configuration, hook: BearerToken | None) -> Configuration:
    if hook is not None:
        configuration.refresh_api_key_hook = hook  # type: ignore[assignment]
        await hook(configuration)  # a file or plugin that gives nothing is told now
    if configuration.proxy is None:
        configuration.proxy = _environment_proxy(configuration.host)
    return configuration


def _environment_proxy(server: str) -> str | None:
    address, proxies = urlsplit(server), getproxies_environment()
    if proxy_bypass(address.netloc):
        return None
    return proxies.get(address.scheme)


def _named(kubeconfig: Kubeconfig, section: str, name: str | None) -> dict[str, Any]:
    entries: list[dict[str, Any]] = kubeconfig.get(section) or []
    for entry in entries:
        if isinstance(entry, dict) and entry.get("name") == name:
            return entry
    known = (
        ", ".join(sorted(str(entry.get("name")) for entry in entries if isinstance(entry, dict))) or "none"
    )
    raise BadConfiguration(f"kubeconfig: {name} is not among its {section} ({known})")


def _merged(paths: str) -> dict[str, Any]:
    """The first file to name something wins; files that are not there are skipped."""
    files = [Path(part).expanduser() for part in paths.split(os.pathsep) if part]
    found = [_parsed(file) for file in files if file.exists()]
    if not found:
        raise BadConfiguration(f"kubeconfig {paths} is not there")
    merged: dict[str, Any] = {"clusters": {}, "contexts": {}, "users": {}}
    for kubeconfig in found:
        merged.setdefault("current-context", kubeconfig.get("current-context"))
        for section in ("clusters", "contexts", "users"):
            for entry in kubeconfig.get(section) or ():
                merged[section].setdefault(entry["name"], entry)
    return {key: list(value.values()) if isinstance(value, dict) else value for key, value in merged.items()}


def _parsed(file: Path) -> dict[str, Any]:
    try:
        kubeconfig: dict[str, Any] = yaml.safe_load(file.read_text())
        for entry in [*(kubeconfig.get("clusters") or ()), *(kubeconfig.get("users") or ())]:
            _anchor(entry.get("cluster") or entry.get("user") or {}, file.parent)
    except (OSError, yaml.YAMLError, AttributeError, TypeError) as error:
        raise BadConfiguration(f"kubeconfig {file}: {error}") from error
    return kubeconfig


def _anchor(part: dict[str, Any], folder: Path) -> None:
    """Paths in a kubeconfig are relative to it."""
    for field in _FILES:
        if part.get(field):
            part[field] = str(folder / part[field])
    command = (part.get("exec") or {}).get("command") or ""
    if os.sep in command:
        part["exec"]["command"] = str(folder / command)
