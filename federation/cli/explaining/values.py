"""Values of manifests as they are printed: whole documents, and fields in one line."""

from __future__ import annotations

import json
from typing import Any

import yaml

_LONGEST = 120
"""Characters of a value that is told in one line."""


def document(value: Any, form: str) -> str:
    """Return a value as one document, of `json` or else YAML, without a line break at its end."""
    if form == "json":
        return json.dumps(value, indent=2)
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=1000).rstrip("\n")


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, as people write them; no anchors, which people do not."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def shown(value: Any) -> str:
    """Return a value in one line, cut when it is long; `(none)` for none."""
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) and value and value.isprintable() else json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
