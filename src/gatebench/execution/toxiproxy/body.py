"""Request and answer bodies as Toxiproxy reads and writes JSON: lenient about what it does not know, strict about types."""

from __future__ import annotations

import json
import re
from typing import Any

from gatebench.execution.toxiproxy.refusal import Refusal

_KINDS = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "an object",
    list: "an array",
}
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_no_constant)


def decode(body: bytes) -> Any:
    """Return the first JSON value in `body`; what follows it is ignored. Raises Refusal when there is none."""
    text = body.decode("utf-8", errors="replace").lstrip(" \t\r\n")
    if not text:
        raise Refusal(400, "bad request body: EOF")
    try:
        return _decoder.raw_decode(text)[0]
    except json.JSONDecodeError as error:
        raise Refusal(400, f"bad request body: {error.msg} at character {error.pos}") from error
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"bad request body: {error}") from error


def encode(value: Any) -> bytes:
    """Return compact JSON in which `<`, `>` and `&` are escaped, as Go's encoder does (they occur in strings only)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES).encode("utf-8", "replace")


class Fields:
    """A JSON object with typed access: names in any case, null and absent are the same, unknown names do not matter."""

    def __init__(self, value: Any) -> None:
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise _wrong("the body", value, "an object")
        self._values = {key.lower(): entry for key, entry in value.items()}

    def has(self, name: str) -> bool:
        """Tell whether the name is there and not null."""
        return self._values.get(name) is not None

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: str = "") -> str:
        """Return a string."""
        return _whole(self._get(name, str, default))

    def optional_text(self, name: str) -> str | None:
        """Return a string, None when it is not there."""
        value = self._get(name, str, None)
        return None if value is None else _whole(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return a truth value."""
        return bool(self._get(name, bool, default))

    def count(self, name: str) -> int:
        """Return a whole number that is not negative; 0 when it is not there."""
        value = int(self._get(name, int, 0))
        if not 0 <= value < 2**53:
            raise Refusal(400, f'"{name}" must lie between 0 and {2**53 - 1}')
        return value

    def share(self, name: str, default: float) -> float:
        """Return a number from 0 to 1."""
        value = self._values.get(name)
        value = self._get(name, int if type(value) is int else float, default)
        if not 0 <= value <= 1:  # before it becomes a float: an integer may be too large for one
            raise Refusal(400, f'"{name}" must lie between 0 and 1')
        return float(value)

    def object(self, name: str) -> dict[str, Any]:
        """Return an object with its names in lower case; empty when it is not there."""
        return {key.lower(): value for key, value in self._get(name, dict, {}).items()}

    def optional_array(self, name: str) -> list[Any] | None:
        """Return an array, None when it is not there."""
        value = self._get(name, list, None)
        return None if value is None else list(value)

    def _get(self, name: str, kind: type, default: Any) -> Any:
        value = self._values.get(name)
        if value is None:
            return default
        if type(value) is not kind:
            raise _wrong(f'"{name}"', value, _KINDS[kind])
        return value


def _whole(text: str) -> str:
    """Return a string in which half of a surrogate pair is U+FFFD, as Go reads it: no URL could spell it."""
    return _HALF_PAIR.sub("\ufffd", text)


def _wrong(what: str, value: Any, wanted: str) -> Refusal:
    return Refusal(400, f"bad request body: {what} must be {wanted}, not {_KINDS.get(type(value), 'null')}")
