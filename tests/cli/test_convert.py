"""atoll convert: files for Karmada in, files for Atoll out."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
import yaml
from click.testing import Result
from typer.testing import CliRunner

from federation.cli.convert import convert_command

ALONE = typer.Typer()
ALONE.command()(convert_command)

POLICY = """\
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: web}
spec:
  schedulerName: mine
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment}]
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"
QUOTA = "apiVersion: policy.karmada.io/v1alpha1\nkind: FederatedResourceQuota\nmetadata: {name: q}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "karmada.yaml"


def convert(path: Path, *documents: str) -> Result:
    path.write_text("---\n".join(documents))
    return CliRunner().invoke(ALONE, ["-f", str(path)])


def test_policies_are_converted_with_their_notes_and_the_rest_is_as_it_was(path: Path) -> None:
    result = convert(path, POLICY, CONFIG)
    assert result.exit_code == 0
    assert (
        result.stdout
        == f"""\
# note: spec.schedulerName: left out: there is one scheduler
apiVersion: federation.atoll.dev/v1alpha1
kind: PropagationPolicy
metadata:
  name: web
spec:
  resourceSelectors:
  - apiVersion: apps/v1
    kind: Deployment
---
{CONFIG}"""
    )
    at = f"{path}: document 1: PropagationPolicy web"
    assert result.stderr == f"note: {at}: spec.schedulerName: left out: there is one scheduler\n"


def test_a_kind_without_a_counterpart_is_left_out_and_its_remedy_named(path: Path) -> None:
    result = convert(path, QUOTA, CONFIG)
    assert (result.exit_code, yaml.safe_load(result.stdout)) == (0, yaml.safe_load(CONFIG))
    assert "# note: left out: FederatedResourceQuota has no counterpart; set ResourceQuotas" in result.stdout


def test_with_a_mistake_nothing_is_printed_but_all_mistakes(path: Path) -> None:
    result = convert(path, POLICY.replace("schedulerName", "schedulerNam"), CONFIG)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"error: {path}: document 1: PropagationPolicy web: spec.schedulerNam: Karmada has no such field; "
        "remove it\n"
    )
