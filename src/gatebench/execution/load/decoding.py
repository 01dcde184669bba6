"""A response parser for a client that offered content codings: it undoes them, piece by piece, within bounds."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Final, cast

import brotli

from gatebench.execution.load.answer import NO_CAUSE, UNDECODABLE, Answer
from gatebench.execution.load.reply import Reply

MOST_DECODED: Final = 256 * 2**20
_STEP: Final = 1 << 20

Decode = Callable[[bytes], "list[bytes]"]


class DecodingReply(Reply):
    """Undoes gzip, deflate and br; an unknown coding stays as it is, and its stamp is then unknown.

    What decodes to more than 256 MiB, or does not decode, makes the answer `undecodable`: it is complete as a message and
    worth nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self._name = self._coding = ""
        self._in_value = False
        self._decode: Decode | None = None
        self._decoded = 0
        self._broken = False

    def expect(self, *, stream: bool, bodiless: bool = False) -> None:
        """Make ready for the response to the request that is about to be sent."""
        super().expect(stream=stream, bodiless=bodiless)
        self._name = self._coding = ""
        self._decode = None
        self._decoded = 0
        self._broken = False

    def verdict(self, cause: int) -> int:
        """Return the cause of the exchange, which a coding that does not decode may change."""
        return UNDECODABLE if self._broken and cause == NO_CAUSE else cause

    def note(self, answer: Answer) -> None:
        """Write what was understood so far into `answer`."""
        super().note(answer)
        if self._broken:
            answer.body = b""

    def _on_header_field(self, name: str) -> None:
        # Names and values come in pieces where a read ends within them.
        self._name = name.lower() if self._in_value else self._name + name.lower()
        self._in_value = False

    def _on_header_value(self, value: str) -> None:
        self._in_value = True
        if self._name == "content-encoding":
            self._coding += value

    def _on_headers_complete(self) -> bool:
        self._decode = _decoder(self._coding.strip().lower())
        return super()._on_headers_complete()

    def _on_body(self, data: bytearray) -> None:
        if self._surplus or self._broken:
            return
        if self._decode is None:
            self._keep(bytes(data))
            return
        try:
            for part in self._decode(bytes(data)):
                self._decoded += len(part)
                if self._decoded > MOST_DECODED:
                    raise ValueError("more than anybody asked for")
                self._keep(part)
        except (zlib.error, brotli.error, ValueError):
            self._broken = True


def _decoder(coding: str) -> Decode | None:
    if coding in {"gzip", "x-gzip"}:
        return _Inflate(16 + zlib.MAX_WBITS)
    if coding == "deflate":
        return _Inflate(zlib.MAX_WBITS)
    if coding == "br":
        return _Unbrotli()
    return None


class _Inflate:
    """Inflates in steps of at most a megabyte. "deflate" is zlib's format, but some servers send it raw (RFC 9110, 8.4.1.2)."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._inflater = zlib.decompressobj(bits)
        self._begun = False

    def __call__(self, data: bytes) -> list[bytes]:
        if not self._begun and self._bits == zlib.MAX_WBITS and data:
            self._begun = True
            try:
                zlib.decompressobj(self._bits).decompress(data, 1)
            except zlib.error:
                self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        parts = [self._inflater.decompress(data, _STEP)]
        while self._inflater.unconsumed_tail and len(parts) <= MOST_DECODED // _STEP:
            parts.append(self._inflater.decompress(self._inflater.unconsumed_tail, _STEP))
        return parts


class _Unbrotli:
    """Undoes Brotli in steps; the library bounds each."""

    def __init__(self) -> None:
        self._decompressor: Any = brotli.Decompressor()

    def __call__(self, data: bytes) -> list[bytes]:
        parts = [cast(bytes, self._decompressor.process(data, output_buffer_limit=_STEP))]
        while not self._decompressor.can_accept_more_data() and not self._decompressor.is_finished():
            if len(parts) > MOST_DECODED // _STEP:
                break
            parts.append(cast(bytes, self._decompressor.process(b"", output_buffer_limit=_STEP)))
        return parts
