"""What a client gets when no provider answers."""

from __future__ import annotations

from typing import Literal

from .section import Section


class FallbackConfig(Section):
    """ "none": the error; "default": an answer of the gateway's own, marked as one."""

    kind: Literal["none", "default"] = "none"
