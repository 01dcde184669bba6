"""What a client sees of a stream that breaks off."""

from __future__ import annotations

from typing import Literal

from .section import Section


class StreamConfig(Section):
    """`on_failure`: `cut` closes the connection within the answer; `error-event` says it in the stream, which then ends."""

    on_failure: Literal["cut", "error-event"] = "cut"
