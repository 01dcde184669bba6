"""OpenAI chat completions, whole or streamed."""

from __future__ import annotations

import orjson

from gatebench.stamp import fingerprint
from gatebench.traffic.draw import Draw
from gatebench.traffic.kinds.registry import register
from gatebench.traffic.prompts import Prompts
from gatebench.traffic.questions import NO_MEANING, Questions
from gatebench.traffic.request import Request
from gatebench.traffic.route import Route

_PATH = "/v1/chat/completions"
_HERE = "<the prompt goes here>"


class Chat:
    """The prompt is all that differs between the bodies of a route, so the rest is written once."""

    def __init__(self, route: Route, index: int, seed: int) -> None:
        self._prompts = Prompts(route, seed)
        self._questions = Questions(route) if route.questions else None
        self.needs_bytes = (self._questions or self._prompts).needs_bytes
        self._index = index
        self._stream = route.stream
        body = {
            "model": route.model,
            "messages": [{"role": "user", "content": _HERE}],
            "max_tokens": route.max_tokens,
            **({"stream": True} if route.stream else {}),
            **({"stream_options": {"include_usage": True}} if route.stream and route.usage else {}),
        }
        self._before, _, self._after = orjson.dumps(body).partition(_HERE.encode())

    def request(self, draw: Draw, tenant: int, size: int) -> Request:
        """Return a completion request; its prompt is cut or padded with spaces to `size`, as far as a body can be so small."""
        meaning = NO_MEANING
        if self._questions is None:
            text = self._prompts.text(draw)
        else:
            text, meaning, _ = self._questions.question(draw)
        if size > 0:
            room = max(1, size - len(self._before) - len(self._after))
            text = text[:room].ljust(room)
        # The words are plain ASCII without quotes: as they are, they are what JSON writes.
        body = b"%b%b%b" % (self._before, text.encode(), self._after)
        print_ = fingerprint(text)
        return Request("POST", _PATH, body, self._index, tenant, self._stream, print_, meaning=meaning)


register("chat", Chat)
