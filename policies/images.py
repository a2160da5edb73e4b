"""Images: the parts of `[registry/]repository[:tag][@digest]`, changed one at a time."""

from __future__ import annotations

from typing import NamedTuple

from policies.api.override import ImageOverrider


class Image(NamedTuple):
    registry: str
    repository: str
    tag: str
    digest: str

    def __str__(self) -> str:
        registry = f"{self.registry}/" if self.registry else ""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{registry}{self.repository}{tag}{digest}"


def parse(text: str) -> Image:
    """Split an image. The first segment is a registry only if it has a `.` or a `:`, or is `localhost`."""
    rest, _, digest = text.partition("@")
    first, slash, others = rest.partition("/")
    is_registry = bool(slash) and ("." in first or ":" in first or first == "localhost")
    registry, path = (first, others) if is_registry else ("", rest)
    repository, colon, tag = path.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = path, ""
    return Image(registry, repository, tag, digest)


def changed(text: str, overrider: ImageOverrider) -> str:
    """Carry out one overrider. Tag stands for tag or digest: what is set clears the other.

    :raises ValueError: when no repository would be left.
    """
    image = parse(text)
    match overrider.component:
        case "Registry":
            image = image._replace(registry=_operated(image.registry, overrider))
        case "Repository":
            image = image._replace(repository=_operated(image.repository, overrider))
        case _:
            version = _operated(image.tag or image.digest, overrider)
            is_digest = ":" in version
            image = image._replace(tag="" if is_digest else version, digest=version if is_digest else "")
    if not image.repository:
        raise ValueError(f"image {text} would have no repository; use operator: replace")
    return str(image)


def _operated(text: str, overrider: ImageOverrider) -> str:
    match overrider.operator:
        case "add":
            return text + overrider.value
        case "replace":
            return overrider.value
        case _:
            return ""
