"""A target in a few lines: what its file says, over what the target says that it extends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_NAMED_BY: Final = ("name", "to", "program")


def extended(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return `own` over `base`: tables are merged key by key, lists of named tables name by name, all else is replaced."""
    merged = {key: value for key, value in base.items() if key not in own}
    for key, value in own.items():
        before = base.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = extended(before, value)
        elif _named(before) and _named(value):
            merged[key] = _by_name(before, value)
        else:
            merged[key] = value
    return merged


def _named(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and _name(one) for one in value)


def _name(table: Mapping[str, Any]) -> str:
    return next((str(table[key]) for key in _NAMED_BY if key in table), "")


def _by_name(base: Any, own: Any) -> list[dict[str, Any]]:
    ours = {_name(one): one for one in own}
    kept = [extended(one, ours.pop(_name(one), {})) for one in base]
    return [*kept, *ours.values()]
