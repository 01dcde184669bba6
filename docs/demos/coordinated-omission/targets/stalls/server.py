"""A concurrent HTTP server that stalls once: its whole event loop sleeps, as in a long garbage collection.

Usage: server.py PORT STALL_AFTER_S STALL_FOR_S FILE. It writes when the stall really began and ended, monotonic nanoseconds.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

BACKLOG = 4096
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class Server(asyncio.Protocol):
    """Answers every request at once, whatever it says; counts on small requests that arrive whole."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport
        self.data = b""

    def data_received(self, data: bytes) -> None:
        """Answer each complete request in the data."""
        global first_request  # noqa: PLW0603 - one server a process
        if first_request is None:
            first_request = asyncio.get_running_loop().time()
            asyncio.get_running_loop().call_later(float(sys.argv[2]), stall)
        self.data += data
        while True:
            head, found, rest = self.data.partition(b"\r\n\r\n")
            if not found:
                return
            length = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line[15:])
            if len(rest) < length:
                return
            self.data = rest[length:]
            self.transport.write(ANSWER)  # type: ignore[attr-defined]  # a stream transport


first_request: float | None = None


def stall() -> None:
    """Do nothing at all for a while, and write down for how long it really was."""
    began = time.monotonic_ns()
    time.sleep(float(sys.argv[3]))
    Path(sys.argv[4]).write_text(json.dumps({"began_ns": began, "ended_ns": time.monotonic_ns()}))


async def main() -> None:
    """Serve until somebody ends it."""
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", int(sys.argv[1]), backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
