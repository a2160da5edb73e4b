"""What can go wrong with a sandbox, told so that a person knows the next step.

SandboxError
    BinariesMissing    no source can supply the control-plane programs
    BuildFailed        a Go build of them failed
    ComponentFailed    a program of a cluster ended or did not become ready; shows the end of its log
    UnknownName        no such sandbox, member or component
    ToolMissing        a tool the provider needs (kind, Docker) is not installed
    StepFailed         a step after the control planes failed: install, join, readiness
"""

from __future__ import annotations


class SandboxError(Exception):
    """The sandbox could not do what was asked; the text names the remedy."""


class BinariesMissing(SandboxError):
    """Neither a folder, nor the cache, nor a download, nor Go can supply the programs."""


class BuildFailed(SandboxError):
    """`go build` ended with an error."""


class ComponentFailed(SandboxError):
    """A control-plane program ended, or was not ready in time."""


class UnknownName(SandboxError):
    """There is no sandbox, member or component of that name."""


class ToolMissing(SandboxError):
    """A command line tool that the provider needs is not installed."""


class StepFailed(SandboxError):
    """A step on the running control planes did not succeed."""
