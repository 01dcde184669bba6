"""A proxy: a listener, an upstream, the connections between them, and the toxics that act on those."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from gatebench.execution.toxiproxy.address import Address, check_upstream, listen_address, parse
from gatebench.execution.toxiproxy.clock import Timer
from gatebench.execution.toxiproxy.connection import Connection, Flows
from gatebench.execution.toxiproxy.context import Context
from gatebench.execution.toxiproxy.effects import Effects
from gatebench.execution.toxiproxy.listener import Listener
from gatebench.execution.toxiproxy.refusal import Refusal
from gatebench.execution.toxiproxy.toxic import DIRECTIONS, Toxic
from gatebench.execution.toxiproxy.wanted import WantedToxic

_NS_PER_MS = 1_000_000
_RETRY_MS = 100
_MOST_COUNTED = 256  # toxics that are gone keep their counts, the oldest not for ever
_log = logging.getLogger("gatebench.toxiproxy")


class Proxy:
    """Carries connections from `listen` to `upstream` while it is enabled.

    `listen` is the text that was given until the proxy is enabled for the first time, the real address from then on.
    Mutations take effect before they return; those that cannot be done raise Refusal and change nothing.
    """

    def __init__(self, context: Context, name: str, listen: str, upstream: str) -> None:
        self.name = name
        self.listen = listen
        self.upstream = upstream
        self.enabled = False
        self.toxics: list[Toxic] = []
        self.flows = Flows()
        self.connections: set[Connection] = set()
        self._context = context
        self.accepted = 0
        self.effects: dict[tuple[str, str, str], Effects] = {}
        self._listener: Listener | None = None
        self._expiries: dict[str, Timer] = {}
        self._revival: Timer | None = None
        check_upstream(upstream, context.allow_remote)
        _listen_address(listen, context, "listen tcp: ")

    def enable(self) -> None:
        """Accept clients."""
        self._forget_revival()
        if self.enabled:
            return
        if self._listener is None:
            address = _listen_address(self.listen, self._context, "listen tcp: ")
            self._listener = Listener(self._context.loop, address, self._accept)
        try:
            self._listener.open()
        except Refusal:
            self._give_up_port()
            raise
        self.listen = str(self._listener.address)
        self.enabled = True

    def disable(self, ttl_ms: int = 0) -> None:
        """Refuse clients and close the live connections with a FIN; be enabled again after `ttl_ms`, if that is not 0."""
        self._forget_revival()
        self._halt()
        if ttl_ms:
            self._revive_in(ttl_ms)

    def close(self) -> None:
        """End: disable, give the port back, forget the toxics."""
        self.disable()
        self._give_up_port()
        self.clear_toxics()

    def move(self, listen: str | None, upstream: str | None) -> None:
        """Take another listen or upstream address; a change closes the live connections and keeps the toxics.

        Should the new port be taken, the proxy stays disabled with the new address.
        """
        if upstream is not None:
            check_upstream(upstream, self._context.allow_remote)
        if listen is not None and _listen_address(listen, self._context) == _listen_address(self.listen, self._context):
            listen = None
        if listen is None and upstream in (None, self.upstream):
            return
        was_enabled = self.enabled
        self._halt()
        self.upstream = upstream if upstream is not None else self.upstream
        if listen is not None:
            self._give_up_port()
            self.listen = listen
        if was_enabled:
            self.enable()

    def has_address(self, listen: str, upstream: str) -> bool:
        """Tell whether the proxy already listens and connects there, whatever the spelling."""
        return upstream == self.upstream and _listen_address(listen, self._context) == _listen_address(
            self.listen, self._context
        )

    def toxic(self, name: str) -> Toxic:
        """Return a toxic; raises Refusal when there is none of this name."""
        for toxic in self.toxics:
            if toxic.name == name:
                return toxic
        raise Refusal(404, "toxic not found")

    def add_toxic(self, toxic: Toxic, ttl_ms: int = 0) -> Toxic:
        """Let a toxic act on all connections, live ones too, and return it; it leaves by itself after `ttl_ms`, if that is not 0."""
        if any(other.name == toxic.name for other in self.toxics):
            raise Refusal(409, "toxic already exists")
        added = self._counted(toxic)
        self._set_toxics([*self.toxics, added])
        self._expire_in(toxic.name, ttl_ms)
        return added

    def put_toxics(self, wanted: Iterable[WantedToxic]) -> None:
        """Let exactly these toxics act."""
        wanted = list(wanted)
        for name in list(self._expiries):
            self._forget_expiry(name)
        self._set_toxics([self._counted(one.toxic) for one in wanted])
        for one in wanted:
            self._expire_in(one.toxic.name, one.ttl_ms)

    def change_toxic(self, name: str, toxicity: float, attributes: Mapping[str, float], ttl_ms: int = 0) -> Toxic:
        """Give a toxic other values; `ttl_ms` starts its time to live anew, 0 leaves it."""
        changed = replace(self.toxic(name), toxicity=toxicity, attributes=attributes)
        self._set_toxics([changed if toxic.name == name else toxic for toxic in self.toxics])
        self._expire_in(name, ttl_ms)
        return changed

    def remove_toxic(self, name: str) -> None:
        """Take a toxic off all connections."""
        self.toxic(name)
        self._forget_expiry(name)
        self._set_toxics([toxic for toxic in self.toxics if toxic.name != name])

    def clear_toxics(self) -> None:
        """Take all toxics off."""
        self.put_toxics(())

    def toxics_json(self) -> list[dict[str, Any]]:
        """Return the toxics as the API lists them: those of the upstream direction first."""
        return [toxic.to_json() for direction in DIRECTIONS for toxic in self.toxics if toxic.direction == direction]

    def to_json(self) -> dict[str, Any]:
        """Return the proxy as the API shows it."""
        return {
            "name": self.name,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.enabled,
            "toxics": self.toxics_json(),
        }

    def _accept(self, client: socket.socket) -> None:
        connection = Connection(
            self._context,
            self.accepted,
            client,
            flows=self.flows,
            toxics=self._acting,
            over=self.connections.discard,
        )
        self.accepted += 1
        self.connections.add(connection)
        connection.dial(parse(self.upstream))

    def _halt(self) -> None:
        self.enabled = False
        if self._listener is not None:
            self._listener.close()
        for connection in list(self.connections):
            connection.close()

    def _set_toxics(self, toxics: list[Toxic]) -> None:
        self.toxics = toxics
        upstream, downstream = self._acting()
        for connection in list(self.connections):
            connection.apply(upstream, downstream)

    def _acting(self) -> tuple[list[Toxic], list[Toxic]]:
        up, down = ([toxic for toxic in self.toxics if toxic.direction == direction] for direction in DIRECTIONS)
        return up, down

    def _counted(self, toxic: Toxic) -> Toxic:
        """Return the toxic with counts that go on where those of its namesake ended."""
        key = (toxic.name, toxic.kind.name, toxic.direction)
        if key not in self.effects and len(self.effects) >= _MOST_COUNTED:
            acting = {(other.name, other.kind.name, other.direction) for other in self.toxics}
            for past in [past for past in self.effects if past not in acting][:1]:
                del self.effects[past]
        return replace(toxic, effects=self.effects.setdefault(key, toxic.effects))

    def _expire_in(self, name: str, ttl_ms: int) -> None:
        if ttl_ms:
            self._forget_expiry(name)
            self._expiries[name] = self._in(ttl_ms, lambda: self.remove_toxic(name))

    def _forget_expiry(self, name: str) -> None:
        timer = self._expiries.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _revive_in(self, ms: int) -> None:
        self._revival = self._in(ms, self._revive)

    def _revive(self, first: bool = True) -> None:
        try:
            self.enable()
        except Refusal as refusal:
            if first:
                _log.warning("%s could not be enabled again (%s); trying on.", self.name, refusal.message)
            self._revival = self._in(_RETRY_MS, lambda: self._revive(first=False))

    def _forget_revival(self) -> None:
        if self._revival is not None:
            self._revival.cancel()
            self._revival = None

    def _give_up_port(self) -> None:
        if self._listener is not None:
            self._listener.release()
            self._listener = None

    def _in(self, ms: int, action: Callable[[], None]) -> Timer:
        clock = self._context.clock
        return clock.at(clock.now_ns() + ms * _NS_PER_MS, action)


def _listen_address(text: str, context: Context, prefix: str = "") -> Address:
    try:
        return listen_address(text, context.allow_remote)
    except ValueError as error:
        raise Refusal(500, f"{prefix}{error}") from error
