"""Anthropic messages, whole or streamed."""

from __future__ import annotations

import orjson

from gatebench.stamp import fingerprint
from gatebench.traffic.draw import Draw
from gatebench.traffic.kinds.registry import register
from gatebench.traffic.prompts import Prompts
from gatebench.traffic.request import Request
from gatebench.traffic.route import Route

_PATH = "/v1/messages"
_HERE = "<the prompt goes here>"
_HEADERS = b"anthropic-version: 2023-06-01\r\n"


class Messages:
    """One message of a user; the prompt is all that differs between the bodies of a route."""

    def __init__(self, route: Route, index: int, seed: int) -> None:
        self._prompts = Prompts(route, seed)
        self.needs_bytes = self._prompts.needs_bytes
        self._index = index
        self._stream = route.stream
        body = {
            "model": route.model,
            "max_tokens": route.max_tokens,
            "messages": [{"role": "user", "content": _HERE}],
            **({"stream": True} if route.stream else {}),
        }
        self._before, _, self._after = orjson.dumps(body).partition(_HERE.encode())

    def request(self, draw: Draw, tenant: int, size: int) -> Request:
        """Return a request for a message; its prompt is padded with spaces up to `size`."""
        text = self._prompts.text(draw)
        if size > 0:
            text = text.ljust(size - len(self._before) - len(self._after))
        body = b"%b%b%b" % (self._before, text.encode(), self._after)
        print_ = fingerprint(text)
        return Request("POST", _PATH, body, self._index, tenant, self._stream, print_, headers=_HEADERS)


register("messages", Messages)
