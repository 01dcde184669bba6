"""OpenAI embeddings of one text or of several at once."""

from __future__ import annotations

import orjson

from gatebench.stamp import fingerprint
from gatebench.traffic.draw import Draw
from gatebench.traffic.kinds.registry import register
from gatebench.traffic.request import Request
from gatebench.traffic.route import Route
from gatebench.traffic.words import prompt

_PATH = "/v1/embeddings"


class Embeddings:
    """Each text of a batch has words of its own."""

    def __init__(self, route: Route, index: int, seed: int) -> None:
        self.needs_bytes = route.prompt_words * route.batch
        self._index = index
        self._words = route.prompt_words
        self._batch = route.batch
        settings = {"model": route.model, "dimensions": route.dimensions, "encoding_format": route.encoding_format}
        self._after = b"," + orjson.dumps(settings)[1:]

    def request(self, draw: Draw, tenant: int, size: int) -> Request:
        """Return a request for vectors; its last text is padded with spaces up to `size`."""
        drawn, words = draw.bytes(self.needs_bytes), self._words
        texts = [prompt(drawn[part * words : (part + 1) * words], draw.arrival_id) for part in range(self._batch)]
        asked = texts[0] if self._batch == 1 else texts
        lacking = size - len(orjson.dumps(asked)) - len(self._after) - len(b'{"input":')
        if lacking > 0:
            texts[-1] += " " * lacking
            asked = texts[0] if self._batch == 1 else texts
        body = b'{"input":%b%b' % (orjson.dumps(asked), self._after)
        return Request("POST", _PATH, body, self._index, tenant, False, fingerprint("\n".join(texts)))


register("embeddings", Embeddings)
