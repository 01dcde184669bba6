"""What a client gets when no provider answers."""

from __future__ import annotations

from typing import Literal

from .section import Section


class FallbackConfig(Section):
    """ "none": the error; "cached": what the cache still has (it sees to that); "default": an answer of the gateway's own."""

    kind: Literal["none", "cached", "default"] = "none"
