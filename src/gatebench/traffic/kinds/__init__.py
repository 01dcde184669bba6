"""The kinds of request: one file a kind, registered at its foot."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from gatebench.traffic.kinds.registry import Composer, registered

__all__ = ["Composer", "kinds"]


def kinds() -> dict[str, type[Composer]]:
    """Return every kind of this folder by its name."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return registered()
