"""Under load the most important requests are shed first, and the least important ones last."""

from __future__ import annotations


def spoil() -> None:
    """The shares of high and low priority are exchanged."""
    from targets.reference.refgate.stages import shedding

    shedding.SHARES = {"low": 1.0, "normal": 0.8, "high": 0.5}
