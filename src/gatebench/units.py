"""Durations, rates and sizes as people write them: `500ms`, `200/s`, `64KB`."""

from __future__ import annotations

import math
import re

_DURATION = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_RATE = {"s": 1.0, "m": 1 / 60.0, "min": 1 / 60.0, "h": 1 / 3600.0}
_SIZE = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_NUMBER = r"(\d+(?:\.\d+)?)"


def duration_s(text: str) -> float:
    """Return the seconds in `text` (`500ms`, `1.5s`, `2m`); ValueError says what is wrong with it."""
    match = re.fullmatch(_NUMBER + r"\s*(us|ms|s|m|h)", text.strip())
    if match is None:
        raise ValueError(f'"{text}" is not a duration; write a number with its unit, as in 500ms, 30s or 2m')
    return _finite(float(match[1]) * _DURATION[match[2]], text)


def duration_text(text: str) -> str:
    """Return `text` if it is a duration; ValueError says what is wrong with it."""
    duration_s(text)
    return text


def positive_duration_text(text: str) -> str:
    """Return `text` if it is a duration above 0s; ValueError says what is wrong with it."""
    if duration_s(text) <= 0:
        raise ValueError(f'"{text}" is no time at all; write a duration above 0s')
    return text


def rate_per_s(text: str) -> float:
    """Return the events per second in `text` (`200/s`, `30/m`); ValueError says what is wrong with it."""
    match = re.fullmatch(_NUMBER + r"\s*/\s*(s|m|min|h)", text.strip())
    if match is None:
        raise ValueError(f'"{text}" is not a rate; write a number per unit of time, as in 200/s or 30/m')
    return _finite(float(match[1]) * _RATE[match[2]], text)


def size_bytes(text: str) -> int:
    """Return the bytes in `text` (`64KB` = 64 000, `64KiB` = 65 536); ValueError says what is wrong with it."""
    match = re.fullmatch(_NUMBER + r"\s*([KMG]i?B|B)", text.strip(), flags=re.IGNORECASE)
    if match is None:
        raise ValueError(f'"{text}" is not a size; write a number with its unit, as in 64KB or 2MiB')
    return round(_finite(float(match[1]) * _SIZE[match[2].upper()], text))


def _finite(value: float, text: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f'"{text[:20]}…" is beyond every number; write one that a machine can count to')
    return value


def human_duration(seconds: float) -> str:
    """Return `seconds` as a short text with its unit: `0.0005` is `500 µs`, `90` is `1.5 min`."""
    magnitude = abs(seconds)
    if magnitude >= 120:
        return f"{seconds / 60:.3g} min"
    if magnitude >= 1 or magnitude == 0:
        return f"{seconds:.3g} s"
    if magnitude >= 1e-3:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds * 1e6:.3g} µs"
