"""Reads of REST resources, the popular ones more often, some of them only if they have changed."""

from __future__ import annotations

from bisect import bisect_right

from gatebench.resource import LEAST_BYTES, MOST_BYTES, etag, resource_path
from gatebench.stamp import fingerprint
from gatebench.traffic.draw import Draw
from gatebench.traffic.kinds.registry import register
from gatebench.traffic.prompts import zipf
from gatebench.traffic.request import Request
from gatebench.traffic.route import Route

_DRAWN = 2
"""The place of the kind's own word in a draw."""


class Rest:
    """Resource k is asked for in proportion to 1 / (k + 1)^skew (Zipf's law); skew 0 makes all equally popular.

    A conditional request names the entity tag of the resource's first version, as a client does that kept it.
    """

    def __init__(self, route: Route, index: int, seed: int) -> None:
        self.needs_bytes = 4
        self._index = index
        self._collection = route.collection
        self._conditional = round(route.conditional * 2**32)
        self._size = route.size or 0
        self._ends = zipf(route.resources, route.skew)

    def request(self, draw: Draw, tenant: int, size: int) -> Request:
        """Return a GET; `size` asks for a resource of that many bytes."""
        key = bisect_right(self._ends, draw.unit(_DRAWN))
        size = min(MOST_BYTES, max(LEAST_BYTES, size)) if size > 0 else self._size
        path = resource_path(self._collection, str(key), size)
        headers = b""
        if int.from_bytes(draw.bytes(4), "little") < self._conditional:
            headers = b"if-none-match: %b\r\n" % etag(self._collection, str(key), 0, size).encode()
        return Request("GET", path, b"", self._index, tenant, False, fingerprint(path), headers=headers)


register("rest", Rest)
