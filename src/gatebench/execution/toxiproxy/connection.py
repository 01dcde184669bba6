"""One client of a proxy: its socket, the upstream's, and the two links between them."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gatebench.execution.toxiproxy.address import Address
from gatebench.execution.toxiproxy.context import Context
from gatebench.execution.toxiproxy.dial import Dial
from gatebench.execution.toxiproxy.link import Link
from gatebench.execution.toxiproxy.peer import Flow, Peer
from gatebench.execution.toxiproxy.toxic import Toxic


@dataclass(frozen=True)
class Flows:
    """The byte counters of a proxy, live."""

    upstream: Flow = field(default_factory=Flow)
    downstream: Flow = field(default_factory=Flow)


class Connection:
    """Accepted first, connected to the upstream second; it is over when both sockets are closed.

    `toxics()` returns the toxics of the proxy, upstream and downstream, when the links come to be; `over` is called once.
    """

    def __init__(
        self,
        context: Context,
        ordinal: int,
        client: socket.socket,
        *,
        flows: Flows,
        toxics: Callable[[], tuple[Sequence[Toxic], Sequence[Toxic]]],
        over: Callable[[Connection], None],
    ) -> None:
        self._context = context
        self._draw_prefix = f"{context.seed}\0{ordinal}\0"
        self._flows = flows
        self._toxics = toxics
        self._over = over
        self._client = Peer(context.loop, client, flow_in=flows.upstream, flow_out=flows.downstream)
        self._client.on_closed = self._client_closed
        self._server: Peer | None = None
        self._dial: Dial | None = None
        self._upstream: Link | None = None
        self._downstream: Link | None = None

    def dial(self, upstream: Address) -> None:
        """Connect to `upstream`; the client is closed when it cannot be reached."""
        self._dial = Dial(self._context.loop, upstream, self._context.allow_remote, self._dialled)
        self._dial.start()

    def apply(self, upstream: Sequence[Toxic], downstream: Sequence[Toxic]) -> None:
        """Let exactly these toxics act on the two directions of this connection."""
        if self._upstream is not None:
            self._upstream.apply(upstream)
        if self._downstream is not None:
            self._downstream.apply(downstream)

    def close(self) -> None:
        """Close both sides at once with a FIN."""
        self._stop()
        self._client.close()
        if self._server is not None:
            self._server.close()

    def reset(self) -> None:
        """Close both sides at once with a RST."""
        self._stop()
        self._client.reset()
        if self._server is not None:
            self._server.reset()

    def _dialled(self, sock: socket.socket | None) -> None:
        self._dial = None
        if sock is None:
            self._client.close()
            return
        self._server = Peer(self._context.loop, sock, flow_in=self._flows.downstream, flow_out=self._flows.upstream)
        self._server.on_closed = self._server_closed
        self._upstream = Link(self._client, self._server, self._context.clock, self._draw, self.reset)
        self._downstream = Link(self._server, self._client, self._context.clock, self._draw, self.reset)
        self.apply(*self._toxics())
        self._client.resume()
        self._server.resume()

    def _draw(self, text: str) -> int:
        digest = hashlib.blake2b(f"{self._draw_prefix}{text}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big")

    def _stop(self) -> None:
        if self._dial is not None:
            self._dial.cancel()
            self._dial = None
        for link in (self._upstream, self._downstream):
            if link is not None:
                link.stop()

    def _client_closed(self) -> None:
        if self._server is None or self._server.closed:
            self._over(self)
        if self._upstream is not None and self._downstream is not None:
            self._downstream.stop()
            self._upstream.end()

    def _server_closed(self) -> None:
        if self._client.closed:
            self._over(self)
        if self._upstream is not None and self._downstream is not None:
            self._upstream.stop()
            self._downstream.end()
