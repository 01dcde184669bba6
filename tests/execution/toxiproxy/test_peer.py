"""A peer reads and writes one real socket, and ends it the way it is told to: FIN, FIN behind the data, or RST."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from gatebench.execution.toxiproxy.peer import QUEUE_BYTES, Flow, Peer


class Scene:
    """A peer, the socket at its other end, and what the peer said."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.other = socket.create_connection(listener.getsockname(), timeout=5)
            ours, _ = listener.accept()
        ours.setblocking(False)
        self.said: list[str] = []
        self.received = b""
        self.flow_in, self.flow_out = Flow(), Flow()
        self.peer = Peer(loop, ours, self.flow_in, self.flow_out)
        self.peer.on_data = self._take
        self.peer.on_end = lambda: self.said.append("end")
        self.peer.on_full = lambda: self.said.append("full")
        self.peer.on_room = lambda: self.said.append("room")
        self.peer.on_closed = lambda: self.said.append("closed")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; fail after five seconds."""
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.001)

    async def read(self, size: int) -> bytes:
        """Read exactly `size` bytes at the other end, or up to its end."""
        loop = asyncio.get_running_loop()

        def receive() -> bytes:
            got = b""
            while len(got) < size and (chunk := self.other.recv(size - len(got))):
                got += chunk
            return got

        return await loop.run_in_executor(None, receive)

    def _take(self, chunk: bytes) -> None:
        self.received += chunk


def play(scene: Callable[[Scene], Awaitable[None]]) -> None:
    """Run one scene, and leave no socket open."""

    async def run() -> None:
        stage = Scene(asyncio.get_running_loop())
        try:
            await scene(stage)
        finally:
            stage.peer.close()
            stage.other.close()

    asyncio.run(run())


def test_reads_when_it_may_and_counts() -> None:
    """Nothing is read before `resume`, everything after it, in order; the flow counts live."""

    async def scene(stage: Scene) -> None:
        stage.other.sendall(b"one")
        await asyncio.sleep(0)
        assert stage.received == b""
        stage.peer.resume()
        await stage.until(lambda: stage.received == b"one")
        stage.peer.pause()
        stage.peer.resume()
        stage.other.sendall(b"two")
        await stage.until(lambda: stage.received == b"onetwo")
        assert stage.flow_in.received_bytes == 6

    play(scene)


def test_says_once_that_the_other_side_ended() -> None:
    """A FIN and a RST both end the stream; what came before is delivered, and the end is said once."""

    async def fin(stage: Scene) -> None:
        stage.peer.resume()
        stage.other.sendall(b"last")
        stage.other.shutdown(socket.SHUT_WR)
        await stage.until(lambda: "end" in stage.said)
        stage.peer.resume()
        await asyncio.sleep(0.01)
        assert stage.received == b"last"
        assert stage.said == ["end"]

    async def rst(stage: Scene) -> None:
        stage.peer.resume()
        stage.other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        stage.other.close()
        await stage.until(lambda: stage.said == ["end"])

    play(fin)
    play(rst)


def test_queues_what_the_socket_does_not_take_and_keeps_its_order() -> None:
    """Eight megabytes in many chunks arrive whole and in order at a reader that begins late; the queue says full, then room."""

    async def scene(stage: Scene) -> None:
        chunks = [bytes([number % 251]) * 4096 for number in range(2000)]
        for chunk in chunks:
            stage.peer.write(chunk)
        assert stage.said == ["full"]
        assert stage.flow_out.sent_bytes < 2000 * 4096 - QUEUE_BYTES
        assert await stage.read(2000 * 4096) == b"".join(chunks)
        await stage.until(lambda: stage.said == ["full", "room"])
        assert stage.flow_out.sent_bytes == 2000 * 4096

    play(scene)


def test_finish_closes_behind_the_data() -> None:
    """Everything written before the end arrives, nothing written after it, and then a FIN."""

    async def scene(stage: Scene) -> None:
        data = bytes(6_000_000)
        stage.peer.write(data)
        stage.peer.finish()
        assert not stage.peer.closed
        stage.peer.write(b"too late")
        assert len(await stage.read(len(data) + 8)) == len(data)
        assert stage.said[-1] == "closed"

    play(scene)


def test_close_sends_fin_even_when_data_lie_unread() -> None:
    """The kernel would answer unread data with a RST; whoever asked for a FIN gets one."""

    async def scene(stage: Scene) -> None:
        stage.other.sendall(b"never read by the peer")
        stage.peer.close()
        assert stage.other.recv(1) == b""
        assert stage.said == ["closed"]

    play(scene)


def test_reset_sends_rst() -> None:
    """The other end reads ECONNRESET, not an end; nothing more is said or written."""

    async def scene(stage: Scene) -> None:
        stage.peer.reset()
        with pytest.raises(ConnectionResetError):
            stage.other.recv(1)
        stage.peer.write(b"x")
        stage.peer.close()
        assert stage.said == ["closed"]

    play(scene)


def test_a_write_to_somebody_who_is_gone_closes() -> None:
    """A broken pipe is an end like any other."""

    async def scene(stage: Scene) -> None:
        stage.other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        stage.other.close()
        stage.peer.write(b"x")
        stage.peer.write(b"x")
        assert stage.said == ["closed"]

    play(scene)
