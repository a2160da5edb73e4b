"""Kubeconfigs as people have them, good and bad."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from federation.kube import config
from federation.kube.api import Api
from federation.kube.errors import BadConfiguration
from tests.federation.kube.scripted import answer, failure, serving

Kubeconfig = dict[str, Any]


def kubeconfig(server: str = "http://127.0.0.1:1", **user: Any) -> Kubeconfig:
    return {
        "clusters": [{"name": "c1", "cluster": {"server": server}}],
        "users": [{"name": "u1", "user": user}],
        "contexts": [{"name": "x1", "context": {"cluster": "c1", "user": "u1"}}],
        "current-context": "x1",
    }


def plugin(tmp_path: Path, *answers: Any, **more: Any) -> dict[str, Any]:
    """A credential plugin that gives these statuses one after the other, the last one for ever."""
    script = tmp_path / "plugin.py"
    (tmp_path / "answers").write_text(json.dumps(answers))
    script.write_text(
        "import json, os, pathlib, sys\n"
        "here = pathlib.Path(__file__).parent\n"
        "answers = json.loads((here / 'answers').read_text())\n"
        "(here / 'answers').write_text(json.dumps(answers[1:] or answers))\n"
        "(here / 'asked').write_text(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "if isinstance(answers[0], str):\n"
        "    sys.exit(answers[0])\n"
        "print(json.dumps({'apiVersion': 'x', 'kind': 'ExecCredential', 'status': answers[0]}))\n"
    )
    return {"apiVersion": "x", "command": sys.executable, "args": [str(script)], **more}


async def headers_sent(configuration: config.Configuration) -> str | None:
    authorization: str | None = await configuration.get_api_key_with_prefix("BearerToken")
    return authorization


async def test_a_context_names_the_server_and_the_user() -> None:
    both = kubeconfig(token="t1")
    both["clusters"].append({"name": "c2", "cluster": {"server": "http://other"}})
    both["contexts"].append({"name": "x2", "context": {"cluster": "c2", "user": "u1"}})
    assert (await config.from_dict(both)).host == "http://127.0.0.1:1"
    other = await config.from_dict(both, "x2")
    assert (other.host, await headers_sent(other)) == ("http://other", "Bearer t1")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda broken: broken.pop("current-context"), "no current-context"),
        (lambda broken: broken.update(clusters=[]), r"c1 is not among its clusters \(none\)"),
        (lambda broken: broken.update(users=[{"name": "u2"}]), r"u1 is not among its users \(u2\)"),
        (
            lambda broken: broken["clusters"][0].update(
                cluster={"server": "https://x", "certificate-authority": "/no"}
            ),
            "/no",
        ),
        (lambda broken: broken["users"][0].update(user={"tokenFile": "/no/token"}), "/no/token"),
    ],
    ids=["no context", "no cluster", "no user", "no CA file", "no token file"],
)
async def test_what_is_wrong_is_named(change: Callable[[Kubeconfig], Any], complaint: str) -> None:
    broken = kubeconfig()
    change(broken)
    with pytest.raises(BadConfiguration, match=complaint):
        await config.from_dict(broken)


async def test_the_given_kubeconfig_is_left_as_it_is(tmp_path: Path) -> None:
    given = kubeconfig(exec=plugin(tmp_path, {"token": "t"}))
    copy = json.loads(json.dumps(given))
    await config.from_dict(given)
    assert given == copy


async def test_files_are_merged_as_kubectl_does_it(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(yaml.safe_dump(kubeconfig("http://first", token="t1")))
    late = kubeconfig("http://second", token="t2")
    late["contexts"].append({"name": "x2", "context": {"cluster": "c1", "user": "u1"}})
    second.write_text(yaml.safe_dump({**late, "current-context": "x2"}))
    paths = f"{tmp_path / 'absent'}:{first}:{second}"
    assert (await config.from_file(paths)).host == "http://first"
    assert (await config.from_file(paths, "x2")).host == "http://first"


async def test_paths_are_relative_to_the_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    (tmp_path / "token").write_text("from-file\n")
    (tmp_path / "config").write_text(yaml.safe_dump(kubeconfig(tokenFile="token")))
    assert await headers_sent(await config.from_file(tmp_path / "config")) == "Bearer from-file"


@pytest.mark.parametrize("text", ["{", "[]", "just text"])
async def test_a_file_that_is_no_kubeconfig_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(BadConfiguration, match="config"):
        await config.from_file(tmp_path / "config")


async def test_the_environment_names_the_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(yaml.safe_dump(kubeconfig("http://named")))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert (await config.load()).host == "http://named"


async def test_without_any_kubeconfig_the_ways_tried_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(BadConfiguration, match="KUBECONFIG is not set"):
        await config.load()
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(yaml.safe_dump(kubeconfig("http://default")))
    assert (await config.load()).host == "http://default"


async def test_in_a_pod_the_service_account_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(BadConfiguration, match="automountServiceAccountToken"):
        config.in_cluster()
    (tmp_path / "token").write_text("pod-token")
    (tmp_path / "ca.crt").write_text("")
    configuration = config.in_cluster()
    assert configuration.host == "https://[fd00::1]:443"
    assert await headers_sent(configuration) == "Bearer pod-token"


async def test_a_proxy_of_the_environment_is_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "10.0.0.1")
    assert (await config.from_dict(kubeconfig("https://away:6443"))).proxy == "http://proxy:3128"
    assert (await config.from_dict(kubeconfig("https://10.0.0.1:6443"))).proxy is None
    own = kubeconfig("https://away:6443")
    own["clusters"][0]["cluster"]["proxy-url"] = "http://mine:1"
    assert (await config.from_dict(own)).proxy == "http://mine:1"


async def test_a_plugin_gives_the_token_and_is_told_about_the_cluster(tmp_path: Path) -> None:
    given = kubeconfig(exec=plugin(tmp_path, {"token": "t1"}, provideClusterInfo=True))
    configuration = await config.from_dict(given)
    assert await headers_sent(configuration) == "Bearer t1"
    spec = json.loads((tmp_path / "asked").read_text())["spec"]
    assert spec == {"interactive": False, "cluster": {"server": "http://127.0.0.1:1"}}


@pytest.mark.parametrize(
    ("user", "complaint"),
    [
        ({"exec": {"command": "no-such-plugin", "installHint": "get it from us"}}, "get it from us"),
        ({"exec": {"command": "true"}}, "gave no ExecCredential"),
        (
            {"exec": {"command": "sh", "args": ["-c", "echo please log in >&2; exit 3"]}},
            "ended with 3: please log in",
        ),
    ],
    ids=["missing", "silent", "failing"],
)
async def test_a_plugin_that_does_not_work_is_told_with_its_words(
    user: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(BadConfiguration, match=complaint):
        await config.from_dict(kubeconfig(**user))


async def test_a_token_that_runs_out_is_replaced_before_it_does(tmp_path: Path) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    first, second = (
        {"token": "t1", "expirationTimestamp": soon},
        {"token": "t2", "expirationTimestamp": later},
    )
    configuration = await config.from_dict(kubeconfig(exec=plugin(tmp_path, first, second, {"token": "no"})))
    assert [await headers_sent(configuration) for _ in range(3)] == ["Bearer t2", "Bearer t2", "Bearer t2"]


async def test_a_refused_token_is_replaced_by_one_run_of_the_plugin_for_all_requests(tmp_path: Path) -> None:
    async def guard(request: web.Request) -> web.Response:
        good = request.headers["Authorization"] == "Bearer t2"
        return answer({"ok": True}) if good else failure(401, "Unauthorized")

    answers = ({"token": "t1"}, {"token": "t2"}, {"token": "too many"})
    async with serving(guard) as url:
        configuration = await config.from_dict(kubeconfig(url, exec=plugin(tmp_path, *answers)))
        async with Api(configuration) as api:
            results = await asyncio.gather(*(api.request("GET", "/x") for _ in range(5)))
    assert results == [{"ok": True}] * 5


async def test_a_plugin_that_fails_later_leaves_the_former_token_to_the_server(tmp_path: Path) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()
    answers = ({"token": "t1", "expirationTimestamp": soon}, "no network")
    configuration = await config.from_dict(kubeconfig(exec=plugin(tmp_path, *answers)))
    assert await headers_sent(configuration) == "Bearer t1"


async def test_a_replaced_token_file_is_read_after_a_401(tmp_path: Path) -> None:
    async def guard(request: web.Request) -> web.Response:
        good = request.headers["Authorization"] == "Bearer new"
        return answer({"ok": True}) if good else failure(401, "Unauthorized")

    path = tmp_path / "token"
    path.write_text("old")
    async with serving(guard) as url:
        configuration = await config.from_dict(kubeconfig(url, tokenFile=str(path)))
        path.write_text("new")
        async with Api(configuration) as api:
            assert await api.request("GET", "/x") == {"ok": True}


async def test_tokens_do_not_show_in_what_is_printed(tmp_path: Path) -> None:
    configuration = await config.from_dict(kubeconfig(exec=plugin(tmp_path, {"token": "s3cret"})))
    async with Api(configuration) as api:
        hook = configuration.refresh_api_key_hook
        assert "s3cret" not in f"{api!r} {hook!r} {vars(hook)!r} {vars(api)!r}"
