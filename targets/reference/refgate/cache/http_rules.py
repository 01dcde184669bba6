"""What HTTP allows a shared cache to keep, and for how long: RFC 9111, with RFC 5861 for stale answers."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from multidict import CIMultiDict

from ..answer import Whole
from .directives import directives, seconds
from .entry import Lifetime

# Of the statuses that may be kept without being told (RFC 9110, 15.1) those that are no errors.
_KEEPABLE = frozenset((200, 203, 204, 300, 301, 308))
_VALIDATED_FOR_S = 86_400.0


def keepable(answer: Whole, request_headers: CIMultiDict[str]) -> bool:
    """Tell whether a shared cache may keep `answer` (RFC 9111, section 3)."""
    said = directives(answer.headers.getall("Cache-Control", ()))
    if answer.status not in _KEEPABLE or "no-store" in said or "private" in said:
        return False
    if "*" in (name.strip() for name in answer.headers.get("Vary", "").split(",")):
        return False
    personal = "Authorization" in request_headers
    return not personal or not said.keys().isdisjoint(("public", "s-maxage", "must-revalidate"))


def lifetime(answer: Whole, defaults: Lifetime, now_s: float) -> Lifetime:
    """Return how long `answer` is good; what its origin says goes before `defaults`.

    Freshness is s-maxage, else max-age, else Expires, else the default (section 4.2.1). An origin that forbids stale
    answers is obeyed; one that gives stale-while-revalidate beside s-maxage means it, though s-maxage alone forbids
    stale answers as proxy-revalidate does (section 5.2.2.10).
    """
    headers = answer.headers
    said = directives(headers.getall("Cache-Control", ()))
    fresh_s = seconds(said, "s-maxage")
    if fresh_s is None:
        fresh_s = seconds(said, "max-age")
    if fresh_s is None:
        fresh_s = _until_expiry_s(headers, now_s)
    if fresh_s is None:
        fresh_s = defaults.fresh_s
    if "no-cache" in said:
        fresh_s = 0.0
    forbidden = not said.keys().isdisjoint(("must-revalidate", "proxy-revalidate", "no-cache"))
    stale = {
        name: 0.0 if forbidden else _stale_s(said, f"stale-{name}", 0.0 if "s-maxage" in said else default_s)
        for name, default_s in (("while-revalidate", defaults.revalidate_s), ("if-error", defaults.error_s))
    }
    return Lifetime(
        fresh_s,
        stale["while-revalidate"],
        stale["if-error"],
        _VALIDATED_FOR_S if validators(headers) else 0.0,
    )


def spent_s(headers: CIMultiDict[str]) -> float:
    """Return the seconds that an answer has spent in caches before this one."""
    text = headers.get("Age", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


def validators(headers: CIMultiDict[str]) -> dict[str, str]:
    """Return the fields of a conditional request that asks whether an answer is still the current one."""
    fields = {"If-None-Match": headers.get("ETag"), "If-Modified-Since": headers.get("Last-Modified")}
    return {name: value for name, value in fields.items() if value is not None}


def varies(answer_headers: CIMultiDict[str]) -> tuple[str, ...]:
    """Return the names in Vary, in lower case and in order: the fields of a request that its answer depends on."""
    names = {name.strip().lower() for value in answer_headers.getall("Vary", ()) for name in value.split(",")}
    return tuple(sorted(names - {""}))


def _stale_s(said: dict[str, str], name: str, default_s: float) -> float:
    told_s = seconds(said, name)
    return default_s if told_s is None else told_s


def _until_expiry_s(headers: CIMultiDict[str], now_s: float) -> float | None:
    text = headers.get("Expires")
    if text is None:
        return None
    try:
        expires_s = parsedate_to_datetime(text).timestamp()
        date = headers.get("Date")
        return max(0.0, expires_s - (parsedate_to_datetime(date).timestamp() if date else now_s))
    except (ValueError, OverflowError):
        return 0.0  # a date that is none, "0" above all, means already expired (section 5.3)
