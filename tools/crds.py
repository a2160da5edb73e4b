"""Write the CustomResourceDefinitions of our kinds as YAML files, one a kind: `python -m tools.crds crds`."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from mcs.api import KINDS as SERVICE_KINDS
from policies.api import KINDS
from policies.api.meta import Kind, Manifest
from policies.api.schema import crd

NOTICE = "# Generated from {} by `make crds`; change the models, not this file.\n"


def files() -> dict[str, str]:
    """Return the text of each file by its name."""
    return {
        f"{kind.plural}.yaml": NOTICE.format(_folder(kind)) + to_yaml(crd(kind))
        for kind in KINDS + SERVICE_KINDS
    }


def _folder(kind: type[Kind]) -> str:
    """Return where the model of a kind is."""
    return kind.__module__.rpartition(".")[0].replace(".", "/")


def to_yaml(manifest: Manifest) -> str:
    """Return a manifest as YAML, in the order of its fields."""
    return yaml.safe_dump(manifest, sort_keys=False, width=110)


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
