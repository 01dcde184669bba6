"""All proxies of an engine, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gatebench.execution.toxiproxy.context import Context
from gatebench.execution.toxiproxy.proxy import Proxy
from gatebench.execution.toxiproxy.refusal import Refusal
from gatebench.execution.toxiproxy.wanted import WantedProxy


class Proxies:
    """Creates, finds and removes proxies; every call takes effect before it returns."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._by_name: dict[str, Proxy] = {}

    def __iter__(self) -> Iterator[Proxy]:
        return iter([self._by_name[name] for name in sorted(self._by_name)])

    def get(self, name: str) -> Proxy:
        """Return a proxy; raises Refusal when there is none of this name."""
        try:
            return self._by_name[name]
        except KeyError:
            raise Refusal(404, "proxy not found") from None

    def create(self, wanted: WantedProxy) -> Proxy:
        """Add a proxy; raises Refusal when its name or its port is taken, or its addresses are not permitted."""
        if wanted.name in self._by_name:
            raise Refusal(409, "proxy already exists")
        proxy = Proxy(self._context, wanted.name, wanted.listen, wanted.upstream)
        proxy.put_toxics(wanted.toxics or ())
        if wanted.enabled:
            proxy.enable()
        self._by_name[wanted.name] = proxy
        return proxy

    def put(self, wanted: WantedProxy) -> Proxy:
        """Return the proxy of this name if it has these addresses; else replace it by a new one.

        One that stays keeps its toxics, unless others are asked for.
        """
        existing = self._by_name.get(wanted.name)
        if existing is not None:
            if existing.has_address(wanted.listen, wanted.upstream):
                if wanted.toxics is not None:
                    existing.put_toxics(wanted.toxics)
                return existing
            self.remove(wanted.name)
        return self.create(wanted)

    def remove(self, name: str) -> None:
        """Close a proxy and forget it."""
        self.get(name).close()
        del self._by_name[name]

    def reset(self) -> None:
        """Take all toxics off and enable every proxy."""
        for proxy in self._by_name.values():
            proxy.clear_toxics()
            proxy.enable()

    def close(self) -> None:
        """Close every proxy."""
        for name in list(self._by_name):
            self.remove(name)

    def to_json(self) -> dict[str, Any]:
        """Return all proxies by name, sorted."""
        return {proxy.name: proxy.to_json() for proxy in self}
