"""YAML in fields of manifests: what the pure overriders need for `fieldOverrider[].yaml`."""

from __future__ import annotations

from typing import Any

import yaml


class Yaml:
    """Reads and writes one YAML document; keys keep their order."""

    def loads(self, text: str, /) -> Any:
        """Parse a document.

        :raises ValueError: the text is no YAML document
        """
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error

    def dumps(self, value: Any, /) -> str:
        return yaml.safe_dump(value, sort_keys=False, width=1000)
