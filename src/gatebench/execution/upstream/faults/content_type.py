"""The provider says that its answer is of another type than it is."""

from __future__ import annotations

import re
from typing import Final

from pydantic import Field

from gatebench.execution.upstream.faults.contract import Fault, Hit
from gatebench.execution.upstream.faults.registry import register

_LINE: Final = re.compile(rb"content-type: [^\r]*\r\n")


class ContentType(Fault):
    """Sends `content_type` in place of JSON or an event stream; the body is as ever."""

    content_type: str = Field(default="text/html", pattern=r"^[\w.+-]+/[\w.+-]+(; ?[\w-]+=[\w.-]+)*$")

    def on_head(self, hit: Hit, lines: bytes) -> bytes:
        """Replace the type."""
        line = b"content-type: %b\r\n" % self.content_type.encode()
        return _LINE.sub(lambda _: line, lines)


register("provider.content_type", ContentType)
