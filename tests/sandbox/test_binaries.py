"""Where the control-plane programs come from. A script plays Go: it writes files, as the compiler does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from federation.sandbox import binaries, build, versions
from federation.sandbox.errors import BinariesMissing, BuildFailed

GO = """#!/bin/sh
echo "$@" >> "$GO_LOG"
while [ "$1" != -o ]; do shift; done
output=$2; shift 2
echo compiled >&2
for package in "$@"; do
  case "$output" in */) target="$output${package##*/}";; *) target="$output";; esac
  echo "#!/bin/sh" > "$target"; chmod +x "$target"
done
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty cache, no programs and no tools; downloads are not tried."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "chmod", "sleep"):
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def install_go(folder: Path, monkeypatch, script: str = GO) -> Path:
    go = folder / "bin" / "go"
    go.write_text(script)
    go.chmod(0o755)
    monkeypatch.setenv("GO_LOG", str(folder / "go.log"))
    return folder / "go.log"


def make_programs(folder: Path, names) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).touch(0o755)
    return folder


def test_a_folder_the_user_names_comes_first(folder, monkeypatch):
    assets = make_programs(folder / "assets", ["etcd", "kube-apiserver"])
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    said: list[str] = []
    assert binaries.find(binaries.API_ONLY_PROGRAMS, said.append) == assets
    assert said == [f"control-plane programs: {assets} (KUBEBUILDER_ASSETS)"]


def test_a_named_folder_that_lacks_a_program_is_not_used(folder, monkeypatch):
    assets = make_programs(folder / "assets", ["etcd", "kube-apiserver"])
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    install_go(folder, monkeypatch)
    assert binaries.find(binaries.PROGRAMS, print) == binaries.cache_folder()


def test_without_any_source_the_error_names_the_remedies(folder):
    with pytest.raises(BinariesMissing, match=r"install Go .* or set KUBEBUILDER_ASSETS"):
        binaries.find(binaries.PROGRAMS, print)


def test_go_builds_every_program_once_and_the_cache_keeps_them(folder, monkeypatch):
    log = install_go(folder, monkeypatch)
    made = binaries.find(binaries.PROGRAMS, print)
    assert binaries.holds(made, binaries.PROGRAMS)
    assert made == folder / "cache" / "atoll" / f"v{versions.KUBERNETES}"
    assert binaries.find(binaries.PROGRAMS, print) == made
    assert len(log.read_text().splitlines()) == len(build.TARGETS)


def test_programs_of_other_versions_are_made_anew(folder, monkeypatch):
    log = install_go(folder, monkeypatch)
    made = binaries.find(binaries.PROGRAMS, print)
    (made / "built-from").write_text("kubernetes v1.0.0\n")
    binaries.find(binaries.PROGRAMS, print)
    assert len(log.read_text().splitlines()) == 2 * len(build.TARGETS)


def test_an_interrupted_build_leaves_nothing_that_passes_for_complete(folder, monkeypatch):
    failing = GO + 'case "$output" in *kwok) echo "no space left" >&2; exit 1;; esac\n'
    install_go(folder, monkeypatch, failing)
    with pytest.raises(BuildFailed, match="no space left"):
        binaries.find(binaries.PROGRAMS, print)
    assert not binaries.cache_folder().exists()


def test_processes_that_ask_at_the_same_time_build_once(folder, monkeypatch):
    log = install_go(folder, monkeypatch, GO + "sleep 0.2\n")
    code = (
        "from federation.sandbox import binaries; print(binaries.find(binaries.PROGRAMS, lambda line: None))"
    )
    asking = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    answers = {process.communicate(timeout=60)[0].strip() for process in asking}
    assert answers == {str(binaries.cache_folder())}
    assert len(log.read_text().splitlines()) == len(build.TARGETS)


def test_the_go_modules_name_our_versions_and_programs():
    modules = files("federation.sandbox") / "go"
    required = {
        "kubernetes": f"k8s.io/kubernetes v{versions.KUBERNETES}",
        "etcd": f"go.etcd.io/etcd/server/v3 v{versions.ETCD}",
        "kwok": f"sigs.k8s.io/kwok v{versions.KWOK}",
    }
    for target in build.TARGETS:
        assert f"require {required[target.module]}\n" in (modules / target.module / "go.mod").read_text()
        imports = re.findall(r'_ "(.*)"', (modules / target.module / "tools.go").read_text())
        assert sorted(imports) == sorted(target.packages)
        assert (modules / target.module / "go.sum").is_file()


def test_the_staging_modules_are_those_of_the_same_release():
    _, minor, patch = versions.KUBERNETES.split(".")
    text = (files("federation.sandbox") / "go" / "kubernetes" / "go.mod").read_text()
    replaced = re.findall(r"k8s.io/\S+ => k8s.io/\S+ (\S+)", text)
    assert len(replaced) > 30
    assert set(replaced) == {f"v0.{minor}.{patch}"}


def test_kubernetes_is_stamped_with_its_version():
    target = next(target for target in build.TARGETS if target.module == "kubernetes")
    words = build.command(Path("/go"), Path("/module"), target, Path("/out"))
    assert words[:4] == ["/go", "-C", "/module", "build"]
    assert words[words.index("-o") + 1] == "/out/"
    (linker,) = (word for word in words if word.startswith("-ldflags="))
    assert f"-X k8s.io/component-base/version.gitVersion=v{versions.KUBERNETES}" in linker
    assert os.pathsep.join(words).count("k8s.io/kubernetes/cmd/") == 4
