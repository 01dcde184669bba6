"""Which header fields cross the gateway: the end-to-end ones (RFC 9110, section 7.6.1)."""

from __future__ import annotations

from multidict import CIMultiDict, CIMultiDictProxy

_HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
# The length is counted anew from the body, Host names the provider, and Expect was answered by this gateway.
_NOT_UPWARD = _HOP_BY_HOP | {"host", "content-length", "expect"}
_NOT_DOWNWARD = _HOP_BY_HOP | {"content-length"}


def upward(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """Return the fields of a client's request that its provider gets."""
    return _without(headers, _NOT_UPWARD)


def downward(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """Return the fields of a provider's answer that the client gets."""
    return _without(headers, _NOT_DOWNWARD)


def _without(headers: CIMultiDictProxy[str], dropped: frozenset[str]) -> CIMultiDict[str]:
    named = {name.strip().lower() for value in headers.getall("Connection", ()) for name in value.split(",")}
    kept: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        if name.lower() not in dropped and name.lower() not in named:
            kept.add(name, value)
    return kept


def retry_after_s(headers: CIMultiDictProxy[str]) -> float:
    """Return the seconds that a provider asks to be left alone; 0 when it does not say, or says it as a date."""
    text = headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() else 0.0
