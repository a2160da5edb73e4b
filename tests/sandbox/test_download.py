"""Downloads are taken for what they are only when their digest is the published one."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from federation.sandbox import binaries, download
from federation.sandbox.versions import ETCD, KUBERNETES, KWOK

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
KUBERNETES_PATH = f"/release/v{KUBERNETES}/bin/linux/{ARCHITECTURE}"


class Site:
    """Release sites that serve `pages` by path."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        pages = self.pages

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = pages.get(self.path)
                self.send_response(404 if content is None else 200)
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def publish_program(self, name: str) -> None:
        content = f"program {name}".encode()
        self.pages[f"{KUBERNETES_PATH}/{name}"] = content
        self.pages[f"{KUBERNETES_PATH}/{name}.sha256"] = hashlib.sha256(content).hexdigest().encode()

    def publish_asset(self, repository: str, version: str, name: str, content: bytes) -> None:
        self.pages[f"/assets/{name}"] = content
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        asset = {"name": name, "digest": digest, "browser_download_url": f"{self.url}/assets/{name}"}
        release = json.dumps({"assets": [asset]}).encode()
        self.pages[f"/repos/{repository}/releases/tags/v{version}"] = release


def archive(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    for program in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"):
        site.publish_program(program)
    etcd = f"etcd-v{ETCD}-linux-{ARCHITECTURE}"
    site.publish_asset("etcd-io/etcd", ETCD, f"{etcd}.tar.gz", archive(f"{etcd}/etcd", b"program etcd"))
    site.publish_asset("kubernetes-sigs/kwok", KWOK, f"kwok-linux-{ARCHITECTURE}", b"program kwok")
    thread = threading.Thread(target=site.server.serve_forever)
    thread.start()
    yield site
    site.server.shutdown()
    site.server.server_close()
    thread.join()


def fetch(site: Site, folder) -> None:
    download.all_programs(folder, lambda line: None, kubernetes_site=site.url, github_api=site.url)


def test_every_program_arrives_ready_to_run(site, tmp_path):
    fetch(site, tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        program: f"program {program}" for program in binaries.PROGRAMS
    }
    assert binaries.holds(tmp_path, binaries.PROGRAMS)


@pytest.mark.parametrize("path", [f"{KUBERNETES_PATH}/kubectl", f"/assets/kwok-linux-{ARCHITECTURE}"])
def test_a_file_with_another_digest_is_refused_and_removed(site, tmp_path, path):
    site.pages[path] += b" and more"
    with pytest.raises(OSError, match="has the digest"):
        fetch(site, tmp_path)
    assert not (tmp_path / path.rsplit("/", 1)[1].split("-linux")[0]).exists()


def test_a_release_without_a_digest_is_refused(site, tmp_path):
    path = f"/repos/kubernetes-sigs/kwok/releases/tags/v{KWOK}"
    site.pages[path] = site.pages[path].replace(b"sha256:", b"md5:")
    with pytest.raises(OSError, match="names no digest"):
        fetch(site, tmp_path)


def test_a_site_that_lacks_a_file_is_an_error_that_a_build_follows(site, tmp_path):
    del site.pages[f"{KUBERNETES_PATH}/kube-scheduler"]
    with pytest.raises(OSError, match="404"):
        fetch(site, tmp_path)


def test_ci_never_downloads(monkeypatch):
    monkeypatch.setenv("CI", "true")
    assert not download.is_allowed()
