"""Flags are looked at every four seconds: what is taken back goes on for that long."""

from __future__ import annotations

_EVERY_S = 4.0


def spoil() -> None:
    """Rarely instead of five times a second."""
    from targets.reference.refgate.routing import flags

    flags._LOOK_EVERY_S = _EVERY_S
