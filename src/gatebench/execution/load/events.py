"""Reads server-sent events as they arrive: the tokens, their times and their numbers, and whether the end was said."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from gatebench.sample import ERROR_EVENT, NEVER, TOKEN_AGAIN, TOKEN_MISSING

LINE_LIMIT: Final = 1 << 18
MAX_TOKENS: Final = 0xFFFF
MAX_GAP_US: Final = 0xFFFFFFFF
_NUMBERED: Final = re.compile(r"(?<!\S)w(\d{1,9})(?!\S)")


class EventReader:
    """Counts the content events of one stream, of chat completion chunks or of an Anthropic message.

    A content event carries a non-empty `choices[].delta.content`, or a non-empty `delta.text` of type `text_delta`. The
    terminal event is `data: [DONE]`, or one of the type `message_stop`; an error within a stream is neither: its event is
    called `error`, or its data are an object with an `error` in it. Lines end with LF or CR LF and an event with an empty
    line (WHATWG HTML, section 9.2.6). Events that one read brings share its time.

    Our providers number the words of an answer from 1 (`w1 w2 w3 …`): `flaws` says when one came again or is
    missing, and that there was an error event.
    """

    __slots__ = (
        "_called_error",
        "_data",
        "_last_ns",
        "_next",
        "_rest",
        "first_token_ns",
        "flaws",
        "gap_max_ns",
        "terminal",
        "tokens",
    )

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._called_error = False
        self._last_ns = NEVER
        self.first_token_ns = NEVER
        self.gap_max_ns = 0
        self.tokens = 0
        self.flaws = 0
        self._next = 1
        self.terminal = False

    def feed(self, data: bytes, now_ns: int) -> None:
        """Take decoded body bytes that arrived at `now_ns`."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_LIMIT:
            self._rest = b""
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].strip())
            elif line.startswith(b"event:"):
                self._called_error = line[6:].strip() == b"error"
            elif not line.rstrip(b"\r"):
                self._dispatch(now_ns)

    def end(self) -> None:
        """The body ended. An unfinished event is dropped, except a terminal one that only lacks its empty line."""
        if self._rest.startswith(b"data:"):
            self._data.append(self._rest[5:].strip())
        self._rest = b""
        if self._data and _is_terminal(b"\n".join(self._data)):
            self.terminal = True

    def _dispatch(self, now_ns: int) -> None:
        called_error, self._called_error = self._called_error, False
        if not self._data:
            return
        data = b"\n".join(self._data)
        self._data.clear()
        if _is_terminal(data):
            self.terminal = True
            return
        text = _content(data) if b'"content"' in data else ""
        if not text and b'"text_delta"' in data:
            text = _text(data)
        if text:
            self._token(now_ns)
            self._number(text)
        elif called_error or (b'"error"' in data and _is_error(data)):
            self.flaws |= ERROR_EVENT

    def _token(self, now_ns: int) -> None:
        if self.tokens == 0:
            self.first_token_ns = now_ns
        elif now_ns - self._last_ns > self.gap_max_ns:
            self.gap_max_ns = now_ns - self._last_ns
        self._last_ns = now_ns
        self.tokens += 1

    def _number(self, text: str) -> None:
        """Hold the numbered words of an event against those before."""
        for found in _NUMBERED.findall(text):
            number = int(found)
            if number < self._next:
                self.flaws |= TOKEN_AGAIN
            elif number > self._next:
                self.flaws |= TOKEN_MISSING
            self._next = number + 1


def _content(data: bytes) -> str:
    """Return the text of a chunk's token; empty when it carries none, or is not the expected JSON."""
    try:
        event: Any = orjson.loads(data)
        texts = (choice["delta"].get("content") for choice in event["choices"])
        return next((str(text) for text in texts if text), "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _text(data: bytes) -> str:
    """Return the text of a message's token; empty when the event carries none."""
    try:
        event: Any = orjson.loads(data)
        delta = event["delta"]
        wanted = event["type"] == "content_block_delta" and delta["type"] == "text_delta"
        return str(delta.get("text") or "") if wanted else ""
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _is_error(data: bytes) -> bool:
    """Tell whether an event that is not called `error` says one all the same, as OpenAI's do."""
    try:
        event: Any = orjson.loads(data)
        return type(event) is dict and (bool(event.get("error")) or event.get("type") == "error")
    except ValueError:
        return False


def _is_terminal(data: bytes) -> bool:
    """Tell whether an event says that the stream is over."""
    if data == b"[DONE]":
        return True
    if b'"message_stop"' not in data:
        return False
    try:
        event: Any = orjson.loads(data)
        return bool(event["type"] == "message_stop")
    except (ValueError, KeyError, TypeError):
        return False
